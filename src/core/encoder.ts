// Encoding that takes more than a few milliseconds runs beside the event loop. What is to be encoded is said as plain
// data over shared memory, so that it crosses to a worker without a copy.

import type { SessionInfo } from './profile.ts'
import type { FrameNames } from './symbolizer.ts'

/** A window, or some of its sessions, in the form that a worker can take: `batchesOf` makes batches of it again. */
export interface WindowSource {
  readonly buffer: SharedArrayBuffer
  readonly sessions: readonly SessionInfo[]
  readonly names: FrameNames
}

/**
 * Which records about processes stand before the samples of a stretch of perf.data.
 * `snapshot`: the state at the window's start, then the window's events; a file begins so, and goes on so after a gap.
 * `events`: only what happened in the window. `none`: another session of the same window brought them.
 */
export type ProcessRecords = 'snapshot' | 'events' | 'none'

/** Records of perf.data (its data section) for one window. */
export interface PerfDataWindowJob {
  readonly format: 'perf_data_window'
  readonly window: WindowSource
  readonly processes: ProcessRecords
  /** Monotonic ns given to the snapshot's records; 0n puts them before everything, as perf does. */
  readonly snapshotTime: bigint
}

/** Everything that can be encoded; `src/formats/encode-job.ts` knows how. */
export type EncodeJob = PerfDataWindowJob

/** The file formats of whole profiles, as configuration names them. */
export const PROFILE_FORMATS = ['pprof', 'folded', 'speedscope', 'html'] as const
export type ProfileFormat = (typeof PROFILE_FORMATS)[number]

export interface ProfileLimits {
  /** Bytes that the profile's tables may take; samples that find no room are counted (`table_full`). */
  readonly maxBytes: number
  /** Labels that tell more samples apart than process and thread do. */
  readonly labels: readonly 'cpu'[]
}

/** What became of a window's samples. */
export interface ProfileAdded {
  readonly kept: number
  /** Samples that found no room in the profile's tables. */
  readonly tableFull: number
}

/** Samples of many windows, aggregated by stack, thread and name: what a profile file is made of. */
export interface OpenProfile {
  /** Rejects when the profile is gone (its thread died): all that was in it is lost then. */
  add(window: WindowSource): Promise<ProfileAdded>
  /** The bytes of one file with the samples of `sessions` (ids); pprof and folded hold one session. */
  encode(format: ProfileFormat, sessions: readonly number[]): Promise<Uint8Array>
  /** Releases it. Safe twice. */
  close(): void
}

/** Turns jobs into bytes, in the order in which they were asked for. */
export interface Encoder {
  encode(job: EncodeJob): Promise<Uint8Array>
  openProfile(limits: ProfileLimits): OpenProfile
}
