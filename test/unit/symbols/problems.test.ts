import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problems } from '../../../src/symbols/problems.ts'

const lineOf = (module: string, problem: string): string => {
  const problems = new Problems()
  problems.add(module, problem)
  problems.add(module, problem)
  return problems.lines().join('\n')
}

test('what stays without names is said once, in words', () => {
  assert.equal(
    lineOf('/tmp/x/gone (deleted)', 'openat2(/tmp/x/gone (deleted)): No such file or directory'),
    '/tmp/x/gone (deleted): not on this machine any more; shown as module+offset',
  )
  assert.equal(
    lineOf('/srv/app', 'openat2(/srv/app): No such file or directory'),
    '/srv/app: not on this machine; shown as module+offset',
  )
  assert.equal(
    lineOf('/srv/app', 'open(/proc/7/root): Permission denied'),
    '/srv/app: may not be read; shown as module+offset',
  )
  assert.equal(lineOf('/srv/app', '/srv/app: not a regular file'), '/srv/app: not a regular file')
  assert.equal(lineOf('[kernel.kallsyms]', 'hidden'), '[kernel.kallsyms]: hidden')
  assert.equal(lineOf('/srv/app', ''), '')
})
