// Sources publish; each consumer has its own bounded lane; nothing downstream can slow or break what is upstream.

import { type Consumer, takesMetrics, takesProfiles } from '../core/consumer.ts'
import type { LaneStats, MetricsRouter } from '../core/router.ts'
import { milliseconds } from '../core/units.ts'
import { Lane, type LaneOptions } from './lane.ts'

/**
 * Sixteen batches are some minutes of windows: long enough for a consumer to recover, short enough to bound memory.
 * A batch counts its whole window buffer, also where several batches share one.
 */
export const LANE_DEFAULTS: LaneOptions = {
  maxItems: 16,
  maxBytes: 64 * 2 ** 20,
  whenFull: 'drop_oldest',
  deadline: milliseconds(30_000),
  onProblem: () => undefined,
  onRecovery: () => undefined,
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

    publishProfiles(batch) {
      for (const { consumer, lane } of lanes.values()) {
        if (!takesProfiles(consumer)) continue
        lane.offer({
          count: batch.samples.length,
          bytes: batch.buffer.byteLength,
          deliver: async (signal) => consumer.consumeProfiles(batch, signal),
        })
      }
    },

    publishMetrics(batch) {
      for (const { consumer, lane } of lanes.values()) {
        if (!takesMetrics(consumer)) continue
        lane.offer({
          count: batch.points.length,
          bytes: batch.points.length * BYTES_PER_POINT,
          deliver: async (signal) => consumer.consumeMetrics(batch, signal),
        })
      }
    },

    async drain(deadline) {
      const overdue = new AbortController()
      const timer = setTimeout(() => overdue.abort(), deadline)
      await Promise.all([...lanes.values()].map(({ lane }) => lane.drain(overdue.signal)))
      clearTimeout(timer)
    },

    stats: () => new Map([...lanes].map(([name, { lane }]): [string, LaneStats] => [name, lane.stats()])),
  }
}
