import assert from 'node:assert/strict'
import test from 'node:test'
import type { ProcessEvent } from '../../../../src/core/process.ts'
import { monotonicTime } from '../../../../src/core/units.ts'
import { ProcessNames } from '../../../../src/formats/profile/process-names.ts'
import { processTableOf } from '../../../support/process-table.ts'

const comm = (time: bigint, pid: number, name: string, tid = pid): ProcessEvent => ({
  kind: 'comm',
  time: monotonicTime(time),
  pid,
  tid,
  synthesised: false,
  comm: name,
  exec: true,
})

const fork = (time: bigint, pid: number, parentPid: number, tid = pid): ProcessEvent => ({
  kind: 'fork',
  time: monotonicTime(time),
  pid,
  tid,
  synthesised: false,
  parentPid,
  parentTid: parentPid,
})

test('a process has the name of its main thread at the time of the sample', () => {
  const names = new ProcessNames(
    processTableOf({ events: [comm(0n, 1, 'sh'), comm(5n, 1, 'worker', 9), comm(10n, 1, 'ls')] }, 1),
  )
  assert.equal(names.at(1, 7n), 'sh')
  assert.equal(names.at(1, 10n), 'ls')
})

test('a forked process has its parent’s name until it has its own', () => {
  const names = new ProcessNames(
    processTableOf({ events: [comm(0n, 1, 'sh'), fork(1n, 2, 1), comm(5n, 2, 'ls')] }, 1),
  )
  assert.equal(names.at(2, 2n), 'sh')
  assert.equal(names.at(2, 6n), 'ls')
  assert.equal(names.at(3, 6n), '')
})
