export interface EventList {
  readonly events: readonly string[]
  /** What the text opens and does not close. */
  readonly open: 'slash' | 'brace' | undefined
}

/** Cut at the commas that stand between events: those within PMU terms (`cpu/event=1,umask=2/`) and groups (`{a,b}`) do not. */
export function eventsIn(text: string): EventList {
  const events: string[] = []
  let event = ''
  let braces = 0
  let inTerms = false
  for (const letter of text) {
    if (letter === '/' && !/[{,]?mem:[^,{]*$/.test(event)) inTerms = !inTerms
    if (!inTerms && letter === '{') braces++
    if (!inTerms && letter === '}') braces--
    if (letter === ',' && !inTerms && braces === 0) {
      events.push(event.trim())
      event = ''
    } else {
      event += letter
    }
  }
  return {
    events: [...events, event.trim()],
    open: inTerms ? 'slash' : braces !== 0 ? 'brace' : undefined,
  }
}
