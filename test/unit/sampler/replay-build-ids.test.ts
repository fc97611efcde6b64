import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BuildIdEntry } from '../../../src/formats/perf-data/features.ts'
import { RecordedBuildIds } from '../../../src/sampler/replay/build-ids.ts'

const entry = (path: string, buildId: string): BuildIdEntry => ({ path, buildId, kernel: false })
const file = (path: string, inode: bigint) => ({ path, device: 8n, inode })

test('a path has the build id that the recording tells of it', () => {
  const ids = new RecordedBuildIds([entry('/bin/a', 'aa'), entry('[vdso]', 'dd')])
  assert.equal(ids.of(file('/bin/a', 1n)), 'aa')
  assert.equal(ids.of(file('/bin/a', 1n)), 'aa')
  assert.equal(ids.of({ path: '[vdso]', device: 0n, inode: 0n }), 'dd')
  assert.equal(ids.of(file('/bin/b', 2n)), '')
})

test('a path of two build ids has none', () => {
  const ids = new RecordedBuildIds([entry('/bin/a', 'aa'), entry('/bin/a', 'bb'), entry('/bin/a', 'aa')])
  assert.equal(ids.of(file('/bin/a', 1n)), '')
})

test('a second file under a path, as after an upgrade, has no build id, and leaves the first without', () => {
  const ids = new RecordedBuildIds([entry('/bin/a', 'aa')])
  assert.equal(ids.of(file('/bin/a', 1n)), 'aa')
  assert.equal(ids.of(file('/bin/a', 2n)), '')
  assert.equal(ids.of(file('/bin/a', 1n)), '')
})

test('what a stream tells later is known from then on', () => {
  const entries: BuildIdEntry[] = []
  const ids = new RecordedBuildIds(entries)
  assert.equal(ids.of(file('/bin/a', 1n)), '')
  entries.push(entry('/bin/a', 'aa'))
  assert.equal(ids.of(file('/bin/a', 1n)), 'aa')
})
