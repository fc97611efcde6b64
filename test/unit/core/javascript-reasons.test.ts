import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isReason, JAVASCRIPT_REASONS } from '../../../src/core/javascript-reasons.ts'

const ROOT = join(import.meta.dirname, '../../..')
const KNOWN = Object.values(JAVASCRIPT_REASONS).toSorted()

const matchesIn = (path: string, pattern: RegExp): readonly string[] =>
  [...readFileSync(join(ROOT, path), 'utf8').matchAll(pattern)].map(([, reason = '']) => reason).toSorted()

const sourcesBelow = (folder: string, end: RegExp): readonly string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => end.test(name))
    .map((name) => join(folder, name))

test('the reasons that the native side gives are the known ones', () => {
  const sources = sourcesBelow('native', /\.(cc|h)$/)
  assert.deepEqual(sources.flatMap((path) => matchesIn(path, /"(\[JavaScript: [^"]*)"/g)).toSorted(), KNOWN)
})

test('no other source spells a reason', () => {
  const spelling = sourcesBelow('src', /\.ts$/).filter(
    (path) => matchesIn(path, /(\[JavaScript: )/g).length > 0,
  )
  assert.deepEqual(spelling, ['src/core/javascript-reasons.ts'])
})

test('the README explains each reason', () => {
  assert.deepEqual(matchesIn('README.md', /^\| `(\[JavaScript: [^`]*)` \|/gm), KNOWN)
})

test('a reason is told from a name', () => {
  for (const reason of KNOWN) assert.ok(isReason({ function: reason }), reason)
  assert.ok(isReason({ function: '[JavaScript: of a later version]' }))
  assert.ok(!isReason({ function: 'JavaScript' }))
  assert.ok(!isReason({ function: '' }))
})
