// What happened to samples that were due and did not arrive. Nothing is in both `taken` and a loss.

/**
 * Why samples were lost, in the order of their codes in the window buffer (native/core/perf/window_layout.h).
 * - `ring_full`: the kernel had no room in the ring (PERF_RECORD_LOST, read_format LOST)
 * - `throttled`: the kernel switched the event off for the rest of a tick (PERF_RECORD_THROTTLE)
 * - `missed`: the event's own count says they were due, the kernel never made them (late timers, stolen time)
 * - `malformed`: a record that could not be read
 * - `table_full`: the window's bounded tables had no room
 * - `contended`: another CPU, or what the interrupt had interrupted, held the ring's lock (BPF only)
 * - `capture_failed`: the BPF program could not make the record at all
 */
export const LOSS_REASONS = [
  'ring_full',
  'throttled',
  'missed',
  'malformed',
  'table_full',
  'contended',
  'capture_failed',
] as const
export type LossReason = (typeof LOSS_REASONS)[number]

/**
 * Why samples were not wanted: no losses, and counted apart from them. In the order of their codes in the window buffer.
 * - `filtered`: the sample filter leaves their process out
 * - `sampled_out`: one in N was kept in their stead, and carries N times its period
 * - `overlap`: a configuration changed, and the session before or after has the time that they are of
 */
export const LEFT_OUT_REASONS = ['filtered', 'sampled_out', 'overlap'] as const
export type LeftOutReason = (typeof LEFT_OUT_REASONS)[number]

export interface LeftOut {
  readonly reason: LeftOutReason
  /** Samples, an exact integer. */
  readonly count: number
}

export interface Loss {
  readonly reason: LossReason
  /** Samples, an exact integer. */
  readonly count: number
}
