import assert from 'node:assert/strict'
import { test } from 'node:test'
import { globMatches } from '../../../src/base/glob.ts'

test('a star is any text, a question mark one character, everything else itself', () => {
  const yes: readonly (readonly [string, string])[] = [
    ['', ''],
    ['*', ''],
    ['*', 'a/b'],
    ['a*', 'a'],
    ['a?c', 'abc'],
    ['*.c', 'a.b.c'],
    ['a*b*c', 'a-b-b-c'],
    ['**a**', 'a'],
    ['[a].(b)+', '[a].(b)+'],
    ['?*', 'x'],
  ]
  const no: readonly (readonly [string, string])[] = [
    ['', 'a'],
    ['a', ''],
    ['?', ''],
    ['?', '**'],
    ['a*', 'ba'],
    ['*a', 'ab'],
    ['a.c', 'abc'],
    ['a*b*c', 'a-c-b'],
    ['*ab', 'aab '],
  ]
  for (const [pattern, text] of yes) assert.ok(globMatches(pattern, text), `${pattern} and ${text}`)
  for (const [pattern, text] of no) assert.ok(!globMatches(pattern, text), `${pattern} and ${text}`)
})

test('a pattern of many stars does not take forever over a text that almost fits', () => {
  // Where every star tries every place anew this takes longer than the universe has.
  assert.equal(globMatches(`${'*a'.repeat(50)}b`, 'a'.repeat(10_000)), false)
})
