import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  byteSizeSchema,
  durationSchema,
  fileModeSchema,
  parseByteSize,
  parseDuration,
} from '../../../src/core/quantity-schema.ts'
import { byteSizeText, durationText, fileModeText, quantityText } from '../../../src/core/quantity-text.ts'
import { milliseconds } from '../../../src/core/units.ts'

test('durations and sizes are written as people do, and read again as they were', () => {
  for (const [ms, text] of [
    [0, '0'],
    [1, '1ms'],
    [10_000, '10s'],
    [5_400_000, '1h30m'],
    [90_061_001, '25h1m1s1ms'],
  ] as const) {
    assert.equal(durationText(ms), text)
    assert.equal(parseDuration(text), ms)
  }
  for (const [bytes, text] of [
    [0, '0'],
    [1000, '1000'],
    [1024, '1KiB'],
    [64 * 2 ** 20, '64MiB'],
    [3 * 2 ** 29, '1536MiB'],
    [2 ** 40, '1TiB'],
  ] as const) {
    assert.equal(byteSizeText(bytes), text)
    assert.equal(parseByteSize(text), bytes)
  }
  assert.equal(fileModeText(0o600), '0600')
  assert.equal(fileModeText(0o7), '0007')
  assert.equal(fileModeSchema.parse('0640'), 0o640)
})

test('what a schema yields is known by what it reads', () => {
  const refined = durationSchema.refine((ms) => ms > 0).default(milliseconds(1))
  assert.equal(quantityText(refined.def.innerType, 60_000), '1m')
  assert.equal(quantityText(byteSizeSchema, 2 ** 20), '1MiB')
  assert.equal(quantityText(fileModeSchema, 0o644), '0644')
  assert.equal(quantityText(byteSizeSchema, 'off'), undefined)
})
