import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NativeCaptureCounts, NativeSessionStats } from '../../../src/native/binding.ts'
import { captureStatus } from '../../../src/sampler/capture-status.ts'

const counts = (
  cpu: number,
  runs: number,
  times: Partial<NativeCaptureCounts> = {},
): NativeCaptureCounts => ({
  cpu,
  runs,
  kept: runs - 6,
  filtered: 1,
  sampledOut: 1,
  ringFull: 1,
  contended: 1,
  failed: 1,
  stackFaults: 2,
  timed: 0,
  timedNs: 0,
  ...times,
})
const session = (id: number, captured: readonly NativeCaptureCounts[]): NativeSessionStats => ({
  id,
  taken: 0,
  losses: [],
  leftOut: [],
  captured,
  firstSampleTime: 0n,
})

test('what the programs of several sessions counted on a CPU is added up, and a run has its mean time', () => {
  const status = captureStatus([
    session(0, [counts(0, 100, { timed: 2, timedNs: 3_000 }), counts(3, 50)]),
    session(1, [counts(0, 10, { timed: 1, timedNs: 6_000 })]),
  ])
  assert.deepEqual(
    status.map(({ cpu, runs, kept, stackFaults, runNs }) => [cpu, runs, kept, stackFaults, runNs]),
    [
      [0, 110, 98, 4, 3_000],
      [3, 50, 44, 2, null],
    ],
  )
})

test('where perf takes the samples nothing is counted', () => {
  assert.deepEqual(captureStatus([session(0, [])]), [])
})
