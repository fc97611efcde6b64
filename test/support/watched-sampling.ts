// What a live sampling emits and says, kept for a test.

import { systemClock } from '../../src/base/clock.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import { EVERYTHING } from '../../src/core/sample-filter.ts'
import { milliseconds } from '../../src/core/units.ts'
import { loadAddon } from '../../src/native/load.ts'
import { readHost } from '../../src/sampler/host.ts'
import type { SamplingRequest } from '../../src/sampler/plan.ts'
import { Sampling } from '../../src/sampler/sampling.ts'

interface WatchedSampling {
  readonly sampling: Sampling
  /** A test may empty it. */
  readonly batches: ProfileBatch[]
  readonly said: readonly string[]
}

/** cpu-clock once a period, by frame pointers, in windows of 200 ms or of `windowMs`. */
export function watchedSampling(
  {
    periodNs,
    ...request
  }: { readonly periodNs: bigint } & Pick<SamplingRequest, 'backEnd' | 'target'> & Partial<SamplingRequest>,
  windowMs = 200,
): WatchedSampling {
  const addon = loadAddon()
  const batches: ProfileBatch[] = []
  const said: string[] = []
  const sampling = new Sampling(addon, {
    request: {
      events: ['cpu-clock'],
      rate: { by: 'period', period: periodNs },
      callGraph: { method: 'fp' },
      maxStack: undefined,
      ringBytes: undefined,
      commandLine: [],
      filter: EVERYTHING,
      missingCgroups: 'refused',
      ...request,
    },
    window: milliseconds(windowMs),
    duration: undefined,
    namesJavaScript: false,
    clock: systemClock,
    host: () => readHost(addon.kernelFacts()),
    emit: async (emitted) => void batches.push(...emitted),
    say: (text) => said.push(text),
  })
  return { sampling, batches, said }
}
