import type { EventInfo } from '../../core/profile.ts'
import type { ProfileCollection } from '../../core/profile-collection.ts'

/** What a period comes to: `0.78 Hz`; undefined where that depends on what is sampled. */
export function periodText(period: bigint, info: EventInfo | undefined): string | undefined {
  if (info?.unit !== 'nanoseconds') return undefined
  const hertz = 1e9 / Number(period)
  return `${Number(hertz.toPrecision(hertz < 1 ? 2 : 3))} Hz`
}

/** `99 Hz`, `every 1281018368 ns (0.78 Hz)`, `every 1000`. */
export function rateText({ rate }: ProfileCollection, info: EventInfo | undefined): string {
  if (rate.by === 'frequency') return `${rate.hertz} Hz`
  const hertz = periodText(rate.period, info)
  return hertz === undefined ? `every ${rate.period}` : `every ${rate.period} ns (${hertz})`
}
