import assert from 'node:assert/strict'
import { test } from 'node:test'
import { didYouMean, nearNames } from '../../../src/base/near.ts'

const names = ['cpu-clock', 'task-clock', 'cycles', 'cs', 'page-faults', 'branches', 'branch-misses']

test('a slip of the finger finds the name that was meant', () => {
  assert.deepEqual(nearNames('cpu-clok', names), ['cpu-clock'])
  assert.deepEqual(nearNames('cylces', names), ['cycles'])
  assert.deepEqual(nearNames('CYCLES', names), ['cycles'])
})

test('a beginning finds every name that continues it', () => {
  assert.deepEqual(nearNames('branch', names), ['branches', 'branch-misses'])
})

test('what resembles nothing suggests nothing', () => {
  assert.deepEqual(nearNames('quux', names), [])
  assert.equal(didYouMean('quux', names), '')
})

test('a suggestion reads as a question', () => {
  assert.equal(didYouMean('page-fault', names), ' (did you mean page-faults?)')
})
