import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CgroupChanges } from '../../../src/sampler/cgroup-changes.ts'

const fine = { byKernel: true, refused: null, missing: [] }

test('a cgroup that is removed is said, and so is one that is made; what was missing from the beginning is not', () => {
  const changes = new CgroupChanges()
  assert.deepEqual(changes.look({ ...fine, missing: ['/b'] }), [])
  assert.deepEqual(changes.look({ ...fine, missing: ['/a'] }), [
    'There is no cgroup /a now. Until there is, its rule matches nothing.',
    'There is a cgroup /b now: its rule matches.',
  ])
  assert.deepEqual(changes.look({ ...fine, missing: ['/a'] }), [])
})

test('a filter that names others makes none of them come or go', () => {
  const changes = new CgroupChanges()
  changes.look({ ...fine, missing: ['/a'] })
  changes.begin()
  assert.deepEqual(changes.look(fine), [])
})

test('nothing is said before it has been looked for what another filter names', () => {
  const changes = new CgroupChanges()
  changes.look(fine)
  changes.begin()
  assert.deepEqual(changes.look({ ...fine, missing: null }), [])
  assert.deepEqual(changes.look({ ...fine, missing: ['/a'] }), [])
  assert.deepEqual(changes.look(fine), ['There is a cgroup /a now: its rule matches.'])
})

test('that perf cannot sample cgroups alone is said once', () => {
  const changes = new CgroupChanges()
  const refused = { ...fine, byKernel: false, refused: 'perf_event_open: No such file or directory' }
  assert.match(changes.look(refused).join(), /everything is captured/)
  assert.deepEqual(changes.look(refused), [])
})
