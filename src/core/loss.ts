// What happened to samples that were due and did not arrive. Nothing is in both `taken` and a loss.

/**
 * Why samples were lost, in the order of their codes in the window buffer (native/core/perf/window_layout.h).
 * - `ring_full`: the kernel had no room in the ring (PERF_RECORD_LOST, read_format LOST)
 * - `throttled`: the kernel switched the event off for the rest of a tick (PERF_RECORD_THROTTLE)
 * - `missed`: the event's own count says they were due, the kernel never made them (late timers, stolen time)
 * - `malformed`: a record that could not be read
 * - `table_full`: the window's bounded tables had no room
 */
export const LOSS_REASONS = ['ring_full', 'throttled', 'missed', 'malformed', 'table_full'] as const
export type LossReason = (typeof LOSS_REASONS)[number]

export interface Loss {
  readonly reason: LossReason
  /** Samples, an exact integer. */
  readonly count: number
}
