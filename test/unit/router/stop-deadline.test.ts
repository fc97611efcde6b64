// What becomes of a pipeline whose agent was told to stop, on a clock that the tests move.

import assert from 'node:assert/strict'
import { beforeEach, mock, test } from 'node:test'
import { StopDeadline } from '../../../src/base/stop-deadline.ts'
import type { ProfileConsumer } from '../../../src/core/consumer.ts'
import type { ProfileBatch } from '../../../src/core/profile.ts'
import type { Symbolizer } from '../../../src/core/symbolizer.ts'
import { LIVE_LIMITS, limitsBy } from '../../../src/router/limits.ts'
import { Pipeline } from '../../../src/router/pipeline.ts'
import { batchOf, consumerThat, healthyConsumer } from '../../support/consumers.ts'
import { settled } from '../../support/fake-addon.ts'

const TOTAL = 8_000
const clock = { now: () => Date.now() }
const never = (): Promise<never> => new Promise(() => undefined)

beforeEach((context) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  if ('after' in context) context.after(() => mock.timers.reset())
})

/** Lets the faked time go by until the work is done. Returns its result, and how long it took. */
async function timed<Result>(work: Promise<Result>): Promise<{ result: Result; took: number }> {
  const began = Date.now()
  let result: { readonly is: Result } | undefined
  void work.then((is) => {
    result = { is }
  })
  for (let step = 0; result === undefined && step < 4_000; step++) {
    await settled()
    if (result === undefined) mock.timers.tick(50)
  }
  assert.ok(result !== undefined, 'it is never over')
  return { result: result.is, took: Date.now() - began }
}

function pipelineOf(consumers: readonly ProfileConsumer[], symbolizer?: Symbolizer) {
  const stopping = new StopDeadline({ total: TOTAL, margin: 500 }, clock)
  const lines: string[] = []
  const pipeline = new Pipeline({
    consumers,
    symbolizer,
    observe: () => undefined,
    log: (_, message) => lines.push(message),
    limits: limitsBy(stopping, LIVE_LIMITS),
  })
  return { pipeline, stopping, lines }
}

/** Writes when it is stopped. */
function filesThat(finish: () => void): ProfileConsumer {
  const files = healthyConsumer('files')
  return { ...files, stop: async () => finish() }
}

test('a stuck consumer ends with the deadline, and the others have finished long before', async () => {
  let finishedAt = 0
  const files = filesThat(() => {
    finishedAt = Date.now()
  })
  const stuck = { ...consumerThat('stuck', never), stop: never }
  const { pipeline, stopping } = pipelineOf([stuck, files])
  await pipeline.start()
  await pipeline.publish([batchOf(10)])
  await settled()
  const began = Date.now()
  stopping.begin()
  const { result, took } = await timed(pipeline.stop())
  assert.ok(took < TOTAL, `${took} ms`)
  assert.equal(finishedAt, began, 'nobody waited for the stuck one')
  assert.equal(result.consumers.get('files')?.lane.delivered, 10)
  assert.equal(result.consumers.get('stuck')?.lane.failed, 10)
  assert.deepEqual(result.problems, [
    'stuck: did not stop within 1750 ms',
    'stuck did not take 10 of 10 samples: did not finish before the drain ended.',
  ])
})

test('a consumer that sends until the deadline is not given up for it', async () => {
  const { pipeline, stopping } = pipelineOf([
    {
      ...healthyConsumer('sender'),
      stop: () => new Promise((resolve) => setTimeout(resolve, (stopping.by ?? 0) - Date.now() + 100)),
    },
  ])
  await pipeline.start()
  stopping.begin()
  const { result, took } = await timed(pipeline.stop())
  assert.deepEqual(result.problems, [])
  assert.ok(took < TOTAL, `${took} ms`)
})

test('windows that a slow symbolizer has not named go out without names in time', async () => {
  const slow: Symbolizer = { name: (_batch, _signal) => never() }
  const delivered: ProfileBatch[] = []
  const files = consumerThat('files', async (batch) => void delivered.push(batch))
  const { pipeline, stopping, lines } = pipelineOf([files], slow)
  await pipeline.start()
  const underWay = pipeline.publish([batchOf(10, 1)])
  mock.timers.tick(1_000)
  stopping.begin()
  const { took } = await timed(
    (async () => {
      await underWay
      await pipeline.publish([batchOf(5, 2)])
      await pipeline.stop()
    })(),
  )
  // The usual time for each window's names is 5 s.
  assert.ok(took <= 3_100, `${took} ms`)
  assert.deepEqual(
    delivered.map(({ window }) => window.sequence),
    [1, 2],
  )
  assert.deepEqual(lines, ['a window has no names', 'a window has no names'])
})

test('a slow consumer has its batches as long as there is time', async () => {
  const slow = consumerThat('slow', () => new Promise((resolve) => setTimeout(resolve, 2_500)))
  const { pipeline, stopping } = pipelineOf([slow])
  await pipeline.start()
  for (let sequence = 0; sequence < 4; sequence++) await pipeline.publish([batchOf(10, sequence)])
  stopping.begin()
  const { result, took } = await timed(pipeline.stop())
  const lane = result.consumers.get('slow')?.lane
  // Four would take 10 s; there are 6 s for lanes.
  assert.deepEqual([lane?.delivered, lane?.failed, lane?.dropped], [20, 10, 10])
  assert.ok(took < TOTAL, `${took} ms`)
})

test('what comes after the end reaches nobody', async () => {
  const files = healthyConsumer('files')
  const { pipeline } = pipelineOf([files])
  await pipeline.start()
  await pipeline.stop()
  await pipeline.publish([batchOf(10)])
  await settled()
  assert.deepEqual(files.seen, [])
})
