import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hertz } from '../../../src/core/units.ts'
import { checkMaxStack, checkRate, mayProcessesOnly, permit } from '../../../src/sampler/preflight.ts'
import type { Privileges } from '../../../src/sampler/privileges.ts'
import { parseEvent } from '../../support/parsed-event.ts'

const anybody = (changes: Partial<Privileges> = {}): Privileges => ({
  bpf: false,
  perfmon: false,
  sysPtrace: false,
  syslog: false,
  paranoid: 2,
  kptrRestrict: 0,
  maxSampleRate: 100_000,
  maxStack: 127,
  ...changes,
})
const cpuClock = parseEvent('cpu-clock')
const names = (events: readonly { readonly name: string }[]): readonly string[] =>
  events.map((event) => event.name)

test('with CAP_PERFMON everything is sampled as asked', () => {
  const permitted = permit('cpus', [cpuClock], anybody({ perfmon: true, paranoid: 4 }))
  assert.deepEqual(permitted, { events: [cpuClock], notices: [] })
})

test('the whole machine without privileges names the capability, the sysctl and the value found', () => {
  assert.throws(() => permit('cpus', [cpuClock], anybody()), {
    code: 'SAMPLER.PERMISSION_DENIED',
    message: /perf_event_paranoid is 2.*CAP_PERFMON.*\n.*to 0 or less/,
  })
  assert.throws(() => permit('cpus', [cpuClock], anybody({ paranoid: 1 })), /paranoid is 1/)
  assert.deepEqual(permit('cpus', [cpuClock], anybody({ paranoid: 0 })).events, [cpuClock])
})

test('an agent falls back to its own processes where these may be sampled and the machine may not', () => {
  const fallsBack = [-1, 0, 1, 2, 3].map((paranoid) => mayProcessesOnly(anybody({ paranoid })))
  assert.deepEqual(fallsBack, [false, false, true, true, false])
  assert.ok(!mayProcessesOnly(anybody({ perfmon: true })))
})

test("one's own processes are sampled in user mode, and that is said", () => {
  const permitted = permit('processes', [cpuClock, parseEvent('page-faults:u')], anybody())
  assert.deepEqual(names(permitted.events), ['cpu-clock:u', 'page-faults:u'])
  assert.ok(permitted.events.every((event) => event.excludeKernel))
  assert.match(permitted.notices.join(), /user mode only.*CAP_PERFMON.*it is 2/)
})

test('nothing is said where user mode was asked for, or where the kernel is allowed', () => {
  assert.deepEqual(permit('command', [parseEvent('cpu-clock:u')], anybody()).notices, [])
  assert.deepEqual(permit('command', [cpuClock], anybody({ paranoid: 1 })), {
    events: [cpuClock],
    notices: [],
  })
})

test('an event that only the kernel sees is refused rather than counted as zero', () => {
  assert.throws(
    () => permit('command', [parseEvent('context-switches')], anybody()),
    /context-switches in the kernel/,
  )
  assert.throws(() => permit('command', [parseEvent('cpu-clock:k')], anybody()), /cpu-clock:k in the kernel/)
})

test('a distribution that forbids everything is named', () => {
  assert.throws(
    () => permit('command', [parseEvent('cpu-clock:u')], anybody({ paranoid: 3 })),
    /paranoid is 3/,
  )
})

test('a rate beyond the kernel’s limit is refused with the limit', () => {
  const at = (rate: number) => ({ by: 'frequency', hertz: hertz(rate) }) as const
  checkRate(at(100_000), [cpuClock], anybody())
  assert.throws(
    () => checkRate(at(20_000), [cpuClock], anybody({ maxSampleRate: 15_000 })),
    /max_sample_rate allows \(15000\)\.\n.*-F.*sysctl kernel\.perf_event_max_sample_rate=20000/,
  )
  assert.throws(
    () => checkRate(at(150_000), [cpuClock], anybody({ maxSampleRate: 1_000_000 })),
    /150000 Hz are more than cpu-clock can do: ask for 100000 or less \(-F\)/,
  )
  checkRate(at(150_000), [parseEvent('cs')], anybody({ maxSampleRate: 1_000_000 }))
})

test('a clock period that the kernel would stretch is refused', () => {
  checkRate({ by: 'period', period: 10_000n }, [cpuClock], anybody())
  checkRate({ by: 'period', period: 1n }, [parseEvent('cs')], anybody())
  assert.throws(
    () => checkRate({ by: 'period', period: 9_999n }, [cpuClock], anybody()),
    /9999 ns is too short for cpu-clock/,
  )
})

test('stacks are as deep as asked, by default as perf’s, and never deeper than the kernel allows', () => {
  assert.equal(checkMaxStack(undefined, anybody()), 127)
  assert.equal(checkMaxStack(undefined, anybody({ maxStack: 64 })), 64)
  assert.equal(checkMaxStack(200, anybody({ maxStack: 256 })), 200)
  assert.throws(() => checkMaxStack(200, anybody()), /perf_event_max_stack allows \(127\)/)
})
