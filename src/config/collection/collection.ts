// A ProfileCollection of what a document states, with every default filled in.

import { createHash } from 'node:crypto'
import { EVENT_TYPE, type EventInfo, type SamplingRate } from '../../core/profile.ts'
import type { ProfileCollection } from '../../core/profile-collection.ts'
import { EVERYTHING, type FilterRule, type SampleFilter } from '../../core/sample-filter.ts'
import { cgroupMatchOf } from '../../core/sample-match.ts'
import { hertz, milliseconds } from '../../core/units.ts'
import type { StatedCollection } from './stated.ts'

const DEFAULT_INTERVAL_SECONDS = 60
const DEFAULT_FREQUENCY_HZ = 99
/** Of events that are too uneven for a frequency. */
const DEFAULT_PERIODS: Readonly<Record<string, bigint>> = { 'page-faults': 1_000n, 'cache-misses': 100_000n }

/** @param info of the event; undefined where that shows only when it starts */
export function collectionOf(
  identity: Pick<ProfileCollection, 'type' | 'name' | 'version'>,
  stated: StatedCollection,
  info: EventInfo | undefined,
): ProfileCollection {
  const eventName = info?.name ?? stated.eventName
  const content = {
    eventName,
    rate: rateOf(stated, eventName, info),
    interval: milliseconds((stated.intervalSeconds ?? DEFAULT_INTERVAL_SECONDS) * 1_000),
    maxStackDepth: stated.maxStackDepth,
    filter: filterOf(stated),
    kernelStacks: stated.kernelStacks ?? true,
    userStacks: stated.userStacks ?? true,
    threadNames: stated.threadNames ?? true,
    consumers: stated.consumers,
  }
  return { ...identity, ...content, contentHash: hashOf(content) }
}

function rateOf(
  { samplePeriod, sampleFrequencyHz }: StatedCollection,
  eventName: string,
  info: EventInfo | undefined,
): SamplingRate {
  if (samplePeriod !== undefined) return { by: 'period', period: BigInt(samplePeriod) }
  if (sampleFrequencyHz !== undefined) return { by: 'frequency', hertz: hertz(sampleFrequencyHz) }
  // As perf: each of their occurrences.
  const isEach = info?.type === EVENT_TYPE.tracepoint || info?.type === EVENT_TYPE.breakpoint
  const period = isEach ? 1n : DEFAULT_PERIODS[eventName.split(':')[0] ?? '']
  return period === undefined
    ? { by: 'frequency', hertz: hertz(DEFAULT_FREQUENCY_HZ) }
    : { by: 'period', period }
}

function filterOf({ processFilters = [], cgroups = [] }: StatedCollection): SampleFilter {
  const rules: readonly FilterRule[] = [
    ...processFilters.map((comm): FilterRule => ({ action: 'include', match: { by: 'process', comm } })),
    ...cgroups.map((cgroup): FilterRule => ({ action: 'include', match: cgroupMatchOf(cgroup) })),
  ]
  return rules.length === 0 ? EVERYTHING : { rules }
}

function hashOf(content: Omit<ProfileCollection, 'type' | 'name' | 'version' | 'contentHash'>): string {
  const text = JSON.stringify(content, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  )
  return createHash('sha256').update(text).digest('hex')
}
