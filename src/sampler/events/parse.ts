// One event as perf spells it, to what is opened.

import { didYouMean } from '../../base/near.ts'
import { AgentError } from '../../core/errors.ts'
import { EVENT_TYPE, type EventDetails, type EventInfo, type SamplingRate } from '../../core/profile.ts'
import { hertz } from '../../core/units.ts'
import { breakpointOf } from './breakpoint.ts'
import { modesOf } from './modifiers.ts'
import { allNames, countsEach, type EventKind, eventOfNumbers, namedEvent, TOOL_EVENTS } from './names.ts'
import { type EventPlaces, namesIn } from './places.ts'
import { configOf, eventNamesOf, findPmu, maxPrecisionOf, type Pmu } from './pmu.ts'
import { numberIn, type Term, termsOf } from './terms.ts'
import { tracepoint, tracepointsOf } from './tracepoint.ts'

export interface AskedEvent {
  readonly info: EventInfo
  /** What it says of its rate; absent: it is sampled as all others are. */
  readonly rate?: SamplingRate
  /** CPUs that its PMU counts on; absent: all. */
  readonly onlyCpus?: readonly number[]
  /** Absent: it is by itself. */
  readonly group?: EventGroup
  /** Which occurrences of a tracepoint count, in the kernel's words; absent: all. */
  readonly filter?: string
}

/** Events that are on their counters at the same times, or not at all. */
export interface EventGroup {
  /** Its place among all events that are asked for. */
  readonly leader: number
  readonly size: number
  /** Members take no samples of their own: each of the leader's is one of every event that has counted since, of what it counted. */
  readonly isSampledByLeader: boolean
}

/**
 * The events that the text stands for; a glob, and a name that several PMUs have, are several. `auto` is not an event and is
 * resolved before.
 * @param more modifiers besides the event's own
 * @throws AgentError `EVENT.UNKNOWN` that suggests what was meant, `EVENT.NOT_HERE`, `EVENT.REFUSED`
 */
export function parseEvents(text: string, places: EventPlaces, more = ''): readonly AskedEvent[] {
  const context: EventContext = { text, more, precision: () => maxPrecisionOf(places) }
  if (text.startsWith('mem:')) return [breakpointEvent(context)]
  const slashed = slashedParts(text)
  if (slashed !== undefined) return pmuEvents(slashed, context, places)
  const byName = parseName(context)
  if (byName !== undefined) return [byName]
  const [system = '', name = '', modifiers = '', ...rest] = text.split(':')
  if (name !== '' && rest.length === 0 && !/^[^\w*?-]/.test(system)) {
    return tracepointsOf(system, name, places).map((kind) => asked(kind, modifiers, context))
  }
  const pmus = text.includes(':') ? [] : pmusWithEvent(text, places)
  if (pmus.length === 0) throw unknownEvent(system, text)
  return pmus.flatMap((pmu) => pmuEvents({ name: pmu, terms: text, modifiers: '' }, context, places))
}

/**
 * The event, as far as its text says without a look at the machine; undefined: what it is shows when it starts.
 * @throws AgentError `EVENT.UNKNOWN`, `EVENT.REFUSED`
 */
export function parseUnseen(text: string): EventInfo | undefined {
  const context: EventContext = { text, precision: () => 0 }
  if (text.startsWith('mem:')) return breakpointEvent(context).info
  const slashed = slashedParts(text)
  if (slashed !== undefined) {
    splitTerms(termsOf(slashed.terms, text), text)
    const kind = namedEvent(slashed.name)
    return kind === undefined ? undefined : asked(kind, slashed.modifiers, context).info
  }
  const byName = parseName(context)
  if (byName !== undefined) return byName.info
  const [system = '', name = '', modifiers = '', ...rest] = text.split(':')
  if (name === '' || rest.length > 0) throw unknownEvent(system, text)
  if (/[*?]/.test(text))
    throw new AgentError('EVENT.REFUSED', `'${text}' stands for several events: one is expected here.`)
  return asked(tracepoint(`${system}:${name}`, 0n), modifiers, context).info
}

interface EventContext {
  readonly text: string
  /** Modifiers besides its own; absent: none. */
  readonly more?: string
  readonly precision: () => number
}

/** `name[:modifiers]`; undefined where the name needs the machine's files. */
function parseName(context: EventContext): AskedEvent | undefined {
  const [name = '', modifiers, ...rest] = context.text.split(':')
  const kind = namedEvent(name)
  if (TOOL_EVENTS.includes(name)) {
    throw new AgentError(
      'EVENT.REFUSED',
      `${name} is what perf stat measures itself: there is nothing to sample.`,
    )
  }
  if (kind === undefined) return undefined
  if (rest.length > 0 || modifiers === '') {
    throw new AgentError('EVENT.UNKNOWN', `'${context.text}' is not an event: write ${kind.name}:u`)
  }
  return asked(kind, modifiers ?? '', context)
}

function breakpointEvent(context: EventContext): AskedEvent {
  const { kind, details, modifiers } = breakpointOf(context.text)
  return asked(kind, modifiers, { ...context, details })
}

function asked(
  kind: EventKind,
  modifiers: string,
  context: EventContext & { readonly details?: EventDetails; readonly separator?: string },
): AskedEvent {
  const {
    letters,
    excludeUser,
    excludeKernel,
    details: modes,
  } = modesOf(`${modifiers}${context.more ?? ''}`, kind, context)
  const details = { ...context.details, ...modes }
  const info: EventInfo = {
    ...kind,
    name: letters === '' ? kind.name : `${kind.name}${context.separator ?? ':'}${letters}`,
    excludeUser,
    excludeKernel,
    ...(Object.keys(details).length === 0 ? {} : { details }),
  }
  return { info }
}

interface SlashedParts {
  readonly name: string
  readonly terms: string
  readonly modifiers: string
}

function slashedParts(text: string): SlashedParts | undefined {
  const parts = /^([^/]+)\/([^/]*)\/:?(\w*)$/s.exec(text)
  if (parts !== null) return { name: parts[1] ?? '', terms: parts[2] ?? '', modifiers: parts[3] ?? '' }
  if (!text.includes('/')) return undefined
  throw new AgentError(
    'EVENT.UNKNOWN',
    `'${text}' is not an event: write pmu/term=value,…/ and modifiers behind it.`,
  )
}

function pmuEvents(
  { name, terms: stated, modifiers }: SlashedParts,
  context: EventContext,
  places: EventPlaces,
): readonly AskedEvent[] {
  const { text } = context
  const { own, terms } = splitTerms(termsOf(stated, text), text)
  const pmu = findPmu(name, places)
  const kind = pmu === undefined ? namedEvent(name) : undefined
  if (kind !== undefined) {
    if (terms[0] !== undefined) throw refusedTerm(terms[0].name, text)
    return [withOwn(asked(kind, modifiers, context), own)]
  }
  if (pmu === undefined) throw noPmu(name, text, places)
  if (pmu.isUncore) throw uncore(pmu, text, places)
  const { config, config1, config2 } = configOf(pmu, terms, { places, text })
  const details = { ...(config1 === 0n ? {} : { config1 }), ...(config2 === 0n ? {} : { config2 }) }
  const unit = eventOfNumbers(pmu.type, config)?.unit ?? 'count'
  const spelled: EventKind = { name: `${name}/${stated}/`, type: pmu.type, config, unit }
  const event = withOwn(asked(spelled, modifiers, { ...context, details, separator: '' }), own)
  return [{ ...event, ...(pmu.cpus === undefined ? {} : { onlyCpus: pmu.cpus }) }]
}

/** What terms say of the event that is not the PMU's. */
interface OwnTerms {
  readonly name: string | undefined
  readonly rate: SamplingRate | undefined
}

const withOwn = ({ info, ...rest }: AskedEvent, { name, rate }: OwnTerms): AskedEvent => ({
  info: name === undefined ? info : { ...info, name },
  ...rest,
  ...(rate === undefined ? {} : { rate }),
})

/** Terms of perf that say how to sample, and are options here. */
const REFUSED_TERMS: Readonly<Record<string, string>> = {
  'call-graph': '--call-graph is for all events',
  'stack-size': '--call-graph dwarf,BYTES is for all events',
  'max-stack': '--max-stack is for all events',
  time: 'every sample has its time',
  inherit: '--no-inherit is for all events',
  'no-inherit': '--no-inherit is for all events',
  branch_type: 'Sonde takes no branch stacks',
  config3: 'Sonde fills config, config1 and config2',
}

function splitTerms(
  all: readonly Term[],
  text: string,
): { readonly own: OwnTerms; readonly terms: readonly Term[] } {
  const statedFor = (name: string): string | undefined => all.find((term) => term.name === name)?.value
  const refused = all.find(({ name }) => REFUSED_TERMS[name] !== undefined)
  if (refused !== undefined) throw refusedTerm(refused.name, text)
  const period = positive('period', statedFor('period'), text)
  const frequency = positive('freq', statedFor('freq'), text)
  if (period !== undefined && frequency !== undefined) {
    throw new AgentError('EVENT.UNKNOWN', `'${text}': either period= or freq=, not both.`)
  }
  const rate: SamplingRate | undefined =
    period !== undefined
      ? { by: 'period', period }
      : frequency === undefined
        ? undefined
        : { by: 'frequency', hertz: hertz(Number(frequency)) }
  return {
    own: { name: statedFor('name'), rate },
    terms: all.filter(({ name }) => !['period', 'freq', 'name'].includes(name)),
  }
}

function positive(name: string, value: string | undefined, text: string): bigint | undefined {
  if (value === undefined) return undefined
  const number = numberIn(value)
  if (number !== undefined && number > 0n && number < 2n ** 53n) return number
  throw new AgentError('EVENT.UNKNOWN', `'${name}=${value}' of '${text}': expected a whole number above 0.`)
}

const refusedTerm = (name: string, text: string): AgentError =>
  new AgentError(
    'EVENT.REFUSED',
    `The term '${name}' of '${text}' is refused: ${REFUSED_TERMS[name] ?? 'only period, freq and name can be said of an event that has a name'}.`,
  )

function noPmu(name: string, text: string, places: EventPlaces): AgentError {
  const pmus = namesIn(places.devices)
  const meant = didYouMean(name, pmus) || `; there are ${pmus.join(', ') || 'none'}`
  return new AgentError(
    'EVENT.NOT_HERE',
    `Cannot sample ${text}: this machine has no PMU '${name}'${meant} (${places.devices}/${name} is missing; its driver may not be loaded, and virtual machines seldom have any).`,
  )
}

const uncore = ({ name }: Pmu, text: string, { devices }: EventPlaces): AgentError =>
  new AgentError(
    'EVENT.REFUSED',
    `Cannot sample ${text}: ${name} counts for a whole package or machine (${devices}/${name}/cpumask), and knows of no code that it could show. perf stat counts it.`,
  )

const pmusWithEvent = (name: string, places: EventPlaces): readonly string[] =>
  namesIn(places.devices).filter((pmu) => eventNamesOf(pmu, places).includes(name))

function unknownEvent(name: string, text: string): AgentError {
  const meant = didYouMean(name, allNames())
  const known = `. Sonde knows those of 'sonde list', auto, rNNN, pmu/term=value/, group:name and mem:ADDRESS`
  return new AgentError(
    'EVENT.UNKNOWN',
    `There is no event '${text === name ? name : text}'${meant || known}.`,
  )
}

/** What it is sampled by where nobody says: each occurrence of what is rare enough, everything else as all others. */
export const rateFor = (
  { info, rate, group }: AskedEvent,
  { rate: common, isDefault, place }: CommonRate,
): SamplingRate => {
  if (group?.isSampledByLeader === true && group.leader !== place) return OF_LEADER
  return rate ?? (isDefault && countsEach(info) ? EACH : common)
}

/** As perf writes it: of its own it takes none. */
const OF_LEADER: SamplingRate = { by: 'period', period: 0n }

const EACH: SamplingRate = { by: 'period', period: 1n }

export interface CommonRate {
  readonly rate: SamplingRate
  /** Whether nobody asked for it. */
  readonly isDefault: boolean
  /** Of the event among all. */
  readonly place: number
}

/** The same event in user mode only. */
export const inUserMode = (info: EventInfo): EventInfo => ({
  ...info,
  name: inUserModeName(info),
  excludeUser: false,
  excludeKernel: true,
})

function inUserModeName({ name, type }: EventInfo): string {
  const modes = (letters: string): string => `u${letters.replaceAll(/[uk]/g, '')}`
  if (name.endsWith('/')) return `${name}u`
  const parts = name.split(':')
  const own = type === EVENT_TYPE.breakpoint ? 3 : type === EVENT_TYPE.tracepoint ? 2 : 1
  return [...parts.slice(0, own), modes(parts[own] ?? '')].join(':')
}
