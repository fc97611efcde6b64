import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../../..')
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')

/** What stands for a part that is not always the same. */
const PARTS: Readonly<Record<string, string>> = { file: 'NAME', machine_: 'MACHINE' }

test('the README explains every reason why a stack ends early or a function has no name, and no other', () => {
  const source = [
    'native/core/perf/stack_resolver.cc',
    'native/core/perf/unwind_reason.cc',
    'native/core/recorded/recorded_unwinder.cc',
  ]
    .map(textOf)
    .join('')
  const given = [
    ...source.matchAll(/"(\[(?:truncated|broken|JavaScript): [^"]*)"(?: \+ (\w+) \+ "([^"]*)")?/g),
  ].map(([, text = '', part, rest = '']) =>
    part === undefined ? text : `${text}${PARTS[part] ?? part}${rest}`,
  )
  const explained = [
    ...textOf('README.md').matchAll(/^\| `(\[(?:truncated|broken|JavaScript): .*\])` \|/gm),
  ].map(([, text]) => text)
  assert.ok(given.length > 8)
  assert.deepEqual([...new Set(given)].sort(), explained.sort())
})
