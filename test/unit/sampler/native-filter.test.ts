import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FilterRule } from '../../../src/core/sample-filter.ts'
import { nativeFilter } from '../../../src/sampler/native-filter.ts'

test('the addon gets each rule as its numbers and texts', () => {
  const rules: readonly FilterRule[] = [
    { action: 'include', match: { by: 'pid', pid: 12 } },
    { action: 'include', match: { by: 'tree', pid: 13 } },
    { action: 'exclude', match: { by: 'cgroup', path: '/a' } },
    { action: 'exclude', match: { by: 'cgroup', id: 77n } },
    { action: 'exclude', match: { by: 'comm', comm: 'b' } },
    { action: 'thin', match: { by: 'uid', uid: 1000 }, oneIn: 10 },
    { action: 'thin', match: { by: 'kernel_thread' }, oneIn: 2 },
    { action: 'include', match: { by: 'process', comm: 'c' } },
  ]
  assert.deepEqual(
    nativeFilter({ rules }).map(({ kind, action, value, text, oneIn }) => [kind, action, value, text, oneIn]),
    [
      [0, 0, 12n, '', 1],
      [1, 0, 13n, '', 1],
      [2, 1, 0n, '/a', 1],
      [2, 1, 77n, '', 1],
      [3, 1, 0n, 'b', 1],
      [4, 2, 1000n, '', 10],
      [5, 2, 0n, '', 2],
      [6, 0, 0n, 'c', 1],
    ],
  )
})
