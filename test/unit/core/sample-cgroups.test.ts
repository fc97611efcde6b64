import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SampleCgroups } from '../../../src/core/sample-cgroups.ts'
import { profileBatchOf } from '../../support/profile-window.ts'

const cgroupsOf = (ids: readonly bigint[], paths: readonly (readonly [bigint, string])[]) => {
  const batch = profileBatchOf({ samples: [] })
  const samples = { ...batch.samples, length: ids.length, cgroup: BigUint64Array.from(ids) }
  const cgroups = new SampleCgroups({ samples, cgroups: new Map(paths) })
  return { cgroups, each: ids.map((_, sample) => cgroups.pathOf(sample)) }
}

test('each sample has its cgroup’s path, and none where that is not known', () => {
  const { cgroups, each } = cgroupsOf(
    [7n, 7n, 0n, 8n, 9n, 10n],
    [
      [7n, '/a'],
      [8n, '/b'],
      [10n, ''],
    ],
  )
  assert.ok(cgroups.areKnown)
  assert.deepEqual(each, ['/a', '/a', '', '/b', '', ''])
  assert.deepEqual(cgroups.paths, ['', '/a', '/b'])
})

test('ids that differ in their upper half only, or beyond 53 bits, are not mixed up', () => {
  const [low, generation] = [5n, 1n << 32n]
  const huge = (1n << 63n) + 1n
  const ids = [low, low + generation, huge, huge + 2n]
  const { each } = cgroupsOf(
    ids,
    ids.map((id, index) => [id, `/${index}`]),
  )
  assert.deepEqual(each, ['/0', '/1', '/2', '/3'])
})

test('two cgroups that were at one path after another have one number', () => {
  const { cgroups, each } = cgroupsOf(
    [5n, 6n],
    [
      [5n, '/job'],
      [6n, '/job'],
    ],
  )
  assert.deepEqual(each, ['/job', '/job'])
  assert.equal(cgroups.of(0), cgroups.of(1))
})

test('a batch without cgroups has none', () => {
  const { cgroups } = cgroupsOf([], [])
  assert.ok(!cgroups.areKnown)
  assert.equal(cgroups.pathOf(0), '')
})
