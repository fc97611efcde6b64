// perf's names of events that need no file of the machine to be known.

import { EVENT_TYPE, type EventInfo } from '../../core/profile.ts'
import { CACHE_NAMES, cacheEventOf } from './cache.ts'

/** An event without its modifiers. */
export type EventKind = Pick<EventInfo, 'name' | 'type' | 'config' | 'unit'>

interface NamedEvent extends EventKind {
  readonly aliases: readonly string[]
}

const event = (type: number, config: bigint, name: string, aliases: readonly string[] = []): NamedEvent => ({
  name,
  aliases,
  type,
  config,
  unit: name.endsWith('-clock') ? 'nanoseconds' : 'count',
})

const { hardware, software } = EVENT_TYPE

/** perf_event_attr's type and config (PERF_COUNT_SW_*, PERF_COUNT_HW_*), by perf's names. */
export const EVENTS: readonly NamedEvent[] = [
  event(software, 0n, 'cpu-clock'),
  event(software, 1n, 'task-clock'),
  event(software, 2n, 'page-faults', ['faults']),
  event(software, 5n, 'minor-faults'),
  event(software, 6n, 'major-faults'),
  event(software, 3n, 'context-switches', ['cs']),
  event(software, 4n, 'cpu-migrations', ['migrations']),
  event(software, 7n, 'alignment-faults'),
  event(software, 8n, 'emulation-faults'),
  event(software, 9n, 'dummy'),
  event(software, 10n, 'bpf-output'),
  event(software, 11n, 'cgroup-switches'),
  event(hardware, 0n, 'cycles', ['cpu-cycles']),
  event(hardware, 1n, 'instructions'),
  event(hardware, 2n, 'cache-references'),
  event(hardware, 3n, 'cache-misses'),
  event(hardware, 4n, 'branch-instructions', ['branches']),
  event(hardware, 5n, 'branch-misses'),
  event(hardware, 6n, 'bus-cycles'),
  event(hardware, 7n, 'stalled-cycles-frontend', ['idle-cycles-frontend']),
  event(hardware, 8n, 'stalled-cycles-backend', ['idle-cycles-backend']),
  event(hardware, 9n, 'ref-cycles'),
]

/** What stands for "the best clock this machine has". */
export const AUTO = 'auto'

/** What perf stat alone can show. */
export const TOOL_EVENTS: readonly string[] = ['duration_time', 'user_time', 'system_time']

/** The event of the name; undefined where it is no name of this kind. */
export function namedEvent(name: string): EventKind | undefined {
  const known = EVENTS.find((kind) => kind.name === name || kind.aliases.includes(name))
  if (known !== undefined) {
    const { aliases, ...kind } = known
    return kind
  }
  const raw = /^r([0-9a-f]{1,16})$/i.exec(name)
  if (raw !== null) {
    return { name: name.toLowerCase(), type: EVENT_TYPE.raw, config: BigInt(`0x${raw[1]}`), unit: 'count' }
  }
  return cacheEventOf(name)
}

export const allNames = (): readonly string[] => [
  AUTO,
  ...EVENTS.flatMap((kind) => [kind.name, ...kind.aliases]),
  ...CACHE_NAMES,
]

/** What the numbers alone say of an event; undefined: nothing. */
export const eventOfNumbers = (type: number, config: bigint): EventKind | undefined =>
  EVENTS.find((kind) => kind.type === type && kind.config === config)

/** Whether every occurrence is a sample where no rate is asked for, as perf has it. */
export const countsEach = ({ type }: Pick<EventInfo, 'type'>): boolean =>
  type === EVENT_TYPE.tracepoint || type === EVENT_TYPE.breakpoint

/** Whether the event happens while the kernel runs, so that nothing is left of it in user mode. */
export const happensInKernel = ({ type, config }: Pick<EventInfo, 'type' | 'config'>): boolean =>
  type === EVENT_TYPE.tracepoint || (type === software && IN_KERNEL.includes(config))

/** context-switches, cpu-migrations, cgroup-switches */
const IN_KERNEL: readonly bigint[] = [3n, 4n, 11n]

/** Whether counting the event needs a CPU's performance monitoring unit. */
export const needsHardware = ({ type }: Pick<EventInfo, 'type'>): boolean =>
  type === hardware || type === EVENT_TYPE.cache || type === EVENT_TYPE.raw
