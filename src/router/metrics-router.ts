// Sources publish; each consumer has its own bounded lane; nothing downstream can slow or break what is upstream.

import { type Consumer, takesMetrics, takesProfiles } from '../core/consumer.ts'
import type { LaneStats, MetricsRouter } from '../core/router.ts'
import { below, withSpan } from '../core/tracing.ts'
import { milliseconds } from '../core/units.ts'
import { type Delivery, Lane, type LaneOptions } from './lane.ts'

/**
 * Minutes of windows of one source, and still some of ten that are side by side, whose windows may all close at once: long enough
 * for a consumer to recover. What bounds memory are the bytes.
 * A batch counts its whole window buffer, also where several batches share one.
 */
export const LANE_DEFAULTS: LaneOptions = {
  maxItems: 64,
  maxBytes: 64 * 2 ** 20,
  whenFull: 'drop_oldest',
  deadline: milliseconds(30_000),
  onProblem: () => undefined,
  onRecovery: () => undefined,
  date: () => new Date(),
}

/** A point is an object of three fields and a number. */
const BYTES_PER_POINT = 64

export function createMetricsRouter(options: Partial<LaneOptions> = {}): MetricsRouter {
  const lanes = new Map<string, { readonly consumer: Consumer; readonly lane: Lane }>()

  return {
    attach(consumer) {
      if (lanes.has(consumer.name)) throw new Error(`two consumers are named ${consumer.name}`)
      lanes.set(consumer.name, { consumer, lane: new Lane(consumer.name, { ...LANE_DEFAULTS, ...options }) })
    },

    async detach(name) {
      const entry = lanes.get(name)
      await entry?.lane.close()
      if (lanes.get(name) === entry) lanes.delete(name)
    },

    publishProfiles(batch, consumers) {
      for (const [name, { consumer, lane }] of lanes) {
        if (!takesProfiles(consumer) || consumers?.includes(name) === false) continue
        const amount = { count: batch.samples.length, bytes: batch.buffer.byteLength }
        lane.offer(delivery(consumer, amount, async (signal) => consumer.consumeProfiles(batch, signal)))
      }
    },

    rotate() {
      for (const { consumer, lane } of lanes.values()) {
        if (consumer.rotate === undefined) continue
        lane.offer(delivery(consumer, { count: 0, bytes: 0 }, async () => consumer.rotate?.()))
      }
    },

    async idle(limit) {
      const over = Promise.withResolvers<void>()
      const timer = setTimeout(over.resolve, limit)
      await Promise.race([over.promise, Promise.all([...lanes.values()].map(({ lane }) => lane.whenIdle()))])
      clearTimeout(timer)
    },

    publishMetrics(batch) {
      for (const { consumer, lane } of lanes.values()) {
        if (!takesMetrics(consumer)) continue
        const amount = { count: batch.points.length, bytes: batch.points.length * BYTES_PER_POINT }
        lane.offer(delivery(consumer, amount, async (signal) => consumer.consumeMetrics(batch, signal)))
      }
    },

    async drain(deadline, name) {
      const overdue = new AbortController()
      const timer = setTimeout(() => overdue.abort(), deadline)
      const meant = [...lanes].filter(([each]) => name === undefined || each === name)
      await Promise.all(meant.map(([, { lane }]) => lane.drain(overdue.signal)))
      clearTimeout(timer)
    },

    stats: () => new Map([...lanes].map(([name, { lane }]): [string, LaneStats] => [name, lane.stats()])),
  }
}

/** Its span is below the one that publishes, however much later the consumer's turn comes. */
function delivery(
  { name }: Consumer,
  { count, bytes }: Pick<Delivery, 'count' | 'bytes'>,
  deliver: Delivery['deliver'],
): Delivery {
  const within = below()
  return {
    count,
    bytes,
    deliver: (signal) =>
      within(() =>
        withSpan(`deliver ${name}`, { 'sonde.items': count, 'sonde.bytes': bytes }, () => deliver(signal), {
          signal,
        }),
      ),
  }
}
