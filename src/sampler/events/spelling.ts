// Lists and groups of events, as -e takes them: `a,b`, `{a,b}:S`. Commas between slashes belong to an event.

import { AgentError } from '../../core/errors.ts'
import { eventsIn } from '../../core/event-list.ts'

/** Events that are counted together; one without braces is by itself. */
export interface SpelledEvents {
  readonly events: readonly string[]
  /** Modifiers of the whole group; undefined: it is none. */
  readonly group: string | undefined
}

/** @throws AgentError `EVENT.UNKNOWN` */
export function spelledEvents(text: string): readonly SpelledEvents[] {
  return splitAtCommas(text).map((part) => {
    if (!part.startsWith('{')) return { events: [part], group: undefined }
    const group = /^\{(.*)\}(?::(\w+))?$/s.exec(part)
    if (group === null)
      throw wrong(`'${part}' is no group: write {EVENT,EVENT}, and :S behind it for leader sampling.`)
    const events = splitAtCommas(group[1] ?? '')
    if (events.some((event) => event.startsWith('{')))
      throw wrong(`'${part}': a group within a group is none.`)
    return { events, group: group[2] ?? '' }
  })
}

function splitAtCommas(text: string): readonly string[] {
  const { events, open } = eventsIn(text)
  if (open === 'slash') throw wrong(`'${text}': the second slash is missing: write pmu/term=value/.`)
  if (open === 'brace') throw wrong(`'${text}': a brace is missing.`)
  return events
}

const wrong = (message: string): AgentError => new AgentError('EVENT.UNKNOWN', message)
