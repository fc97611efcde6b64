// How often others had their turn on the event loop.

/** Counts the turns of the event loop from now until `stop`. */
export function countTurns(): { stop(): number } {
  let turns = 0
  let next = setImmediate(function again() {
    turns++
    next = setImmediate(again)
  })
  return {
    stop: () => {
      clearImmediate(next)
      return turns
    },
  }
}
