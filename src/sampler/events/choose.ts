// The events that are asked for, as this machine has them.

import { AgentError } from '../../core/errors.ts'
import type { EventInfo } from '../../core/profile.ts'
import { filtered } from './filter.ts'
import { AUTO, needsHardware } from './names.ts'
import { type AskedEvent, parseEvents, parseUnseen } from './parse.ts'
import { EVENT_PLACES, type EventPlaces } from './places.ts'
import { cpuPmus } from './pmu.ts'
import { type SpelledEvents, spelledEvents } from './spelling.ts'

/** As -e has it; `filter` says which occurrences of its tracepoints count, in the kernel's words. */
export type EventRequest = string | { readonly text: string; readonly filter: string }

export interface ChosenEvents {
  readonly events: readonly AskedEvent[]
  /** What was chosen for the user, in a sentence each. */
  readonly notices: readonly string[]
}

/**
 * Reads the events and resolves `auto`: cycles where there is a PMU, else cpu-clock.
 * @throws AgentError `EVENT.UNKNOWN`, `EVENT.TWICE`, `EVENT.NO_PMU`, `EVENT.NOT_HERE`, `EVENT.REFUSED`
 */
export function chooseEvents(
  requests: readonly EventRequest[],
  places: EventPlaces = EVENT_PLACES,
): ChosenEvents {
  const pmus = cpuPmus(places)
  const notices: string[] = []
  const events: AskedEvent[] = []
  for (const request of requests) {
    const { text, filter } = typeof request === 'string' ? { text: request, filter: undefined } : request
    for (const spelled of spelledEvents(text)) {
      const found = spelled.events.flatMap((each, place) => {
        const resolved = withoutAuto(each, pmus)
        if (resolved.notice !== undefined) notices.push(resolved.notice)
        return parseEvents(resolved.text, places, groupLetters(spelled, place)).map((event) =>
          filtered(event, filter, places),
        )
      })
      events.push(...grouped(found, spelled, events.length))
    }
  }
  refuseTwins(events.map(({ info }) => info))
  refuseMissingHardware(
    events.map(({ info }) => info),
    { pmus, places },
  )
  return { events, notices }
}

/**
 * The event, as far as its text says: what needs a look at the machine is undefined.
 * @throws AgentError `EVENT.UNKNOWN`, also where `auto` has wrong modifiers; `EVENT.REFUSED`
 */
export function checkEventName(text: string): EventInfo | undefined {
  const [spelled, ...others] = spelledEvents(text)
  if (spelled === undefined || spelled.group !== undefined || others.length > 0) {
    throw new AgentError('EVENT.REFUSED', `'${text}' stands for several events: one is expected here.`)
  }
  const isAuto = /^auto(?=:|$)/.test(text)
  const info = parseUnseen(isAuto ? text.replace(AUTO, 'cycles') : text)
  return isAuto ? undefined : info
}

function withoutAuto(
  text: string,
  pmus: readonly string[],
): { readonly text: string; readonly notice?: string } {
  const [name, ...modifiers] = text.split(':')
  if (name !== AUTO) return { text }
  const chosen = pmus.length > 0 ? 'cycles' : 'cpu-clock'
  return {
    text: [chosen, ...modifiers].join(':'),
    notice:
      pmus.length > 0
        ? `auto: sampling cycles (PMU ${pmus.join(', ')}).`
        : 'auto: sampling cpu-clock, because this machine has no PMU.',
  }
}

const LEADER_SAMPLING = 'S'

/** What stands behind the braces is said of each event, but for S; a group is on its counters as its leader is. */
function groupLetters({ group = '' }: SpelledEvents, place: number): string {
  const letters = group.replace(LEADER_SAMPLING, '')
  return place === 0 ? letters : letters.replaceAll(/[De]/g, '')
}

function grouped(
  events: readonly AskedEvent[],
  { group: modifiers }: SpelledEvents,
  leader: number,
): readonly AskedEvent[] {
  if (modifiers === undefined || events.length < 2) return events
  const group = { leader, size: events.length, isSampledByLeader: modifiers.includes(LEADER_SAMPLING) }
  const member = events.slice(1).find(({ info: { details } }) => details?.pinned ?? details?.exclusive)
  if (member !== undefined) {
    const message = `${member.info.name}: D and e are for the first event of a group, its leader.`
    throw new AgentError('EVENT.REFUSED', message)
  }
  return events.map((event) => ({ ...event, group }))
}

function refuseTwins(events: readonly EventInfo[]): void {
  const names = events.map((event) => event.name)
  const twin = names.find((name, index) => names.indexOf(name) !== index)
  if (twin !== undefined) throw new AgentError('EVENT.TWICE', `The event ${twin} is asked for twice.`)
}

interface Machine {
  readonly pmus: readonly string[]
  readonly places: EventPlaces
}

function refuseMissingHardware(events: readonly EventInfo[], { pmus, places }: Machine): void {
  const event = pmus.length > 0 ? undefined : events.find(needsHardware)
  if (event === undefined) return
  throw new AgentError(
    'EVENT.NO_PMU',
    `Cannot sample ${event.name}: this machine has no hardware performance monitoring unit ` +
      `(no CPU PMU in ${places.devices}).\nSample cpu-clock instead, or let --event auto choose.`,
  )
}
