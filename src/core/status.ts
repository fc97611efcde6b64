// What a running agent says of itself to `sonde status`. docs/status.md explains each field; the shape is stable: fields are
// added, never renamed.

import type { BackEnd } from './back-end.ts'
import type { CallGraph } from './call-graph.ts'
import type { ConsumerLosses } from './consumer.ts'
import type { DeliveryStats } from './delivery.ts'
import type { FilterRule } from './sample-filter.ts'
import type { Counts } from './summary.ts'

/** The socket's name in the data directory. */
export const STATUS_SOCKET = 'status.sock'
/** What is asked for on it, by HTTP. */
export const STATUS_PATH = '/status'

export interface SessionStatus {
  readonly config: { readonly name: string; readonly version: string } | null
  /** perf's spelling, modifiers included. */
  readonly event: string
  /** Samples per second and CPU; either this or `period`. */
  readonly frequency?: number
  /** Units of the event per sample. */
  readonly period?: bigint
  readonly unit: 'nanoseconds' | 'count'
  readonly callGraph: CallGraph
  readonly cpus: readonly number[]
  readonly taken: number
  readonly lost: Counts
  /** Samples that were not wanted, by reason. */
  readonly leftOut: Counts
}

export interface EndedSessionsStatus {
  readonly sessions: number
  readonly taken: number
  readonly lost: Counts
  readonly leftOut: Counts
}

/** What BPF programs counted on a CPU, of all sessions. */
export interface CpuCaptureStatus {
  readonly cpu: number
  readonly runs: number
  readonly kept: number
  readonly filtered: number
  readonly sampledOut: number
  readonly ringFull: number
  readonly contended: number
  readonly failed: number
  /** Kept samples whose stack could not be copied as far as it is used. */
  readonly stackFaults: number
  /** Mean time of one run, of those that were timed; null: none was yet. */
  readonly runNs: number | null
}

/** Of the cgroups that the filter names. */
export interface SampledCgroupsStatus {
  /** Whether perf samples only those that the filter includes; otherwise all samples are taken, and the filter leaves out others. */
  readonly byKernel: boolean
  /** Why perf does not, though it could; null: it does, or nothing else is to be had. */
  readonly refused: string | null
  /** What is not there now, by path or number; null for a moment after the filter was replaced: it has not been looked for yet. */
  readonly missing: readonly string[] | null
}

/** What takes the samples. */
export interface SamplerStatus {
  readonly backEnd: BackEnd
  /** Why the filter that was given last is not in force; null: it is. */
  readonly filterProblem: string | null
  /** Why CPUs that are online are not sampled, in a sentence each. */
  readonly cpuProblems: readonly string[]
  readonly cgroups: SampledCgroupsStatus
  /** Empty where perf's rings do. */
  readonly cpus: readonly CpuCaptureStatus[]
}

/** A rule of the filter that is in force. */
export interface RuleStatus {
  readonly action: FilterRule['action']
  /** As the command line takes it: `cgroup=/a`. */
  readonly match: string
  /** Of a rule that thins. */
  readonly oneIn?: number
}

/** Of the windows that were handed to it. */
export interface LaneStatus {
  readonly queued: number
  readonly queuedBytes: number
  readonly delivered: number
  readonly failed: number
  readonly dropped: number
}

/** Something does not work. Times are RFC 3339, UTC. */
export interface Trouble {
  readonly error: string
  readonly since: string
}

/** What a consumer wrote. */
export interface FilesStatus {
  /** Finished, and still there. */
  readonly finished: number
  /** Of all finished ones, deleted ones as well. */
  readonly bytes: number
  /** Samples of all finished ones. */
  readonly samples: number
  /** What is not in a finished file yet; 0 bytes where it is made when the file is written. */
  readonly open: { readonly samples: number; readonly bytes: number } | null
}

/** What a consumer sent. Its troubles stand beside it, as every consumer's do. */
export type DeliveryStatus = Omit<DeliveryStats, 'trouble' | 'lastError'>

export interface ConsumerStatus {
  readonly lane: LaneStatus
  /** What goes wrong now; null: nothing. */
  readonly trouble: Trouble | null
  /** The newest failure, also of a trouble that is over. */
  readonly lastError: string | null
  /** Samples taken over and lost afterwards. */
  readonly lost: ConsumerLosses
  /** Of a consumer that writes. */
  readonly files?: FilesStatus
  /** Of a consumer that sends. */
  readonly delivery?: DeliveryStatus
}

/** A document of a file in the directory of configurations, or the file itself where it is none. */
export interface ConfigFileStatus {
  readonly file: string
  /** Counted from 0. */
  readonly document: number
  /** '' where it cannot be told, as the two that follow. */
  readonly kind: string
  readonly name: string
  readonly version: string
  /**
   * `invalid`: what it held before is still in force, where it held something; `superseded`: another document has its name;
   * `expired`: its time to live is over; `ignored`: no configuration.
   */
  readonly state: 'loaded' | 'invalid' | 'superseded' | 'expired' | 'ignored'
  /** `file:line:column: field: what is wrong`, a line each. */
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

/** A configuration that is in force. */
export interface CollectionStatus {
  readonly name: string
  readonly version: string
  readonly state: 'running' | 'failed'
  /** Why it is not sampled; null: it is. */
  readonly problem: string | null
  /** The version that is sampled in its stead; null: none. */
  readonly kept: string | null
}

/** Where an agent's configurations come from. */
export interface ConfigurationStatus {
  readonly directory: string
  /** How changes are noticed, and why not by inotify; null: they are. */
  readonly watching: { readonly how: 'inotify' | 'polling' | 'periodic'; readonly reason: string | null }
  readonly files: readonly ConfigFileStatus[]
  readonly collections: readonly CollectionStatus[]
  /** The AgentConfig of the directory, or that it has none any more, as far as it is not in force. */
  readonly agent: {
    /** Why its filter could not be taken over; null: it is in force. */
    readonly problem: string | null
    /** Sections that have changed since the start, and wait for the next one. */
    readonly needsRestart: readonly string[]
  }
}

/** The windows that wait in memory until somebody asks for them. */
export interface FlightRecorderStatus {
  readonly keepSeconds: number
  readonly maxBytes: number
  readonly windows: number
  readonly samples: number
  readonly bytes: number
  /** Samples that grew too old before anybody asked for them: no losses. */
  readonly overwritten: number
  /** Samples that made way for newer ones, because memory was full. */
  readonly lost: Counts
}

export interface Status {
  /** Of this shape. */
  readonly version: 1
  /** Sonde's. */
  readonly agentVersion: string
  readonly pid: number
  readonly state: 'running' | 'stopping'
  /** RFC 3339, UTC. */
  readonly startedAt: string
  readonly dataDirectory: string
  readonly windows: {
    /** Closed and handed to the consumers. */
    readonly closed: number
    /** Of the newest one; RFC 3339, UTC. */
    readonly newestEnd: string | null
  }
  /** Null while nothing is sampled. */
  readonly sampler: SamplerStatus | null
  /** Null where no directory of configurations says what is sampled. */
  readonly configuration: ConfigurationStatus | null
  /** Those that run. */
  readonly sessions: readonly SessionStatus[]
  /** All others that were: their configuration went, or was replaced. */
  readonly endedSessions: EndedSessionsStatus
  /** Empty: everything is wanted. */
  readonly filter: readonly RuleStatus[]
  /** Null where every window goes to the consumers at once. */
  readonly flightRecorder: FlightRecorderStatus | null
  /** By name, in the order of the configuration. */
  readonly consumers: Readonly<Record<string, ConsumerStatus>>
}
