import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownProcesses } from '../../../src/sampler/own-processes.ts'

const threads = new Map([
  [1, 0],
  [10, 4],
  [20, 3],
  [30, 2],
  [99, 5],
])
const files = {
  pids: () => [...threads.keys()],
  threads: (pid: number) => threads.get(pid) ?? 0,
}

test('the agent itself comes first, then the oldest; others’ processes are none of them', () => {
  assert.deepEqual(ownProcesses(99, 100, files), { pids: [99, 10, 20, 30], leftOut: 0 })
})

test('their threads are bounded, and what is left out is counted', () => {
  assert.deepEqual(ownProcesses(99, 11, files), { pids: [99, 10, 30], leftOut: 1 })
  assert.deepEqual(ownProcesses(99, 5, files), { pids: [99], leftOut: 3 })
})

test('on a real machine a process is among its own', () => {
  assert.ok(ownProcesses(process.pid, 10_000).pids.includes(process.pid))
})
