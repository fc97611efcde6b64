import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReplayedProcesses } from '../../../../src/sampler/replay/processes.ts'

test('when a recording begins anew, no mapping of the one before is left, nor of processes that had ended', () => {
  const cleared: number[] = []
  const watcher = { mapped: () => {}, inherited: () => {}, cleared: (pid: number) => cleared.push(pid) }
  const processes = new ReplayedProcesses(undefined, undefined, watcher)
  processes.comm({ pid: 7, tid: 7, comm: 'lives', exec: false })
  processes.comm({ pid: 8, tid: 8, comm: 'ended', exec: false })
  processes.exit({ kind: 'exit', id: 0n, pid: 8, tid: 8, parentPid: 1, parentTid: 1, time: 5n })
  processes.forgetAll()
  assert.deepEqual(cleared, [7, 8])
  assert.deepEqual([...processes.all()], [])
  assert.equal(processes.commOf(7, 7), '')
})
