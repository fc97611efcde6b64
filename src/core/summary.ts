// The closing figures of a run, as `--summary FILE` writes them. docs/summary.md explains each field; the shape is
// stable: fields are added, never renamed.

import type { FileCounts } from '../base/finished-files.ts'
import type { CallGraph } from './call-graph.ts'
import type { ConsumerOutcome } from './consumer.ts'
import type { LaneStats } from './router.ts'

/** What became of one consumer's batches, known after it was stopped. */
export interface ConsumerResult {
  readonly lane: LaneStats
  readonly outcome: ConsumerOutcome
}

/** How a run ended. */
export interface RunEnd {
  readonly consumers: ReadonlyMap<string, ConsumerResult>
  /** What did not go as it should, a sentence each. */
  readonly problems: readonly string[]
  /** What a reader should know: damage that was skipped, modules without names. */
  readonly remarks: readonly string[]
}

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
  readonly callGraph: CallGraph
  readonly cpus: readonly number[]
  /** RFC 3339, UTC. */
  readonly startedAt: string
  readonly endedAt: string
  readonly taken: number
  readonly lost: Counts
  /** Samples that were not wanted: no losses. */
  readonly leftOut: Counts
  /** Sum of the samples' weights, in `unit`. */
  readonly value: bigint
  /** How many ended sessions of the configuration and event this one stands for; what describes it is of the last; absent: itself. */
  readonly merged?: number
}

export interface EventSummary {
  readonly samples: number
  readonly value: bigint
  readonly unit: 'nanoseconds' | 'count'
}

/** Samples by how far their stack can be trusted; `broken` by reason. Kernel threads are not among them. */
export interface StackCounts {
  readonly complete: number
  readonly unverified: number
  readonly broken: Counts
}

export interface ProcessStacks extends StackCounts {
  readonly pid: number
  readonly comm: string
  readonly language: string
}

export interface StackSummary extends StackCounts {
  /** Samples without a user part: kernel threads, processes that have given their memory back and are exiting, and sessions without user stacks. */
  readonly kernel: number
  readonly languages: Readonly<Record<string, StackCounts>>
  /** Those with the most samples. */
  readonly processes: readonly ProcessStacks[]
}

export interface ConsumerSummary {
  readonly delivered: number
  readonly dropped: number
  readonly failed: number
  readonly bytes: number
  /** Those that still exist. */
  readonly files: readonly string[]
  /** Files that exist no longer; their bytes are among `bytes`. Absent of a consumer that writes none. */
  readonly deleted?: FileCounts
  /** Of those delivered, samples that wait on disk for the next start; absent of a consumer that does not send. */
  readonly spooled?: number
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
  readonly samples: {
    readonly taken: number
    readonly written: number
    readonly lost: Counts
    readonly leftOut: Counts
  }
  readonly events: Readonly<Record<string, EventSummary>>
  readonly stacks: StackSummary
  readonly self: { readonly cpuSeconds: number; readonly maxRssBytes: number }
  readonly consumers: Readonly<Record<string, ConsumerSummary>>
}
