// The closing figures of a run, as `--summary FILE` writes them. docs/summary.md explains each field; the shape is
// stable: fields are added, never renamed.

/** Samples by reason. */
export type Counts = Readonly<Record<string, number>>

export interface SessionSummary {
  readonly config: { readonly name: string; readonly version: string } | null
  /** perf's spelling, modifiers included. */
  readonly event: string
  /** Samples per second and CPU; either this or `period`. */
  readonly frequency?: number
  /** Units of the event per sample. */
  readonly period?: bigint
  readonly unit: 'nanoseconds' | 'count'
  readonly cpus: readonly number[]
  /** RFC 3339, UTC. */
  readonly startedAt: string
  readonly endedAt: string
  readonly taken: number
  readonly lost: Counts
  /** Sum of the samples' weights, in `unit`. */
  readonly value: bigint
}

export interface EventSummary {
  readonly samples: number
  readonly value: bigint
  readonly unit: 'nanoseconds' | 'count'
}

export interface ConsumerSummary {
  readonly delivered: number
  readonly dropped: number
  readonly failed: number
  readonly bytes: number
  readonly files: readonly string[]
}

export interface Summary {
  /** Of this shape. */
  readonly version: 1
  /** RFC 3339, UTC. */
  readonly startedAt: string
  readonly durationSeconds: number
  /** From the process's start to the first sample's time; null where there was no sample, or the source is a file. */
  readonly firstSampleSeconds: number | null
  readonly sessions: readonly SessionSummary[]
  readonly samples: { readonly taken: number; readonly written: number; readonly lost: Counts }
  readonly events: Readonly<Record<string, EventSummary>>
  /** Samples by how far their stack can be trusted. */
  readonly stacks: { readonly complete: number; readonly unverified: number; readonly broken: Counts }
  readonly self: { readonly cpuSeconds: number; readonly maxRssBytes: number }
  readonly consumers: Readonly<Record<string, ConsumerSummary>>
}
