// Long work on the event loop, a few milliseconds at a time.

import { setImmediate as nextTurn } from 'node:timers/promises'

/** After it others have their turn. */
const TURN_MS = 4
/** Items between two looks at the clock. */
const PIECE = 64

/**
 * The ranges [from, to) of `length` items, in order. Before the first, and whenever a few milliseconds have passed, whatever else
 * waits for the event loop is let in: do not rely on anything shared that it may change.
 * @param piece items that take well below a millisecond together
 */
export async function* inTurns(
  length: number,
  piece: number = PIECE,
): AsyncGenerator<readonly [from: number, to: number]> {
  let began = Number.NEGATIVE_INFINITY
  for (let from = 0; from < length; from += piece) {
    if (performance.now() - began > TURN_MS) {
      await nextTurn()
      began = performance.now()
    }
    yield [from, Math.min(from + piece, length)]
  }
}
