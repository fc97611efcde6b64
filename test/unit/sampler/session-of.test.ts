import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type StackParts, WHOLE_STACKS } from '../../../src/core/profile.ts'
import { encodeFeatures, layOutFeatures } from '../../../src/formats/perf-data/features.ts'
import { dataOffset, encodeHead, fileEventOf } from '../../../src/formats/perf-data/header.ts'
import { openPerfData } from '../../../src/formats/perf-data/reader.ts'
import { finishedRound } from '../../../src/formats/perf-data/records.ts'
import { encodePprof } from '../../../src/formats/pprof/pprof.ts'
import { sessionsOf } from '../../../src/sampler/replay/session-of.ts'
import { profileOf } from '../../support/aggregated.ts'
import { session } from '../formats/perf-data/fixture.ts'

/** What a file says of its first session. */
function sessionOf({
  cpus = 2,
  frequency = 99n,
  stackParts = WHOLE_STACKS,
}: {
  cpus?: number
  frequency?: bigint
  stackParts?: StackParts
}) {
  const records = finishedRound()
  const blobs = encodeFeatures({ cpus: { available: cpus, online: cpus } })
  const event = fileEventOf(session(0, { stackParts }))
  const events = [{ ...event, attr: { ...event.attr, sampleFreqOrPeriod: frequency } }]
  const features = blobs.map(({ bit }) => bit)
  const head = encodeHead({ events, room: 1, dataBytes: records.length, features })
  const bytes = Buffer.concat([head, records, layOutFeatures(blobs, dataOffset(1) + records.length)])
  const [first] = sessionsOf(
    openPerfData({
      name: 'x.data',
      size: bytes.length,
      read: (offset, length) => bytes.subarray(offset, offset + length),
    }),
  )
  assert.ok(first)
  return first
}

test('a file that states 4,294,967,295 CPUs makes no list of them', () => {
  assert.equal(sessionOf({ cpus: 2 ** 32 - 1 }).cpus.length, 8192)
})

test('a file says which parts of the stacks were left out', () => {
  for (const kernel of [true, false]) {
    for (const user of [true, false]) {
      assert.deepEqual(sessionOf({ stackParts: { kernel, user } }).stackParts, { kernel, user })
    }
  }
})

test('a frequency of 0 is none: nothing can be divided by it', () => {
  const { rate } = sessionOf({ frequency: 0n })
  assert.deepEqual(rate, { by: 'period', period: 0n })
  const profile = profileOf([{ samples: [] }])
  encodePprof({ ...profile, session: { ...profile.session, rate } })
})
