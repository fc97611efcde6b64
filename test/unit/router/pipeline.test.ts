import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProfileBatch } from '../../../src/core/profile.ts'
import { NO_RESOURCES, type ResourceFinder, type SampleResources } from '../../../src/core/resource.ts'
import { milliseconds } from '../../../src/core/units.ts'
import { fixedLimits } from '../../../src/router/limits.ts'
import { Pipeline } from '../../../src/router/pipeline.ts'
import { batchOf, consumerThat } from '../../support/consumers.ts'

const second = milliseconds(1_000)
const limits = fixedLimits({ naming: second, source: second, drain: second, stop: second, release: second })

test('what a consumer took and then lost is told with its reason', async () => {
  const taker = consumerThat('files', async () => undefined)
  const outcome = { bytes: 0, written: 10, files: [], lost: { table_full: 188 } }
  const pipeline = new Pipeline({
    consumers: [{ ...taker, outcome: () => outcome }],
    symbolizer: undefined,
    observe: () => undefined,
    log: () => undefined,
    limits,
  })
  await pipeline.start()
  const { problems } = await pipeline.stop()
  assert.deepEqual(problems, ['files: 188 samples did not fit into maxProfileBytes.'])
})

test('a disk that is full for a while is one warning, one line at its end, and one sentence in the closing', async () => {
  const lines: string[] = []
  let isFull = true
  const disk = consumerThat('disk', async () => {
    if (isFull) throw new Error('Cannot write /x: it is full. Writing resumes by itself.')
  })
  const pipeline = new Pipeline({
    consumers: [disk],
    symbolizer: undefined,
    observe: () => undefined,
    log: (level, message) => lines.push(`${level} ${message}`),
    limits,
  })
  await pipeline.start()
  for (let sequence = 0; sequence < 6; sequence++) {
    isFull = sequence < 4
    await pipeline.publish([batchOf(10, sequence)])
    await pipeline.settle(milliseconds(1_000))
  }
  assert.deepEqual(lines, [
    'warn disk: Cannot write /x: it is full. Writing resumes by itself.',
    'warn disk: works again; 40 samples were lost',
  ])
  const { problems } = await pipeline.stop()
  assert.deepEqual(problems, [
    'disk did not take 40 of 60 samples: Cannot write /x: it is full. Writing resumes by itself.',
  ])
})

/** What consumers and the observer see of a window of two batches. */
async function published(
  resources: ResourceFinder | undefined,
  log: (line: string) => void = () => undefined,
) {
  const seen: ProfileBatch[] = []
  const pipeline = new Pipeline({
    consumers: [consumerThat('taker', async (batch) => void seen.push(batch))],
    symbolizer: undefined,
    resources,
    observe: (batch) => void seen.push(batch),
    log: (level, message, fields) => log(`${level} ${message}: ${fields?.reason}`),
    limits,
  })
  await pipeline.start()
  await pipeline.publish([batchOf(1), batchOf(2)])
  await pipeline.settle(milliseconds(1_000))
  await pipeline.stop()
  return seen
}

test('everybody sees whom the samples of their batch belong to, asked once', async () => {
  const found: SampleResources[] = []
  const seen = await published({
    async find(batch) {
      found.push({ table: [], ofSample: new Uint32Array(batch.samples.length) })
      return found.at(-1) ?? NO_RESOURCES
    },
  })
  assert.equal(found.length, 2)
  assert.equal(seen.length, 4)
  for (const { resources, samples } of seen) assert.equal(resources, found[samples.length - 1])
})

test('nobody asks, or whoever is asked fails: the samples arrive all the same', async () => {
  const lines: string[] = []
  const broken = { find: () => Promise.reject(new Error('broken')) }
  for (const finder of [undefined, broken]) {
    const seen = await published(finder, (line) => lines.push(line))
    assert.deepEqual(
      seen.map(({ resources }) => resources),
      Array(4).fill(NO_RESOURCES),
    )
  }
  assert.deepEqual(lines, ['warn nobody knows whom the samples of a window belong to: broken'])
})
