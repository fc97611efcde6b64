import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProfileBatch } from '../../../src/core/profile.ts'
import { milliseconds, monotonicTime } from '../../../src/core/units.ts'
import { FlightRecorder } from '../../../src/router/flight-recorder.ts'
import { fixedLimits } from '../../../src/router/limits.ts'
import { Pipeline } from '../../../src/router/pipeline.ts'
import { batchOf, consumerThat } from '../../support/consumers.ts'

const SECOND_NS = 1_000_000_000n

/** A batch of 10 samples that ends `second` seconds after the start. */
function batchAt(second: number): ProfileBatch {
  const batch = batchOf(10, second)
  const end = monotonicTime(BigInt(second) * SECOND_NS)
  return { ...batch, window: { ...batch.window, start: monotonicTime(end - SECOND_NS), end } }
}

const hold = (recorder: FlightRecorder, second: number): void =>
  recorder.hold({ batches: [batchAt(second)], consumers: undefined })

function taken(recorder: FlightRecorder): readonly (number | undefined)[] {
  recorder.want()
  const sequences: (number | undefined)[] = []
  for (let window = recorder.next(); window !== undefined; window = recorder.next())
    sequences.push(window.batches[0]?.window.sequence)
  return sequences
}

const ROOMY = 2 ** 30

test('it holds the last seconds, counts what grew too old, and gives each window once', () => {
  const recorder = new FlightRecorder({ keep: milliseconds(5_000), maxBytes: ROOMY })
  for (let second = 1; second <= 20; second++) hold(recorder, second)
  const { windows, samples, overwritten, lost } = recorder.status()
  assert.deepEqual(
    { windows, samples, overwritten, lost },
    { windows: 5, samples: 50, overwritten: 150, lost: {} },
  )
  assert.deepEqual(taken(recorder), [16, 17, 18, 19, 20])
  assert.deepEqual(taken(recorder), [])
  hold(recorder, 21)
  assert.deepEqual(taken(recorder), [21])
  assert.equal(recorder.status().bytes, 0)
})

test('what memory has no room for is lost, and counted apart from what grew too old', () => {
  const bytes = batchAt(1).buffer.byteLength
  const recorder = new FlightRecorder({ keep: milliseconds(60_000), maxBytes: 3 * bytes })
  for (let second = 1; second <= 10; second++) {
    hold(recorder, second)
    assert.ok(recorder.status().bytes <= 3 * bytes)
  }
  assert.deepEqual(recorder.status().lost, { memory_full: 70 })
  assert.equal(recorder.status().overwritten, 0)
  assert.deepEqual(taken(recorder), [8, 9, 10])
})

test('a window that alone is larger than its memory is held all the same', () => {
  const recorder = new FlightRecorder({ keep: milliseconds(60_000), maxBytes: 1 })
  hold(recorder, 1)
  hold(recorder, 2)
  assert.deepEqual(taken(recorder), [2])
})

test('what is asked for does not grow too old while it waits to be taken', () => {
  const recorder = new FlightRecorder({ keep: milliseconds(3_000), maxBytes: ROOMY })
  for (let second = 1; second <= 3; second++) hold(recorder, second)
  recorder.want()
  for (let second = 4; second <= 20; second++) hold(recorder, second)
  const sequences = [recorder.next(), recorder.next(), recorder.next()].map(
    (window) => window?.batches[0]?.window.sequence,
  )
  assert.deepEqual(sequences, [1, 2, 3])
  assert.equal(recorder.next(), undefined)
  assert.deepEqual(taken(recorder), [18, 19, 20])
})

const second = milliseconds(1_000)

/** What a consumer gets of windows that a pipeline with a flight recorder is given. */
async function recorded(rotateAfter: readonly number[], last: number) {
  const seen: (number | 'rotated')[] = []
  const observed: number[] = []
  let counted = 0
  const pipeline = new Pipeline({
    consumers: [
      {
        ...consumerThat('files', async ({ window }) => void seen.push(window.sequence)),
        rotate: async () => void seen.push('rotated'),
      },
    ],
    symbolizer: undefined,
    observe: ({ window }) => void observed.push(window.sequence),
    count: () => void counted++,
    flightRecorder: new FlightRecorder({ keep: milliseconds(3_000), maxBytes: ROOMY }),
    log: () => undefined,
    limits: fixedLimits({ naming: second, source: second, drain: second, stop: second, release: second }),
  })
  await pipeline.start()
  for (let at = 1; at <= last; at++) {
    await pipeline.publish([batchAt(at)])
    if (rotateAfter.includes(at)) await pipeline.rotate()
  }
  const { problems, remarks } = await pipeline.stop()
  assert.deepEqual(problems, [])
  assert.equal(counted, last)
  assert.deepEqual(
    observed,
    seen.filter((each) => each !== 'rotated'),
  )
  return { seen, remarks }
}

test('consumers get the last seconds before each rotation and before the end, and finish their files between', async () => {
  const { seen, remarks } = await recorded([5, 9], 20)
  assert.deepEqual(seen, [3, 4, 5, 'rotated', 7, 8, 9, 'rotated', 18, 19, 20])
  assert.match(remarks.join(), /110 older samples were overwritten/)
})

test('hundreds of windows reach a consumer without one being dropped by its lane', async () => {
  const seen: number[] = []
  const pipeline = new Pipeline({
    consumers: [consumerThat('files', async ({ window }) => void seen.push(window.sequence))],
    symbolizer: undefined,
    observe: () => undefined,
    flightRecorder: new FlightRecorder({ keep: milliseconds(1_000_000), maxBytes: ROOMY }),
    log: () => undefined,
    limits: fixedLimits({ naming: second, source: second, drain: second, stop: second, release: second }),
  })
  await pipeline.start()
  for (let at = 1; at <= 300; at++) await pipeline.publish([batchAt(at)])
  assert.deepEqual(seen, [])
  await pipeline.stop()
  assert.equal(seen.length, 300)
})
