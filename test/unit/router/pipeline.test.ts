import assert from 'node:assert/strict'
import { test } from 'node:test'
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
