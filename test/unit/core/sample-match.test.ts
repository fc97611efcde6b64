import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EVERYTHING, type SampleMatch } from '../../../src/core/sample-filter.ts'
import { filterText, MatchError, matchText, parseMatch } from '../../../src/core/sample-match.ts'

const users: Readonly<Record<string, number>> = { alice: 1000 }
const parse = (text: string): SampleMatch => parseMatch(text, (name) => users[name])

test('a match is written and read in one way', () => {
  const matches: readonly (readonly [string, SampleMatch])[] = [
    ['pid=12', { by: 'pid', pid: 12 }],
    ['tree=1', { by: 'tree', pid: 1 }],
    ['cgroup=/a/b=c', { by: 'cgroup', path: '/a/b=c' }],
    ['cgroup=/', { by: 'cgroup', path: '/' }],
    ['cgroup=18446744073', { by: 'cgroup', id: 18_446_744_073n }],
    ['comm=a=b c', { by: 'comm', comm: 'a=b c' }],
    ['process=a=b c', { by: 'process', comm: 'a=b c' }],
    ['uid=0', { by: 'uid', uid: 0 }],
    ['kernel-threads', { by: 'kernel_thread' }],
  ]
  for (const [text, match] of matches) {
    assert.deepEqual(parse(text), match)
    assert.equal(matchText(match), text)
  }
})

test('paths of cgroups begin at the root and have no slash too many; users have names', () => {
  assert.deepEqual(parse('cgroup=a//b/'), { by: 'cgroup', path: '/a/b' })
  assert.deepEqual(parse('uid=alice'), { by: 'uid', uid: 1000 })
})

test('what is wrong says what is expected', () => {
  const problem = (text: string): string => {
    try {
      return JSON.stringify(parse(text))
    } catch (error) {
      assert.ok(error instanceof MatchError)
      return error.message
    }
  }
  assert.match(problem('cgrup=/a'), /^expected pid, tree, .* \(did you mean cgroup\?\)$/)
  assert.match(problem('pid'), /^expected pid= and a value$/)
  assert.match(problem('comm='), /^expected comm= and a value$/)
  assert.match(problem('kernel-threads=1'), /takes no value/)
  for (const pid of ['pid=-1', 'pid=x', 'tree=1.5', 'pid=4194305']) assert.match(problem(pid), /0 to 4194304/)
  assert.match(problem('uid=bob'), /there is no user bob in \/etc\/passwd: give the number/)
  assert.match(problem('uid=4294967295'), /expected the number of a user/)
  assert.match(problem('comm=a-long-program-name'), /15 bytes of a thread's .* would be 'a-long-program-'$/)
  assert.match(
    problem('process=a-long-program-name'),
    /15 bytes of a process's .* would be 'a-long-program-'$/,
  )
})

test('a filter is told in words', () => {
  assert.equal(filterText(EVERYTHING), 'everything')
  assert.equal(
    filterText({
      rules: [
        { action: 'include', match: { by: 'tree', pid: 7 } },
        { action: 'thin', match: { by: 'uid', uid: 1 }, oneIn: 10 },
      ],
    }),
    'include tree=7, one in 10 of uid=1',
  )
})
