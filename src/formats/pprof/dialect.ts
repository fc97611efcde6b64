// What pprof leaves to convention, by who reads it: the names of values and labels.

import type { EventInfo } from '../../core/profile.ts'
import type { MappingEntry } from '../profile/dictionary.ts'

export interface ValueTypeName {
  readonly type: string
  readonly unit: string
}

/** Each sample has two values: how many samples it stands for, and their weight in the event's unit. */
export interface ValueTypes {
  readonly samples: ValueTypeName
  readonly weight: ValueTypeName
  readonly period: ValueTypeName
  /** The type that is shown first; '' leaves that to readers, who take the last one. */
  readonly shown: string
}

/** Names of labels; `thread name`, `process name` and `incomplete` are everybody's. */
export interface LabelNames {
  readonly process: string
  readonly thread: string
  readonly cpu: string
  /** '' where containers are not told. */
  readonly container: string
  /** '' where cgroups are not told. */
  readonly cgroup: string
}

export interface PprofDialect {
  readonly valueTypes: (event: EventInfo) => ValueTypes
  readonly labels: LabelNames
  /** How the ids of processes, threads and CPUs are written. */
  readonly ids: 'numbers' | 'texts'
  /** `executable`: a process is called by its program where that is known, else as the kernel calls its main thread. */
  readonly processName: 'main_thread' | 'executable'
  /** `executable`: each stack stands on a frame that names its program. */
  readonly root: 'none' | 'executable'
  readonly buildId: (mapping: MappingEntry) => string
}

const isClock = (event: EventInfo): boolean => event.unit === 'nanoseconds'
const eventType = ({ name, unit }: EventInfo): ValueTypeName => ({ type: name, unit })

/**
 * As go tool pprof and its kin have it. Clock events: `samples/count` and `cpu/nanoseconds`; every other event:
 * `samples/count` and the event itself, in counts.
 */
export const COMMON_PPROF: PprofDialect = {
  valueTypes: (event) => ({
    samples: { type: 'samples', unit: 'count' },
    weight: isClock(event) ? { type: 'cpu', unit: 'nanoseconds' } : eventType(event),
    period: eventType(event),
    shown: '',
  }),
  labels: { process: 'pid', thread: 'tid', cpu: 'cpu', container: '', cgroup: 'cgroup' },
  ids: 'numbers',
  processName: 'main_thread',
  root: 'none',
  buildId: ({ buildId }) => buildId,
}

/**
 * As Datadog's backend reads it, which goes by names. Ids are texts, the program is each stack's root, and a file without a
 * GNU build id goes by Go's or by the hash of its content: all as dd-otel-host-profiler writes them
 * (reporter/pprof/profile_builder.go at fb31296, 2026-06).
 */
export const DATADOG_PPROF: PprofDialect = {
  valueTypes: (event) => {
    const name = isClock(event) ? 'cpu' : event.name
    const weight = isClock(event) ? { type: 'cpu-time', unit: 'nanoseconds' } : eventType(event)
    return {
      samples: { type: `${name}-samples`, unit: 'count' },
      weight,
      period: weight,
      shown: weight.type,
    }
  },
  labels: {
    process: 'process_id',
    thread: 'thread id',
    cpu: 'cpu.logical_number',
    container: 'container_id',
    cgroup: '',
  },
  ids: 'texts',
  processName: 'executable',
  root: 'executable',
  buildId: ({ buildId, goBuildId, contentHash }) => buildId || goBuildId || contentHash,
}
