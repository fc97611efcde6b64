// What a kept sample stands for, where a filter keeps one in N (core/sample-filter.ts).

import type { SessionInfo } from '../../core/profile.ts'
import { MAX_ONE_IN } from '../../core/sample-filter.ts'
import { periodOf } from '../../core/units.ts'
import type { SessionProfile } from './profile-aggregate.ts'

/**
 * How many samples each row stands for: one that was kept of N carries N times the period. Where the period is fixed, the
 * row's weight says how many it are; a counter that is sampled by frequency moves its period, and there each counts once.
 */
export function samplesStoodFor({ session, rows }: SessionProfile): (row: number) => number {
  const period = fixedPeriodOf(session)
  if (period === undefined) return (row) => rows.count(row)
  return (row) => {
    const kept = rows.count(row)
    const samples = Number(rows.value(row)) / period
    // Another sampler may have meant another period.
    return Number.isInteger(samples) && samples > kept && samples <= kept * MAX_ONE_IN ? samples : kept
  }
}

/** What one sample weighs in the event's unit; undefined where that changes from sample to sample. */
export function fixedPeriodOf({ rate, event }: SessionInfo): number | undefined {
  switch (rate.by) {
    case 'period':
      return Number(rate.period)
    case 'frequency':
      return event.unit === 'nanoseconds' ? Number(periodOf(rate.hertz)) : undefined
  }
}
