import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  compressedFeature,
  compressedRecord,
  kernelRecordBytes,
  MAX_PLAIN_BYTES,
  stretchesOf,
} from '../../../../src/formats/perf-data/compression.ts'

function records(...sizes: readonly number[]): Uint8Array {
  return Buffer.concat(
    sizes.map((size) => {
      const record = Buffer.alloc(size)
      record.writeUInt16LE(size, 6)
      return record
    }),
  )
}

test('a stretch is whole records, as many as a COMPRESSED record may hold', () => {
  const bytes = records(...Array.from({ length: 100 }, () => 1_000))
  const stretches = stretchesOf(bytes)
  assert.deepEqual(stretches, [
    { from: 0, to: 61_000, isTooLarge: false },
    { from: 61_000, to: 100_000, isTooLarge: false },
  ])
  assert.ok(61_000 <= MAX_PLAIN_BYTES && 62_000 > MAX_PLAIN_BYTES)
})

test('a record that is cut off is in no stretch; one that is too large is alone in its own', () => {
  const bytes = records(24, 65_528, 16, 48).subarray(0, 24 + 65_528 + 16 + 40)
  assert.deepEqual(stretchesOf(bytes), [
    { from: 0, to: 24, isTooLarge: false },
    { from: 24, to: 24 + 65_528, isTooLarge: true },
    { from: 24 + 65_528, to: 24 + 65_528 + 16, isTooLarge: false },
  ])
  assert.deepEqual(stretchesOf(records(24).subarray(0, 7)), [])
  assert.throws(() => stretchesOf(Buffer.alloc(32)), /says that it has 0 bytes/)
})

test('the record and the feature, byte by byte', () => {
  assert.equal(Buffer.from(compressedRecord(Buffer.from('abc'))).toString('hex'), '5100000000000b00616263')
  assert.equal(
    Buffer.from(compressedFeature(3, 6.6)).toString('hex'),
    '0100000001000000030000000700000000000100',
  )
})

test('the records about the kernel that begin the data are told apart', () => {
  const bytes = Buffer.from(records(104, 96, 48, 80))
  for (const at of [0, 104, 248]) bytes.writeUInt32LE(1, at)
  bytes.writeUInt32LE(10, 200)
  assert.equal(kernelRecordBytes(bytes), 200)
  assert.equal(kernelRecordBytes(bytes.subarray(200)), 0)
  assert.equal(kernelRecordBytes(new Uint8Array(0)), 0)
})
