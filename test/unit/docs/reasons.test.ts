import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../../..')
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')

test('the README explains every reason why a stack ends early or a function has no name, and no other', () => {
  const source = textOf('native/core/perf/stack_resolver.cc')
  const given = [...source.matchAll(/"(\[(?:truncated|broken|JavaScript): [^"]*)"( \+ name)?/g)].map(
    ([, text = '', named]) => (named === undefined ? text : `${text}NAME]`),
  )
  const explained = [
    ...textOf('README.md').matchAll(/^\| `(\[(?:truncated|broken|JavaScript): .*\])` \|/gm),
  ].map(([, text]) => text)
  assert.ok(given.length > 8)
  assert.deepEqual([...new Set(given)].sort(), explained.sort())
})
