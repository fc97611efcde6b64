import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  agentOf,
  type ConfigState,
  collectionsOf,
  NOTHING_HELD,
  nextExpiry,
  nextState,
  statusesOf,
} from '../../../src/config/config-state.ts'
import type { DirectoryState, ScannedFile } from '../../../src/config/directory-scan.ts'
import { readLines, told } from '../../support/config-text.ts'

/** By file: its text, or what is wrong with it; a text that was written again has another `@mark` at its end. */
type Files = Readonly<Record<string, string | { readonly problem: string }>>

const PRESENT: DirectoryState = { is: 'present' }

function scanned([file, content]: readonly [string, Files[string]]): ScannedFile {
  if (typeof content !== 'string') return { is: 'unreadable', file, problem: content.problem }
  const [text = '', mark = ''] = content.split('@')
  return { is: 'text', file, text, written: `${text}${mark}` }
}

function after(before: ConfigState, files: Files, now = 0, directory = PRESENT): ConfigState {
  const scan = { directory, files: Object.entries(files).map(scanned), anchor: '' }
  return nextState(before, scan, { read: readLines, now })
}

const first = (files: Files, now = 0): ConfigState => after(NOTHING_HELD, files, now)
const inForce = (state: ConfigState): readonly string[] => told(collectionsOf(state))
const states = (state: ConfigState): readonly string[] =>
  statusesOf(state).map(({ file, document, state: is }) => `${file}#${document} ${is}`)
const problems = (state: ConfigState): readonly string[] => statusesOf(state).flatMap((one) => one.problems)
const warnings = (state: ConfigState): readonly string[] => statusesOf(state).flatMap((one) => one.warnings)

test('every document of every file is in force, in the order of files and documents', () => {
  const state = first({ 'a.yaml': 'collection x 1 A\ncollection y - B', 'b.yaml': 'collection z 1 C' })
  assert.deepEqual(inForce(state), ['x 1 A', 'y - B', 'z 1 C'])
  assert.deepEqual(states(state), ['a.yaml#0 loaded', 'a.yaml#1 loaded', 'b.yaml#0 loaded'])
  assert.deepEqual(problems(state), [])
})

test('changed content replaces what was there, a new version of the same content is only another version', () => {
  const one = first({ a: 'collection x 1 A' })
  const two = after(one, { a: 'collection x 2 B' })
  assert.deepEqual(inForce(two), ['x 2 B'])
  assert.deepEqual(inForce(after(two, { a: 'collection x 3 B' })), ['x 3 B'])
  assert.deepEqual(warnings(two), [])
})

test('other content under the same version is applied, with a warning that stays until the next change', () => {
  const changed = after(first({ a: 'collection x 1 A' }), { a: 'collection x 1 B' })
  assert.deepEqual(inForce(changed), ['x 1 B'])
  const expected = ['a:1:1: the content changed, but the version is still "1"; the new content is in force']
  assert.deepEqual(warnings(changed), expected)
  assert.deepEqual(warnings(after(changed, { a: 'collection x 1 B' })), expected)
  assert.deepEqual(warnings(after(changed, { a: 'collection x 2 B' })), [])
})

test('where no version is stated, changing the content is nothing odd', () => {
  const changed = after(first({ a: 'collection x - A' }), { a: 'collection x - B' })
  assert.deepEqual(inForce(changed), ['x - B'])
  assert.deepEqual(warnings(changed), [])
})

test('what is deleted stops: a document, a file, the directory', () => {
  const all = first({ a: 'collection x 1 A\ncollection y 1 B', b: 'collection z 1 C' })
  assert.deepEqual(inForce(after(all, { a: 'collection y 1 B', b: 'collection z 1 C' })), ['y 1 B', 'z 1 C'])
  assert.deepEqual(inForce(after(all, { b: 'collection z 1 C' })), ['z 1 C'])
  assert.deepEqual(inForce(after(all, {}, 0, { is: 'missing' })), [])
})

test('a directory that cannot be read any more changes nothing', () => {
  const all = first({ a: 'collection x 1 A', b: 'broken y' })
  const unread = after(all, {}, 0, { is: 'unreadable', problem: 'cannot be read' })
  assert.deepEqual(inForce(unread), ['x 1 A'])
  assert.deepEqual(states(unread), states(all))
})

test('a broken version keeps the last good one by its identity, and is reported until it is fixed', () => {
  const broken = after(first({ a: 'collection x 1 A' }), { a: 'broken x' })
  assert.deepEqual(inForce(broken), ['x 1 A'])
  assert.deepEqual(states(broken), ['a#0 invalid'])
  assert.deepEqual(problems(broken), ['a:1:1: broken'])
  assert.deepEqual(warnings(broken), ['sonde.v1.ProfileCollectionConfig "x" version "1" goes on as it was'])
  const still = after(broken, { a: 'broken x@again' })
  assert.deepEqual(inForce(still), ['x 1 A'])
  const fixed = after(still, { a: 'collection x 2 B' })
  assert.deepEqual(inForce(fixed), ['x 2 B'])
  assert.deepEqual([...problems(fixed), ...warnings(fixed)], [])
})

test('a broken version keeps the last good one when its file was renamed as well', () => {
  assert.deepEqual(inForce(after(first({ a: 'collection x 1 A' }), { b: 'broken x' })), ['x 1 A'])
})

test('deleting a broken document ends what was kept for it', () => {
  const broken = after(first({ a: 'collection x 1 A' }), { a: 'broken x' })
  assert.deepEqual(inForce(after(broken, {})), [])
})

test('a document that was never valid has nothing to keep', () => {
  const state = first({ a: 'broken x' })
  assert.deepEqual(inForce(state), [])
  assert.deepEqual(warnings(state), [])
})

test('a file that makes no sense at all keeps everything it held, as does one that cannot be read', () => {
  const all = first({ a: 'collection x 1 A\ncollection y 1 B\nagent one', b: 'collection z 1 C' })
  for (const a of ['{{{', { problem: 'is not UTF-8 text' }]) {
    const broken = after(all, { a, b: 'collection z 1 C' })
    assert.deepEqual(inForce(broken), ['x 1 A', 'y 1 B', 'z 1 C'])
    assert.equal(agentOf(broken)?.text, 'agent one')
    assert.equal(warnings(broken).length, 3)
  }
})

test('a document that does not tell who it is keeps what stood in its place, and nothing that was deleted', () => {
  const all = first({ a: 'collection x 1 A\ncollection y 1 B\ncollection z 1 C' })
  assert.deepEqual(inForce(after(all, { a: 'collection x 1 A\n???' })), ['x 1 A', 'y 1 B'])
})

test('a document that does not tell who it is, where everything moved, keeps all that is not said elsewhere', () => {
  const all = first({ a: 'collection x 1 A\ncollection y 1 B' })
  const moved = after(all, { a: '???\ncollection x 2 A2' })
  assert.deepEqual(inForce(moved).toSorted(), ['x 2 A2', 'y 1 B'])
})

test('what is said validly elsewhere is not kept for a broken document', () => {
  const moved = after(first({ a: 'collection x 1 A' }), { a: '???', b: 'collection x 2 B' })
  assert.deepEqual(inForce(moved), ['x 2 B'])
  assert.deepEqual(warnings(moved), [])
  assert.deepEqual(states(moved), ['a#0 invalid', 'b#0 loaded'])
})

test('of two documents of one identity the first holds, and the other is told where', () => {
  const state = first({ a: 'collection x 1 A', b: 'collection x 2 B\ncollection y 1 C' })
  assert.deepEqual(inForce(state), ['x 1 A', 'y 1 C'])
  assert.deepEqual(states(state), ['a#0 loaded', 'b#0 superseded', 'b#1 loaded'])
  assert.deepEqual(problems(state), [
    'b:1:1: sonde.v1.ProfileCollectionConfig "x" stands at a:1:1 too, which comes first; this one has no effect',
  ])
})

test('the second takes over when the first is deleted, but not when it is broken', () => {
  const both = first({ a: 'collection x 1 A', b: 'collection x 2 B' })
  assert.deepEqual(inForce(after(both, { b: 'collection x 2 B' })), ['x 2 B'])
  const broken = after(both, { a: 'broken x', b: 'collection x 2 B' })
  assert.deepEqual(inForce(broken), ['x 1 A'])
  assert.deepEqual(states(broken), ['a#0 invalid', 'b#0 superseded'])
})

test('a broken newcomer does not touch the valid document of its identity', () => {
  const state = after(first({ b: 'collection x 1 A' }), { a: 'broken x', b: 'collection x 2 B' })
  assert.deepEqual(inForce(state), ['x 2 B'])
  assert.deepEqual(states(state), ['a#0 invalid', 'b#0 loaded'])
  assert.deepEqual(warnings(state), [])
})

test('equal names of two types are two collections', () => {
  const state = first({ a: 'collection x 1 A - one.Type\ncollection x 1 B - other.Type' })
  assert.deepEqual(inForce(state), ['x 1 A', 'x 1 B'])
})

test('a file in which every document was deleted stops what it held, and is told', () => {
  const state = after(first({ a: 'collection x 1 A' }), { a: '\n' })
  assert.deepEqual(inForce(state), [])
  assert.deepEqual(states(state), ['a#0 ignored'])
  assert.deepEqual(warnings(state), ['a: there is no document in it'])
})

test('there is one AgentConfig: the first', () => {
  const state = first({ a: 'agent one', b: 'agent two' })
  assert.equal(agentOf(state)?.place, 'a:1:1')
  assert.deepEqual(states(state), ['a#0 loaded', 'b#0 superseded'])
  assert.equal(agentOf(after(state, { b: 'agent two' }))?.text, 'agent two')
  assert.equal(agentOf(after(state, {})), undefined)
})

test('an AgentConfig whose file was parsed again is still the same one', () => {
  const state = first({ a: 'agent one\ncollection x 1 A' })
  const parsed = after(state, { a: 'agent one\ncollection x 2 B' })
  assert.equal(agentOf(parsed)?.document, agentOf(state)?.document)
  assert.notEqual(agentOf(after(parsed, { a: 'agent two' }))?.document, agentOf(state)?.document)
})

test('a time to live that is changed counts, though the content is the same', () => {
  const state = after(first({ a: 'collection x 1 A' }), { a: 'collection x 1 A 5000' })
  assert.equal(nextExpiry(state), 5_000)
})

test('a collection ends when its time to live is over, and is told as expired', () => {
  const fresh = first({ a: 'collection x 1 A 5000' }, 1_000)
  assert.equal(nextExpiry(fresh), 6_000)
  assert.deepEqual(inForce(after(fresh, { a: 'collection x 1 A 5000' }, 5_999)), ['x 1 A'])
  const over = after(fresh, { a: 'collection x 1 A 5000' }, 6_000)
  assert.deepEqual(inForce(over), [])
  assert.deepEqual(states(over), ['a#0 expired'])
  assert.deepEqual(problems(over), [
    'a:1:1: its time to live of 5 s is over; write the file again to renew it',
  ])
  assert.equal(nextExpiry(over), undefined)
  assert.deepEqual(inForce(after(over, { a: 'collection x 1 A 5000' }, 9_000)), [], 'it stays so')
})

test('writing the same again extends the time to live, and revives what expired', () => {
  const fresh = first({ a: 'collection x 1 A 5000' }, 0)
  const renewed = after(fresh, { a: 'collection x 1 A 5000@2' }, 4_000)
  assert.equal(nextExpiry(renewed), 9_000)
  const over = after(renewed, { a: 'collection x 1 A 5000@2' }, 10_000)
  assert.deepEqual(inForce(over), [])
  const revived = after(over, { a: 'collection x 1 A 5000@3' }, 20_000)
  assert.deepEqual(inForce(revived), ['x 1 A'])
  assert.equal(nextExpiry(revived), 25_000)
})

test('time goes on for what is kept for a broken document, and in a directory that cannot be read', () => {
  const fresh = first({ a: 'collection x 1 A 5000' }, 0)
  const broken = after(fresh, { a: 'broken x' }, 4_000)
  assert.deepEqual(inForce(broken), ['x 1 A'])
  const over = after(broken, { a: 'broken x' }, 6_000)
  assert.deepEqual(inForce(over), [])
  assert.match(warnings(over).join(), /went on as it was, until its time to live was over/)
  const unread = after(fresh, {}, 6_000, { is: 'unreadable', problem: 'cannot be read' })
  assert.deepEqual(inForce(unread), [])
  assert.deepEqual(states(unread), ['a#0 expired'])
})

test('a text that did not change is not parsed again', () => {
  let parsed = 0
  const read = (text: string, file: string) => {
    parsed++
    return readLines(text, file)
  }
  const scan = (b: string) => ({
    directory: PRESENT,
    files: [scanned(['a', 'collection x 1 A']), scanned(['b', b])],
    anchor: '',
  })
  const one = nextState(NOTHING_HELD, scan('collection y 1 A'), { read, now: 0 })
  const two = nextState(one, scan('collection y 2 B'), { read, now: 0 })
  nextState(two, scan('collection y 2 B'), { read, now: 0 })
  assert.equal(parsed, 3)
})
