import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  byteSizeSchema,
  durationSchema,
  fileModeSchema,
  parseByteSize,
  parseDuration,
} from '../../../src/core/quantity-schema.ts'

test('durations are read in every unit, and in sums of them', () => {
  const cases = {
    '250ms': 250,
    '30s': 30_000,
    '1m': 60_000,
    '1h': 3_600_000,
    '1h30m': 5_400_000,
    '0.5s': 500,
    '2d': 172_800_000,
    '0': 0,
  }
  for (const [text, expected] of Object.entries(cases)) assert.equal(parseDuration(text), expected, text)
})

test('what is not a duration is not guessed at', () => {
  for (const text of ['', '10', 's', '-1s', '1 h', '1h foo', '1y', '1.2.3s', 'Infinitys'])
    assert.equal(parseDuration(text), undefined, text)
})

test('sizes are powers of two with an i, powers of ten without, bytes without a unit', () => {
  const cases = {
    '100MiB': 104_857_600,
    '1GB': 1e9,
    '64 KiB': 65_536,
    '1.5kB': 1500,
    '4096': 4096,
    '0': 0,
    '7B': 7,
  }
  for (const [text, expected] of Object.entries(cases)) assert.equal(parseByteSize(text), expected, text)
})

test('what is not a size is not guessed at', () => {
  for (const text of ['', 'MiB', '-1', '1 mib', '10 parsecs', '1e3', '9999999TiB'])
    assert.equal(parseByteSize(text), undefined, text)
})

test('a wrong quantity in a configuration is quoted, with an example of a right one', () => {
  const message = (
    schema: typeof durationSchema | typeof byteSizeSchema | typeof fileModeSchema,
    value: unknown,
  ) => schema.safeParse(value).error?.issues[0]?.message
  assert.match(String(message(durationSchema, 3600)), /^3600 is not a duration: .* such as 30s/)
  assert.match(String(message(byteSizeSchema, '1 mib')), /^"1 mib" is not a size: .* such as 100MiB/)
  assert.match(String(message(fileModeSchema, 'rw-')), /^"rw-" is not a file mode: .* such as "0600"/)
})

test('file modes are octal', () => {
  assert.equal(fileModeSchema.parse('0600'), 0o600)
  assert.equal(fileModeSchema.parse('0o640'), 0o640)
  assert.equal(fileModeSchema.parse('644'), 0o644)
  assert.equal(fileModeSchema.parse(0o600), 0o600)
  assert.equal(fileModeSchema.safeParse('0800').success, false)
})
