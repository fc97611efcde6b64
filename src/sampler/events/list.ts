// What events this machine has, and what it lacks and why.

import type { NativeAddon, NativeEventNumbers } from '../../native/binding.ts'
import { loadAddon } from '../../native/load.ts'
import { CACHE_NAMES, cacheEventOf } from './cache.ts'
import { EVENTS, type EventKind, needsHardware } from './names.ts'
import { parseEvents } from './parse.ts'
import { EVENT_PLACES, type EventPlaces, namesIn, textIn } from './places.ts'
import { cpuPmus, eventNamesOf, findPmu } from './pmu.ts'
import { findTracefs, tracepoint } from './tracepoint.ts'

/** As perf list calls them. */
export const LIST_KINDS = ['hw', 'sw', 'cache', 'pmu', 'tracepoint', 'raw', 'breakpoint'] as const
export type ListKind = (typeof LIST_KINDS)[number]

export interface ListedEvent {
  readonly kind: ListKind
  readonly name: string
  readonly aliases: readonly string[]
  /** perf_event_attr's; undefined for forms like `rNNN`, whose numbers are to be filled in. */
  readonly type: number | undefined
  readonly config: bigint | undefined
  /** Of a PMU's event: what one count stands for, as sysfs says it: `2.3e-10 Joules`; '' where it does not. */
  readonly unit: string
}

/** What is not there, and why, in a sentence. */
export interface Lacking {
  readonly kind: ListKind
  readonly why: string
}

export interface EventList {
  readonly events: readonly ListedEvent[]
  readonly lacking: readonly Lacking[]
}

/** Whether the kernel opens an event to sample it: '' or why not, by errno name. */
export type TryEvent = NativeAddon['tryEvent']

/** @throws AgentError where the addon cannot be loaded */
export const listMachine = (): EventList => listEvents(EVENT_PLACES, loadAddon().tryEvent)

export function listEvents(places: EventPlaces, tryEvent: TryEvent): EventList {
  const ofPmus = pmuEvents(places, tryEvent)
  const named = (pmu: string): boolean => ofPmus.events.some(({ name }) => name.startsWith(`${pmu}/`))
  const countsOnly = (pmu: string): boolean => eventNamesOf(pmu, places).length > 0 && !named(pmu)
  const parts = [namedEvents(places, tryEvent), ofPmus, forms(places, countsOnly), tracepoints(places)]
  return { events: parts.flatMap(({ events }) => events), lacking: parts.flatMap(({ lacking }) => lacking) }
}

/** Hardware, software and cache events. */
function namedEvents(places: EventPlaces, tryEvent: TryEvent): EventList {
  const hasPmu = cpuPmus(places).length > 0
  const all = [
    ...EVENTS.map((kind) => ({ ...kind, of: needsHardware(kind) ? ('hw' as const) : ('sw' as const) })),
    ...CACHE_NAMES.flatMap((name) => {
      const kind = cacheEventOf(name)
      return kind === undefined ? [] : [{ ...kind, aliases: [], of: 'cache' as const }]
    }),
  ]
  const tried = all.map((each) => ({
    listed: listed(each.of, each, each.aliases),
    error: hasPmu || !needsHardware(each) ? tryEvent(numbersOf(each)) : 'ENOENT',
  }))
  const lacking = (['hw', 'sw', 'cache'] as const).flatMap((kind) => {
    const failed = tried.filter(({ listed: { kind: each }, error }) => each === kind && error !== '')
    if (failed.length === 0) return []
    if (kind !== 'sw' && !hasPmu)
      return [{ kind, why: `there is no CPU PMU in ${places.devices}; virtual machines seldom have one` }]
    const names = failed.map(({ listed: { name }, error }) => `${name} (${error})`)
    return [{ kind, why: `the kernel does not open ${names.join(', ')}` }]
  })
  return { events: tried.filter(({ error }) => error === '').map((each) => each.listed), lacking }
}

function pmuEvents(places: EventPlaces, tryEvent: TryEvent): EventList {
  const events: ListedEvent[] = []
  const lacking: Lacking[] = []
  for (const pmu of namesIn(places.devices)) {
    const names = eventNamesOf(pmu, places)
    const samples = names.filter((name) => {
      const kind = kindOf(`${pmu}/${name}/`, places)
      const opens = kind !== undefined && tryEvent(numbersOf(kind)) === ''
      if (opens) events.push({ ...listed('pmu', kind, []), unit: unitOf(pmu, name, places) })
      return opens
    })
    if (samples.length === names.length) continue
    const why =
      findPmu(pmu, places)?.isUncore === true
        ? 'counts for a whole package or machine'
        : 'only counts, or needs what was not given'
    lacking.push({
      kind: 'pmu',
      why: `${pmu} ${why}: ${names.filter((name) => !samples.includes(name)).join(', ')}`,
    })
  }
  return { events, lacking }
}

/** Undefined where it cannot be sampled, or not without a parameter. */
function kindOf(text: string, places: EventPlaces): EventKind | undefined {
  try {
    return parseEvents(text, places)[0]?.info
  } catch {
    return undefined
  }
}

function unitOf(pmu: string, name: string, { devices }: EventPlaces): string {
  const part = (suffix: string): string => textIn(devices, pmu, 'events', `${name}.${suffix}`) ?? ''
  return `${part('scale')} ${part('unit')}`.trim()
}

/** What is written with numbers of one's own. */
const forms = (places: EventPlaces, countsOnly: (pmu: string) => boolean): EventList => ({
  events: [
    ...(cpuPmus(places).length > 0 ? [form('raw', 'rNNN')] : []),
    ...namesIn(places.devices)
      .map((pmu) => ({ pmu, terms: namesIn(places.devices, pmu, 'format') }))
      .filter(({ pmu, terms }) => terms.length > 0 && !PROBES.includes(pmu) && !countsOnly(pmu))
      .map(({ pmu, terms }) => form('pmu', `${pmu}/${terms.map((term) => `${term}=N`).join(',')}/`)),
    ...(findPmu('breakpoint', places) === undefined
      ? []
      : [form('breakpoint', 'mem:ADDRESS[/LENGTH][:rwx]')]),
  ],
  lacking:
    findPmu('breakpoint', places) === undefined
      ? [{ kind: 'breakpoint', why: `${places.devices}/breakpoint is missing` }]
      : [],
})

/** Their events are made by perf probe, and are tracepoints then. */
const PROBES: readonly string[] = ['kprobe', 'uprobe']

const form = (kind: ListKind, name: string): ListedEvent => ({
  kind,
  name,
  aliases: [],
  type: undefined,
  config: undefined,
  unit: '',
})

function tracepoints(places: EventPlaces): EventList {
  const found = findTracefs(places)
  if ('problem' in found) return { events: [], lacking: [{ kind: 'tracepoint', why: found.problem }] }
  const events = namesIn(found.events).flatMap((system) =>
    namesIn(found.events, system).flatMap((name) => {
      const id = textIn(found.events, system, name, 'id')
      return id === undefined ? [] : [listed('tracepoint', tracepoint(`${system}:${name}`, BigInt(id)), [])]
    }),
  )
  return { events, lacking: [] }
}

const listed = (
  kind: ListKind,
  { name, type, config }: EventKind,
  aliases: readonly string[],
): ListedEvent => ({
  kind,
  name,
  aliases,
  type,
  config,
  unit: '',
})

const numbersOf = ({ type, config }: EventKind): NativeEventNumbers => ({ type, config })
