// Puts the closing figures together, and writes them as JSON.

import type { ConsumerResult, ConsumerSummary, Summary } from '../core/summary.ts'
import { rfc3339, type Tally } from './tally.ts'

export interface RunFacts {
  readonly tally: Tally
  readonly consumers: ReadonlyMap<string, ConsumerResult>
  /** CLOCK_MONOTONIC ns of the process's start; undefined where the samples are not of this run. */
  readonly processStart: bigint | undefined
  readonly now: Date
}

export function summaryOf({ tally, consumers, processStart, now }: RunFacts): Summary {
  const { range, firstSample } = tally
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  return {
    version: 1,
    startedAt: range === undefined ? now.toISOString() : rfc3339(range.start),
    durationSeconds: range === undefined ? 0 : seconds(range.end - range.start),
    firstSampleSeconds:
      firstSample === undefined || processStart === undefined ? null : seconds(firstSample - processStart),
    sessions: tally.sessions(),
    samples: {
      taken: tally.taken,
      written: writtenBy(consumers, tally.taken),
      lost: tally.lost,
      leftOut: tally.leftOut,
    },
    events: tally.events(),
    stacks: tally.stacks(),
    self: { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, maxRssBytes: maxRSS * 1024 },
    consumers: Object.fromEntries([...consumers].map(([name, result]) => [name, consumerSummary(result)])),
  }
}

const seconds = (ns: bigint): number => Number(ns) / 1e9

/**
 * Samples that every consumer that gets them has in closed files: those taken, but for what misses in the one that lacks most.
 * Where nobody writes files, what every one that sends has brought to its endpoint, or keeps for it.
 */
export function writtenBy(consumers: ReadonlyMap<string, ConsumerResult>, taken: number): number {
  const results = [...consumers.values()]
  const writers = results.filter(({ outcome }) => outcome.delivery === undefined)
  const missing = (writers.length > 0 ? writers : results).map(({ lane, outcome }) => {
    const offered = lane.delivered + lane.failed + lane.dropped
    return offered - outcome.written - (outcome.spooled ?? 0)
  })
  return missing.length === 0 ? 0 : Math.max(0, taken - Math.max(...missing))
}

function consumerSummary({ lane, outcome }: ConsumerResult): ConsumerSummary {
  const lost = Object.values(outcome.lost).reduce((sum, samples) => sum + samples, 0)
  // What the lane had given up waiting for, it counts as failed already.
  const lostAfterwards = Math.min(lost, lane.delivered)
  return {
    delivered: lane.delivered - lostAfterwards,
    dropped: lane.dropped,
    failed: lane.failed + lostAfterwards,
    bytes: outcome.bytes,
    files: outcome.files,
    ...(outcome.gone === undefined ? {} : { deleted: outcome.gone }),
    ...(outcome.spooled === undefined ? {} : { spooled: outcome.spooled }),
  }
}
