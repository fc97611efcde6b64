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

/** Everything that can be encoded; `src/formats/encode.ts` knows how. */
export type EncodeJob = PerfDataWindowJob

/** Turns jobs into bytes, in the order in which they were asked for. */
export interface Encoder {
  encode(job: EncodeJob): Promise<Uint8Array>
}
