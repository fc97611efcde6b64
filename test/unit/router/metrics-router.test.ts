import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LaneStats } from '../../../src/core/router.ts'
import { milliseconds } from '../../../src/core/units.ts'
import type { LaneOptions } from '../../../src/router/lane.ts'
import { createMetricsRouter, LANE_DEFAULTS } from '../../../src/router/metrics-router.ts'
import {
  batchOf,
  consumerThat,
  healthyConsumer,
  metricConsumerThat,
  metricsOf,
} from '../../support/consumers.ts'

const quick = (changes: Partial<LaneOptions> = {}) =>
  createMetricsRouter({ deadline: milliseconds(20), ...changes })
const soon = milliseconds(1_000)
const never = (): Promise<void> => new Promise(() => undefined)
const published = (stats: LaneStats | undefined): number =>
  stats === undefined ? Number.NaN : stats.delivered + stats.failed + stats.dropped + stats.queued

test('every consumer gets every batch, in order', async () => {
  const router = quick()
  const one = healthyConsumer('one')
  const two = healthyConsumer('two')
  router.attach(one)
  router.attach(two)
  for (let sequence = 0; sequence < 5; sequence++) router.publishProfiles(batchOf(10, sequence))
  await router.drain(soon)
  assert.deepEqual(one.seen, [0, 1, 2, 3, 4])
  assert.deepEqual(two.seen, [0, 1, 2, 3, 4])
  assert.equal(router.stats().get('one')?.delivered, 50)
})

test('a stuck, a failing and a throwing consumer do not touch a healthy one', async () => {
  const router = quick()
  const healthy = healthyConsumer('healthy')
  router.attach(consumerThat('stuck', never))
  router.attach(consumerThat('failing', () => Promise.reject(new Error('the disk is full'))))
  router.attach(
    consumerThat('throwing', () => {
      throw new Error('a defect')
    }),
  )
  router.attach(healthy)
  for (let sequence = 0; sequence < 3; sequence++) router.publishProfiles(batchOf(7, sequence))
  await router.drain(milliseconds(200))
  const stats = router.stats()
  assert.deepEqual(healthy.seen, [0, 1, 2])
  assert.equal(stats.get('healthy')?.delivered, 21)
  assert.equal(stats.get('failing')?.failed, 21)
  assert.equal(stats.get('failing')?.lastError, 'the disk is full')
  assert.equal(stats.get('throwing')?.failed, 21)
  for (const lane of stats.values()) assert.equal(published(lane), 21)
})

test('publishing returns before any consumer sees the batch', async () => {
  const router = quick()
  const events: string[] = []
  router.attach(
    consumerThat('slow', async () => {
      events.push('consumed')
    }),
  )
  router.publishProfiles(batchOf(1))
  events.push('published')
  await router.drain(soon)
  assert.deepEqual(events, ['published', 'consumed'])
})

test('a consumer has one delivery at a time, also when it ignores its deadline', async () => {
  const router = quick()
  const settle: (() => void)[] = []
  let underWay = 0
  let most = 0
  router.attach(
    consumerThat('slow', async () => {
      most = Math.max(most, ++underWay)
      await new Promise<void>((resolve) => settle.push(resolve))
      underWay--
    }),
  )
  for (let sequence = 0; sequence < 3; sequence++) router.publishProfiles(batchOf(5, sequence))
  await new Promise((resolve) => setTimeout(resolve, 60))
  const stuck = router.stats().get('slow')
  assert.equal(stuck?.failed, 5, 'the batch that missed its deadline is counted at once')
  assert.equal(stuck?.queued, 10, 'the lane stands still until the consumer settles')
  settle.shift()?.()
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(settle.length, 1, 'then it goes on with the next batch')
  settle.shift()?.()
  await new Promise((resolve) => setTimeout(resolve, 5))
  settle.shift()?.()
  await router.drain(soon)
  assert.equal(most, 1)
  const end = router.stats().get('slow')
  assert.deepEqual([end?.delivered, end?.failed, end?.queued], [10, 5, 0])
})

test('the signal aborts at the deadline, and says why', async () => {
  const router = quick()
  let reason: unknown
  router.attach(
    consumerThat('obedient', (_, signal) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason
          reject(new Error('aborted'))
        })
      })
    }),
  )
  router.publishProfiles(batchOf(3))
  await router.drain(soon)
  assert.match(String(reason), /obedient did not finish within 20 ms/)
  assert.equal(router.stats().get('obedient')?.failed, 3)
})

test('a full lane drops its oldest batches, counted in samples', async () => {
  const router = quick({ maxItems: 2, deadline: milliseconds(10_000) })
  const seen: number[] = []
  const gate = Promise.withResolvers<void>()
  router.attach(
    consumerThat('slow', async (batch) => {
      seen.push(batch.window.sequence)
      await gate.promise
    }),
  )
  for (let sequence = 0; sequence < 6; sequence++) router.publishProfiles(batchOf(10, sequence))
  assert.equal(router.stats().get('slow')?.dropped, 30)
  gate.resolve()
  await router.drain(soon)
  assert.deepEqual(seen, [0, 4, 5])
})

test('a full lane that drops the newest keeps what it has', async () => {
  const router = quick({ maxItems: 2, whenFull: 'drop_newest' })
  const slow = healthyConsumer('slow')
  router.attach(slow)
  for (let sequence = 0; sequence < 6; sequence++) router.publishProfiles(batchOf(10, sequence))
  await router.drain(soon)
  assert.deepEqual(slow.seen, [0, 1, 2])
  assert.equal(router.stats().get('slow')?.dropped, 30)
})

test('a lane is bounded in bytes', async () => {
  const size = batchOf(10).buffer.byteLength
  const router = quick({ maxBytes: 3 * size })
  const consumer = healthyConsumer('one')
  router.attach(consumer)
  for (let sequence = 0; sequence < 10; sequence++) router.publishProfiles(batchOf(10, sequence))
  assert.ok((router.stats().get('one')?.queuedBytes ?? 0) <= 3 * size)
  await router.drain(soon)
  assert.deepEqual(consumer.seen, [0, 7, 8, 9])
})

test('what is left at the end of a drain is given up and counted', async () => {
  const router = quick({ deadline: milliseconds(60_000) })
  let aborted = false
  router.attach(
    consumerThat('stuck', (_, signal) => {
      signal.addEventListener('abort', () => {
        aborted = true
      })
      return never()
    }),
  )
  for (let sequence = 0; sequence < 3; sequence++) router.publishProfiles(batchOf(10, sequence))
  await router.drain(milliseconds(20))
  const stats = router.stats().get('stuck')
  assert.deepEqual([stats?.failed, stats?.dropped, stats?.queued], [10, 20, 0])
  assert.ok(aborted)
})

test('draining an idle router, or one whose only consumer hangs over nothing more, returns at once', async () => {
  const router = quick()
  await router.drain(soon)
  router.attach(consumerThat('stuck', never))
  router.publishProfiles(batchOf(1))
  await router.drain(soon)
  const started = performance.now()
  await router.drain(milliseconds(5_000))
  assert.ok(performance.now() - started < 1_000)
})

test('a detached consumer gets nothing more, and a failing neighbour does not matter', async () => {
  const router = quick()
  const one = healthyConsumer('one')
  router.attach(one)
  router.attach(consumerThat('stuck', never))
  router.publishProfiles(batchOf(1, 0))
  await router.drain(milliseconds(100))
  await Promise.all([router.detach('one'), router.detach('stuck'), router.detach('nobody')])
  router.publishProfiles(batchOf(1, 1))
  assert.deepEqual(one.seen, [0])
  assert.equal(router.stats().size, 0)
})

test('detaching waits for the delivery under way, and no longer than its deadline', async () => {
  const router = quick({ deadline: milliseconds(50) })
  const gate = Promise.withResolvers<void>()
  let finished = false
  router.attach(
    consumerThat('slow', async () => {
      await gate.promise
      finished = true
    }),
  )
  router.attach(consumerThat('stuck', never))
  router.publishProfiles(batchOf(1))
  setTimeout(() => gate.resolve(), 5)
  await router.detach('slow')
  assert.ok(finished)
  await router.detach('stuck')
  assert.equal(router.stats().size, 0)
})

test('two consumers of one name are a defect', () => {
  const router = quick()
  router.attach(healthyConsumer('one'))
  assert.throws(() => router.attach(healthyConsumer('one')), /one/)
})

test('metrics go through the same lanes, counted in points, and only to who takes them', async () => {
  const router = quick()
  const profiles = healthyConsumer('profiles')
  let points = 0
  router.attach(profiles)
  router.attach(
    metricConsumerThat('metrics', async (batch) => {
      points += batch.points.length
    }),
  )
  router.publishMetrics(metricsOf(12))
  router.publishProfiles(batchOf(3))
  await router.drain(soon)
  assert.equal(points, 12)
  assert.equal(router.stats().get('metrics')?.delivered, 12)
  assert.equal(router.stats().get('profiles')?.delivered, 3)
})

test('the first failure and the first drop are told, then nothing until the lane works again', async () => {
  const told: string[] = []
  const router = quick({
    maxItems: 1,
    onProblem: (lane, problem) => told.push(`${lane}: ${problem}`),
    onRecovery: (lane, lost) => told.push(`${lane}: lost ${lost}`),
  })
  let isFull = true
  router.attach(
    consumerThat('disk', async ({ samples }) => {
      if (isFull && samples.length > 0) throw new Error('full')
    }),
  )
  const publish = async (...counts: readonly number[]) => {
    for (const [sequence, samples] of counts.entries()) router.publishProfiles(batchOf(samples, sequence))
    await router.drain(soon)
  }
  await publish(4, 4, 4, 4)
  await publish(4)
  await publish(0) // proves nothing
  assert.deepEqual(told, ['disk: dropped 4: its lane is full', 'disk: full'])
  isFull = false
  await publish(4)
  await publish(4)
  assert.deepEqual(told.slice(2), ['disk: lost 20'])
  isFull = true
  await publish(7)
  assert.deepEqual(told.slice(3), ['disk: full'])
})

test('the default lane holds 64 batches or 64 MiB, and waits half a minute', () => {
  assert.deepEqual(
    [LANE_DEFAULTS.maxItems, LANE_DEFAULTS.maxBytes, LANE_DEFAULTS.whenFull, LANE_DEFAULTS.deadline],
    [64, 67_108_864, 'drop_oldest', 30_000],
  )
})
