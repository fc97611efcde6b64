import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SampleFilter } from '../../../src/core/sample-filter.ts'
import { findCgroups } from '../../../src/sampler/cgroups.ts'
import { locateCgroups } from '../../../src/sampler/filter-cgroups.ts'

/** A machine with cgroup2, and /a in it. */
const find: typeof findCgroups = (named) =>
  findCgroups(named, {
    mountinfo: () => '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
    populated: () => true,
    directories: (path) => ({ '/sys/fs/cgroup': ['a'], '/sys/fs/cgroup/a': [] })[path],
  })
const including = (...paths: readonly string[]): SampleFilter => ({
  rules: [
    { action: 'thin', match: { by: 'pid', pid: 1 }, oneIn: 2 },
    ...paths.map((path) => ({ action: 'include', match: { by: 'cgroup', path } }) as const),
  ],
})

test('a cgroup may be named by its directory', () => {
  for (const missing of ['refused', 'awaited'] as const) {
    const { filter, hierarchy, notices } = locateCgroups(including('/sys/fs/cgroup/a', '/'), missing, find)
    assert.deepEqual(filter, including('/a', '/'))
    assert.equal(hierarchy?.mount, '/sys/fs/cgroup')
    assert.deepEqual(notices, [])
  }
})

test('a cgroup that is not there is refused, or awaited and said', () => {
  assert.throws(() => locateCgroups(including('/b'), 'refused', find), { code: 'CGROUP.UNKNOWN' })
  const { filter, notices } = locateCgroups(including('/b', '/sys/fs/cgroup/a'), 'awaited', find)
  assert.deepEqual(filter, including('/b', '/a'))
  assert.match(notices.join('\n'), /^There is no cgroup \/b: .* Until there is, its rule matches nothing\.$/)
})
