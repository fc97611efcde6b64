import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryBudget, NO_ROOM, SequenceTable } from '../../../../src/formats/profile/sequence-table.ts'

const unlimited = (): MemoryBudget => new MemoryBudget(Number.POSITIVE_INFINITY)

test('equal sequences have one number, and numbers count up from 0', () => {
  const table = new SequenceTable(unlimited())
  assert.equal(table.intern(Uint32Array.of(1, 2, 3), 3), 0)
  assert.equal(table.intern(Uint32Array.of(1, 2), 2), 1)
  assert.equal(table.intern(Uint32Array.of(1, 2, 3, 99), 3), 0)
  assert.equal(table.intern(Uint32Array.of(), 0), 2)
  assert.equal(table.intern(Uint32Array.of(), 0), 2)
  assert.equal(table.length, 3)
})

test('a hundred thousand sequences keep their numbers and words while the table grows', () => {
  const table = new SequenceTable(unlimited())
  const words = new Uint32Array(7)
  const fill = (entry: number): number => {
    const count = entry % 7
    for (let index = 0; index < count; index++) words[index] = Math.imul(entry, 2654435761) + index
    words[0] = entry
    return Math.max(count, 1)
  }
  for (let entry = 0; entry < 100_000; entry++) assert.equal(table.intern(words, fill(entry)), entry)
  for (let entry = 0; entry < 100_000; entry++) {
    const count = fill(entry)
    assert.equal(table.intern(words, count), entry)
    assert.equal(table.end(entry) - table.start(entry), count)
    assert.equal(table.word(entry, 0), entry)
  }
})

test('when the budget is spent new sequences find no room and old ones are still known', () => {
  const budget = new MemoryBudget(20_000)
  const table = new SequenceTable(budget)
  const intern = (entry: number): number => table.intern(Uint32Array.of(entry, entry, entry, entry), 4)
  let kept = 0
  while (intern(kept) !== NO_ROOM) kept++
  assert.ok(kept > 100, `${kept} kept`)
  assert.ok(budget.taken <= 20_000)
  assert.equal(intern(kept + 1), NO_ROOM)
  for (let entry = 0; entry < kept; entry++) assert.equal(intern(entry), entry)
  assert.equal(table.length, kept)
})
