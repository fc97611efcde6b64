import type { ConsumerOutcome, MetricConsumer, ProfileConsumer } from '../../src/core/consumer.ts'
import type { MetricBatch } from '../../src/core/metric.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import { monotonicTime, unixTime } from '../../src/core/units.ts'
import { WindowBuilder } from '../../src/core/window-builder.ts'
import { batchesOf } from '../../src/core/window-view.ts'
import { sessionInfo } from './session.ts'

const nothing: ConsumerOutcome = { bytes: 0, written: 0, files: [], lost: {} }

/** A consumer that does with a batch what the test says. */
export function consumerThat(
  name: string,
  consumeProfiles: ProfileConsumer['consumeProfiles'],
): ProfileConsumer {
  return {
    name,
    start: async () => undefined,
    stop: async () => undefined,
    outcome: () => nothing,
    consumeProfiles,
  }
}

export function metricConsumerThat(
  name: string,
  consumeMetrics: MetricConsumer['consumeMetrics'],
): MetricConsumer {
  return {
    name,
    start: async () => undefined,
    stop: async () => undefined,
    outcome: () => nothing,
    consumeMetrics,
  }
}

/** Remembers the sequence numbers it was given. */
export function healthyConsumer(name: string): ProfileConsumer & { readonly seen: readonly number[] } {
  const seen: number[] = []
  return {
    ...consumerThat(name, async (batch) => {
      seen.push(batch.window.sequence)
    }),
    seen,
  }
}

/** A batch of `samples` samples, all with one stack of one kernel frame. */
export function batchOf(samples: number, sequence = 0): ProfileBatch {
  const window = new WindowBuilder()
  const session = sessionInfo()
  window.addSession(session.id)
  const stack = window.addStack([window.addFrame({ kind: 'reason', text: 'test' })], 'unverified')
  for (let index = 0; index < samples; index++) {
    window.addSample(session.id, {
      time: 1_000n + BigInt(index),
      pid: 10,
      tid: 10,
      cpu: 0,
      stack,
      value: 10_101_010n,
      comm: 'work',
    })
  }
  const [batch] = batchesOf(window.build({ start: 1_000n, end: 2_000n, unixOffset: 0n, sequence }), [session])
  if (batch === undefined) throw new Error('the window has no batch')
  return batch
}

export const metricsOf = (points: number): MetricBatch => ({
  collector: 'test',
  window: {
    start: monotonicTime(0n),
    end: monotonicTime(1n),
    unixStart: unixTime(0n),
    unixEnd: unixTime(1n),
    sequence: 0,
  },
  points: Array.from({ length: points }, () => ({
    metric: { name: 'test.count', description: '', unit: '1', kind: 'counter' as const },
    subject: { of: 'node' as const },
    value: 1,
  })),
})
