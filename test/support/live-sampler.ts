// A sampler of its own on the whole machine, as an agent has one for each configuration, and what it emits.

import { systemClock } from '../../src/base/clock.ts'
import type { LeftOutReason } from '../../src/core/loss.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import { EVERYTHING } from '../../src/core/sample-filter.ts'
import { milliseconds } from '../../src/core/units.ts'
import { loadAddon } from '../../src/native/load.ts'
import { readHost } from '../../src/sampler/host.ts'
import { planSampling, type SamplingRequest } from '../../src/sampler/plan.ts'
import { Sampler } from '../../src/sampler/sampler.ts'
import { sum } from './sonde.ts'

export type LiveRequest = Pick<SamplingRequest, 'backEnd' | 'rate'> & Partial<SamplingRequest>

export interface LiveSampler {
  readonly sampler: Sampler
  readonly batches: readonly ProfileBatch[]
}

/** Closes a window ten times a second. */
export function liveSampler(request: LiveRequest): LiveSampler {
  const addon = loadAddon()
  const batches: ProfileBatch[] = []
  const plan = planSampling({
    events: ['cpu-clock'],
    target: { kind: 'machine' },
    callGraph: { method: 'fp' },
    maxStack: undefined,
    ringBytes: undefined,
    commandLine: [],
    filter: EVERYTHING,
    missingCgroups: 'refused',
    ...request,
  })
  const host = readHost(addon.kernelFacts())
  const sampler: Sampler = new Sampler(addon, {
    ways: plan.ways,
    sessions: () => (sampler.way === undefined ? [] : plan.describe(host, sampler.way)),
    target: plan.target,
    filter: plan.filter,
    window: milliseconds(100),
    duration: undefined,
    clock: systemClock,
    emit: async (emitted) => void batches.push(...emitted),
  })
  return { sampler, batches }
}

export const samplesOf = (batches: readonly ProfileBatch[]): number =>
  sum(batches.map(({ samples }) => samples.length))

export const leftOutOf = (batches: readonly ProfileBatch[], reason: LeftOutReason): number =>
  sum(
    batches
      .flatMap(({ leftOut }) => leftOut.filter((each) => each.reason === reason))
      .map(({ count }) => count),
  )

export const lostOf = (batches: readonly ProfileBatch[]): number =>
  sum(batches.flatMap(({ losses }) => losses.map(({ count }) => count)))
