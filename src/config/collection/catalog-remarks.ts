// What is wrong, or strange, about a ProfileCollectionConfig by what the agent knows: its events and its consumers.

import { didYouMean } from '../../base/near.ts'
import { AgentError } from '../../core/errors.ts'
import type { EventInfo } from '../../core/profile.ts'
import type { CollectionCatalog } from '../config-document.ts'
import { shown } from '../expecting.ts'
import { periodText } from './rate-text.ts'
import type { Remark, Spelling, StatedCollection } from './stated.ts'

export type KnownEvent =
  | { readonly is: 'known'; readonly info: EventInfo | undefined }
  | { readonly is: 'unknown'; readonly remark: Remark }

export function eventOf(eventName: string, catalog: CollectionCatalog): KnownEvent {
  try {
    return { is: 'known', info: catalog.checkEvent(eventName) }
  } catch (error) {
    if (!(error instanceof AgentError)) throw error
    return { is: 'unknown', remark: { field: 'eventName', message: error.message } }
  }
}

/** Consumers that nobody has. */
export function strangeConsumers(
  names: readonly string[],
  { consumerNames }: CollectionCatalog,
): readonly Remark[] {
  if (consumerNames === undefined) return []
  return names
    .filter((name) => !consumerNames.includes(name))
    .map((name): Remark => {
      const known = didYouMean(name, consumerNames) || `; its consumers are ${consumerNames.join(', ')}`
      return { field: 'consumers', message: `the agent has no consumer ${shown(name)}${known}` }
    })
}

/** As the kernel has it (perf_swevent_hrtimer). */
const SHORTEST_CLOCK_PERIOD_NS = 10_000
const FASTEST_CLOCK_HZ = 1e9 / SHORTEST_CLOCK_PERIOD_NS

/** Rates that a clock cannot keep. */
export function rateProblems(stated: StatedCollection, info: EventInfo | undefined): readonly Remark[] {
  const { samplePeriod: period, sampleFrequencyHz: hertz } = stated
  if (info?.unit !== 'nanoseconds') return []
  if (period !== undefined && period < SHORTEST_CLOCK_PERIOD_NS) {
    const message = `expected ${SHORTEST_CLOCK_PERIOD_NS} ns or more of ${info.name}, found ${period}`
    return [{ field: 'samplePeriod', message }]
  }
  if (hertz !== undefined && hertz > FASTEST_CLOCK_HZ) {
    const message = `expected ${FASTEST_CLOCK_HZ} Hz or less of ${info.name}, found ${hertz}`
    return [{ field: 'sampleFrequencyHz', message }]
  }
  return []
}

const SECOND_NS = 1_000_000_000
/** What CgljcHUtY2xvY2sQgJTr4gQYCg== holds; its documentation says 10 ms. */
const CIRCULATING_PERIOD_NS = 1_281_018_368

/** From here on a busy machine takes more samples than an agent can read: at 100 kHz it lost nearly all, and answered nobody. */
const HIGH_CLOCK_HZ = 20_000

/** Clocks that hardly ever sample, or more often than can be kept up with. */
export function rateWarnings(
  stated: StatedCollection,
  info: EventInfo | undefined,
  spelling: Spelling,
): readonly Remark[] {
  if (info?.unit !== 'nanoseconds') return []
  const { samplePeriod: period, sampleFrequencyHz: frequency } = stated
  const hertz = frequency ?? (period === undefined ? 0 : SECOND_NS / period)
  if (hertz > HIGH_CLOCK_HZ) {
    const field = frequency === undefined ? 'samplePeriod' : 'sampleFrequencyHz'
    const rate = `${Math.round(hertz)} samples a second on each busy CPU`
    const message = `${rate} are more than the agent may keep up with: what it cannot read is lost, and counted; ${HIGH_CLOCK_HZ} Hz or less is safer`
    return [{ field, message }]
  }
  if (period === undefined || period <= SECOND_NS) return []
  const seconds = (period / SECOND_NS).toPrecision(3)
  const mistaken =
    period === CIRCULATING_PERIOD_NS
      ? '. A sample configuration in circulation holds this number where its documentation says 10000000 ns (100 Hz): if that is meant, write it'
      : ''
  const message = `a ${spelling('samplePeriod')} of ${period} ns is ${periodText(BigInt(period), info)}: one sample in ${seconds} s on each CPU${mistaken}`
  return [{ field: 'samplePeriod', message }]
}
