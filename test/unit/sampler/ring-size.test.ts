import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallGraph } from '../../../src/core/call-graph.ts'
import type { SamplingRate } from '../../../src/core/profile.ts'
import { hertz } from '../../../src/core/units.ts'
import { ringBytesFor } from '../../../src/sampler/ring-size.ts'
import { parseEvent } from '../../support/parsed-event.ts'

const KIB = 1024
const clock = parseEvent('cpu-clock')
const faults = parseEvent('page-faults')
const at = (value: number): SamplingRate => ({ by: 'frequency', hertz: hertz(value) })
const every = (period: bigint): SamplingRate => ({ by: 'period', period })
const dwarf: CallGraph = { method: 'dwarf', stackBytes: 8192 }
const fp: CallGraph = { method: 'fp' }

test('a ring holds a quarter of a second of samples with their stacks, in powers of two', () => {
  assert.equal(
    ringBytesFor([clock], { rate: at(99), callGraph: dwarf, cpus: 64, backEnd: 'perf' }),
    512 * KIB,
  )
  assert.equal(
    ringBytesFor([clock], { rate: at(400), callGraph: dwarf, cpus: 64, backEnd: 'perf' }),
    1024 * KIB,
  )
  assert.equal(
    ringBytesFor([clock], { rate: at(999), callGraph: dwarf, cpus: 64, backEnd: 'perf' }),
    4096 * KIB,
  )
  assert.equal(
    ringBytesFor([clock], { rate: every(10_000_000n), callGraph: dwarf, cpus: 64, backEnd: 'perf' }),
    512 * KIB,
  )
})

test('the samples of all events are in one ring', () => {
  assert.equal(
    ringBytesFor([clock, clock, clock, clock], { rate: at(99), callGraph: dwarf, cpus: 64, backEnd: 'perf' }),
    1024 * KIB,
  )
})

test('without stacks the smallest ring is enough, and no ring is larger than 4 MiB', () => {
  assert.equal(ringBytesFor([clock], { rate: at(999), callGraph: fp, cpus: 64, backEnd: 'perf' }), 512 * KIB)
  assert.equal(
    ringBytesFor([clock], { rate: at(50_000), callGraph: dwarf, cpus: 64, backEnd: 'perf' }),
    4096 * KIB,
  )
})

test('beside other samplers no ring is larger than it has to be', () => {
  const most = { callGraph: dwarf, cpus: 2, backEnd: 'perf', besideOthers: true } as const
  assert.equal(ringBytesFor([clock], { ...most, rate: at(99) }), 512 * KIB)
  assert.equal(ringBytesFor([clock], { ...most, rate: at(50_000) }), 4096 * KIB)
})

test('what is counted may come in any number', () => {
  assert.equal(
    ringBytesFor([faults], { rate: every(1n), callGraph: dwarf, cpus: 64, backEnd: 'perf' }),
    4096 * KIB,
  )
  assert.equal(
    ringBytesFor([faults], { rate: every(1n), callGraph: fp, cpus: 64, backEnd: 'perf' }),
    512 * KIB,
  )
})

test('on a machine with few CPUs a ring holds what comes in a second twice, so that its reader wakes once', () => {
  assert.equal(
    ringBytesFor([clock], { rate: at(99), callGraph: dwarf, cpus: 2, backEnd: 'perf' }),
    2048 * KIB,
  )
  assert.equal(
    ringBytesFor([clock], { rate: at(499), callGraph: dwarf, cpus: 16, backEnd: 'perf' }),
    2048 * KIB,
  )
})
