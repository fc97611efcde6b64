import assert from 'node:assert/strict'
import test from 'node:test'
import { fullJitterMs } from '../../../src/base/backoff.ts'

const backoff = { initialMs: 1_000, factor: 2, maxMs: 30_000 }

test('the bound doubles with each failure up to the cap, and the wait is anything below it', () => {
  const bounds = [1, 2, 3, 4, 5, 6, 7].map((failures) => fullJitterMs(backoff, failures, 1))
  assert.deepEqual(bounds, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  assert.equal(fullJitterMs(backoff, 3, 0), 0)
  assert.equal(fullJitterMs(backoff, 3, 0.25), 1_000)
})

test('a failure that lasts for years still gives a number', () => {
  assert.equal(fullJitterMs(backoff, 1e9, 0.5), 15_000)
  assert.equal(fullJitterMs({ ...backoff, initialMs: 0 }, 1e9, 0.5), 0)
})
