import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FILTER_OPTIONS, filterOf, uidIn } from '../../../src/cli/filter-options.ts'
import { parseOptions } from '../../../src/cli/options.ts'
import { EVERYTHING } from '../../../src/core/sample-filter.ts'

const filter = (...argv: string[]) => filterOf(parseOptions(argv, FILTER_OPTIONS))

test('without options everything is wanted', () => {
  assert.equal(filter(), EVERYTHING)
})

test('options are rules, and the short ones include', () => {
  const argv = ['-G', '/a', '--cgroup=b', '-u', '1,root', '--include', 'pid=3', '--exclude=kernel-threads']
  assert.deepEqual(filter(...argv).rules, [
    { action: 'include', match: { by: 'pid', pid: 3 } },
    { action: 'include', match: { by: 'cgroup', path: '/a' } },
    { action: 'include', match: { by: 'cgroup', path: '/b' } },
    { action: 'include', match: { by: 'uid', uid: 1 } },
    { action: 'include', match: { by: 'uid', uid: 0 } },
    { action: 'exclude', match: { by: 'kernel_thread' } },
  ])
})

test('names of threads may be several, and are alternatives', () => {
  assert.deepEqual(filter('--filter-comm', 'worker,main loop', '--filter-comm=io').rules, [
    { action: 'include', match: { by: 'comm', comm: 'worker' } },
    { action: 'include', match: { by: 'comm', comm: 'main loop' } },
    { action: 'include', match: { by: 'comm', comm: 'io' } },
  ])
  assert.throws(() => filter('--filter-comm', 'a_name_of_16_byte'), /--filter-comm a_name_of_16_byte: /)
})

test('what thins has its number behind the last colon', () => {
  assert.deepEqual(filter('--thin', 'comm=a:b:10').rules, [
    { action: 'thin', match: { by: 'comm', comm: 'a:b' }, oneIn: 10 },
  ])
  for (const wrong of ['comm=a', 'comm=a:', 'comm=a:1', 'pid=1:1000001', 'pid=1:-2'])
    assert.throws(() => filter('--thin', wrong), { code: 'CLI.USAGE', message: /a colon and 2 to 1000000/ })
})

test('a wrong match is told with its option', () => {
  assert.throws(() => filter('--exclude', 'pid=x'), {
    code: 'CLI.USAGE',
    message: '--exclude pid=x: expected the number of a process, 0 to 4194304.',
  })
  assert.throws(() => filter('--thin', 'user=a:2'), /--thin user=a:2: expected pid, tree/)
  assert.throws(() => filter('-G', ''), /--cgroup : expected cgroup= and a value/)
})

test('more rules than can be looked at for each sample are refused', () => {
  const includes = (count: number) => Array.from({ length: count }, (_, pid) => `--include=pid=${pid}`)
  assert.equal(filter(...includes(64)).rules.length, 64)
  assert.throws(() => filter(...includes(65)), /65 rules .* 64 are the most/)
})

test('users are found by name', () => {
  const passwords = 'root:x:0:0::/root:/bin/sh\nal:x:7:7\nalice:x:1000:1000\nodd:x::0\n'
  assert.deepEqual(
    ['root', 'alice', 'al', 'odd', 'bob', ''].map((name) => uidIn(passwords, name)),
    [0, 1000, 7, undefined, undefined, undefined],
  )
})
