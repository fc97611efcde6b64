import assert from 'node:assert/strict'
import { test } from 'node:test'
import { surplus } from '../../../src/base/retention.ts'

const files = (...sizes: number[]) => sizes.map((bytes, index) => ({ path: String(index), bytes }))
const paths = (kept: readonly { readonly path: string }[]) => kept.map(({ path }) => path)

test('the oldest go until the count is kept', () => {
  assert.deepEqual(paths(surplus(files(1, 1, 1, 1), { maxFiles: 2, maxTotalBytes: 0 })), ['0', '1'])
})

test('the oldest go until the bytes are kept, those being written included', () => {
  assert.deepEqual(paths(surplus(files(5, 5, 5), { maxFiles: 0, maxTotalBytes: 15 })), [])
  assert.deepEqual(paths(surplus(files(5, 5, 5), { maxFiles: 0, maxTotalBytes: 15 }, 1)), ['0'])
  assert.deepEqual(paths(surplus(files(5, 5, 5), { maxFiles: 0, maxTotalBytes: 1 })), ['0', '1', '2'])
})

test('zero is no limit', () => {
  assert.deepEqual(surplus(files(5, 5, 5), { maxFiles: 0, maxTotalBytes: 0 }, 1e12), [])
})
