import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProcessEvent } from '../../../src/core/process.ts'
import { ProcessStates } from '../../../src/core/process-states.ts'
import { monotonicTime } from '../../../src/core/units.ts'
import { processTableOf } from '../../support/process-table.ts'

const base = (time: bigint, pid: number, synthesised: boolean) => ({
  time: monotonicTime(time),
  pid,
  tid: pid,
  synthesised,
})
const comm = (time: bigint, pid: number, name: string, synthesised = false): ProcessEvent => ({
  ...base(time, pid, synthesised),
  kind: 'comm',
  comm: name,
  exec: false,
})
const fork = (time: bigint, pid: number, parentPid: number): ProcessEvent => ({
  ...base(time, pid, false),
  kind: 'fork',
  parentPid,
  parentTid: parentPid,
})

/** Each process's name; what was looked at is told to `seen`. */
function namesOf(events: readonly ProcessEvent[], snapshot: number, seen: number[] = []) {
  return new ProcessStates<string>(processTableOf({ events }, snapshot), (event, before, stateOf) => {
    seen.push(event.pid)
    if (event.kind === 'comm') return event.comm
    return event.kind === 'fork' ? stateOf(event.parentPid) : before
  })
}

test('of the snapshot only those processes are looked at that are asked for', () => {
  const seen: number[] = []
  const names = namesOf([comm(0n, 1, 'a', true), comm(0n, 2, 'b', true), comm(0n, 1, 'c', true)], 3, seen)
  assert.equal(names.at(1, 5n), 'c')
  assert.equal(names.at(3, 5n), undefined)
  assert.deepEqual(seen, [1, 1])
})

test('what happens later counts from its time on', () => {
  const names = namesOf([comm(0n, 1, 'before', true), comm(5n, 1, 'after')], 1)
  assert.equal(names.at(1, 4n), 'before')
  assert.equal(names.at(1, 5n), 'after')
})

test('a child has what its parent was at the fork, not what it became', () => {
  const events = [comm(0n, 1, 'shell', true), fork(2n, 2, 1), comm(3n, 1, 'renamed'), fork(4n, 3, 1)]
  const names = namesOf(events, 1)
  assert.equal(names.at(2, 9n), 'shell')
  assert.equal(names.at(3, 9n), 'renamed')
})
