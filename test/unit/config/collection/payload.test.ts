import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import protobuf from 'protobufjs'
import { encodeCollection } from '../../../../src/config/collection/encode.ts'
import {
  COLLECTION_NUMBERS,
  COLLECTION_SHAPE,
  PREDECESSORS_SHAPE,
} from '../../../../src/config/collection/payload-shape.ts'
import type { StatedCollection } from '../../../../src/config/collection/stated.ts'
import { type PayloadShape, readPayload } from '../../../../src/config/payload.ts'

/** By another reader than ours: reflection over the files that are published. */
const messageOf = (file: string, name: string): protobuf.Type => {
  const text = readFileSync(join(import.meta.dirname, '../../../../proto', file), 'utf8')
  return protobuf.parse(text, { keepCase: true }).root.lookupType(name)
}
const OURS = messageOf('profile_collection_config.proto', 'sonde.v1.ProfileCollectionConfig')
const PREDECESSORS = messageOf('antimetal_agent.proto', 'antimetal.agent.v1.ProfileCollectionConfig')

const EVERYTHING: StatedCollection = {
  eventName: 'page-faults:u',
  samplePeriod: Number.MAX_SAFE_INTEGER,
  sampleFrequencyHz: 99,
  intervalSeconds: 600,
  maxStackDepth: 65_535,
  processFilters: ['nginx', 'größe'],
  cgroups: ['/a', '12'],
  kernelStacks: false,
  userStacks: true,
  threadNames: false,
  consumers: ['perf_data', 'files'],
}

const PROTO_TYPES = { text: ['string'], number: ['uint32', 'uint64'], flag: ['bool'] } as const

const shapeIn = (message: protobuf.Type) =>
  message.fieldsArray.map(({ id, name, type, repeated }) => ({ id, name, type, repeated }))

for (const [what, message, shape] of [
  ['ours', OURS, COLLECTION_SHAPE],
  ['the predecessor’s', PREDECESSORS, PREDECESSORS_SHAPE],
] as const) {
  test(`${what} is read with the numbers, names and types of the published file`, () => {
    assert.equal(Object.keys(shape).length, message.fieldsArray.length)
    for (const { id, name, type, repeated } of shapeIn(message)) {
      const field = (shape as PayloadShape)[id]
      assert.equal(field?.name, name)
      assert.equal(field.repeated === true, repeated, name)
      assert.ok((PROTO_TYPES[field.is] as readonly string[]).includes(type), `${name}: ${type}`)
    }
  })
}

test('the predecessor has the numbers 1 to 5, as it published them', () => {
  const names = ['event_name', 'sample_period', 'interval_seconds', 'max_stack_depth', 'process_filters']
  assert.deepEqual(
    shapeIn(PREDECESSORS).map(({ id, name }) => [id, name]),
    names.map((name, index) => [index + 1, name]),
  )
  for (const { id, name } of shapeIn(OURS)) assert.ok(names[id - 1] === name || id >= 16, `${id} is not ours`)
})

test('what is encoded, another reader reads', () => {
  const read = OURS.toObject(OURS.decode(encodeCollection(EVERYTHING)), { longs: String })
  assert.deepEqual(read, {
    event_name: 'page-faults:u',
    sample_period: '9007199254740991',
    sample_frequency_hz: 99,
    interval_seconds: 600,
    max_stack_depth: 65_535,
    process_filters: ['nginx', 'größe'],
    cgroups: ['/a', '12'],
    kernel_stacks: false,
    user_stacks: true,
    thread_names: false,
    consumers: ['perf_data', 'files'],
  })
})

test('what another writer encodes is read', () => {
  const fields = {
    event_name: 'cycles',
    sample_period: 1_281_018_368,
    process_filters: ['a', 'b'],
    kernel_stacks: false,
    thread_names: true,
  }
  const bytes = OURS.encode(OURS.create(fields)).finish()
  assert.deepEqual(readPayload(bytes, COLLECTION_SHAPE), { fields, unknown: [], problems: [] })
})

test('a collection without our own fields is bytes that the predecessor reads, to the last', () => {
  const stated = { eventName: 'cpu-clock', samplePeriod: 10_000_000, intervalSeconds: 10 }
  const bytes = encodeCollection(stated)
  assert.equal(Buffer.from(bytes).toString('base64'), 'CgljcHUtY2xvY2sQgK3iBBgK')
  assert.deepEqual(PREDECESSORS.toObject(PREDECESSORS.decode(bytes), { longs: Number }), {
    event_name: 'cpu-clock',
    sample_period: 10_000_000,
    interval_seconds: 10,
  })
})

test('the last of several values counts, and numbers that nobody knows are told once', () => {
  const bytes = Buffer.from(
    '0a0161 0a0162 f83f01 f83f02 d53f00000000 d13f0000000000000000'.replaceAll(' ', ''),
    'hex',
  )
  const payload = readPayload(bytes, COLLECTION_SHAPE)
  assert.deepEqual(payload.fields, { event_name: 'b' })
  assert.deepEqual(payload.unknown, [1023, 1018])
})

test('a number beyond what is exact stays exact, for whoever refuses it', () => {
  const bytes = Buffer.from('10ffffffffffffffffff01', 'hex')
  assert.deepEqual(readPayload(bytes, COLLECTION_SHAPE).fields, { sample_period: 2n ** 64n - 1n })
})

test('a field of another type, and a text that is none, are problems', () => {
  const bytes = Buffer.from('0801 12016f 0a02c328'.replaceAll(' ', ''), 'hex')
  assert.deepEqual(readPayload(bytes, COLLECTION_SHAPE).problems, [
    'field 1 (event_name) is no text: its wire type is varint',
    'field 2 (sample_period) is no number: its wire type is bytes',
    'field 1 (event_name) is not UTF-8 text',
  ])
})

for (const [what, hex, message] of [
  ['a length beyond the end', '0a09637075', /9 bytes are announced and 3 are left \(at byte 2\)/],
  ['a length beyond every end', '0affffffffffffffffff01', /18446744073709551615 bytes are announced/],
  ['a number without an end', '10ffff', /ends within a number \(at byte 1\)/],
  ['a number that does not end', '10ffffffffffffffffffffff01', /longer than 10 bytes/],
  ['field 0', '0000', /there is no field 0/],
  ['a group', '0b0c', /field 1 has wire type 3, which proto3 has not/],
  ['eight bytes of which four are there', '0900000000', /8 bytes are announced and 4 are left/],
] as const) {
  test(`${what} is no message`, () => {
    assert.throws(() => readPayload(Buffer.from(hex, 'hex'), COLLECTION_SHAPE), message)
  })
}

test('every field of a collection has a number', () => {
  const numbered = Object.values(COLLECTION_NUMBERS).map(({ field }) => field)
  assert.deepEqual([...numbered].sort(), Object.keys(EVERYTHING).sort())
})
