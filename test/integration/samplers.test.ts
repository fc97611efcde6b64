// Samplers of several configurations on one machine at a time: each counts as if it were alone.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { BACK_ENDS } from '../../src/core/back-end.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import type { MonotonicTime } from '../../src/core/units.ts'
import { monotonicNow } from '../../src/sampler/sampler.ts'
import { whyNot } from '../support/back-ends.ts'
import { type LiveRequest, liveSampler, lostOf } from '../support/live-sampler.ts'
import { workload } from '../support/workload.ts'

const wholeMachine = process.getuid?.() === 0 ? {} : { skip: 'sampling the whole machine needs root' }
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const PAGES = 20_000

function started(context: TestContext, command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: 'ignore' })
  context.after(() => child.kill('SIGKILL'))
  return child
}

/** How long the process has run on a CPU, nanoseconds. */
const ranFor = (pid: number): number => Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0])

function periodOf([batch]: readonly ProfileBatch[]): bigint {
  assert.ok(batch?.session.rate.by === 'period')
  return batch.session.rate.period
}

interface Span {
  readonly start: MonotonicTime
  readonly end: MonotonicTime
}

/** Of the process's samples in the span. */
function weightOf(batches: readonly ProfileBatch[], pid: number, { start, end }: Span): number {
  let value = 0n
  for (const { samples } of batches) {
    for (let index = 0; index < samples.length; index++) {
      const time = samples.time[index] ?? 0n
      if (samples.pid[index] === pid && time >= start && time < end) value += samples.value[index] ?? 0n
    }
  }
  return Number(value)
}

for (const [one, other] of [
  ['perf', 'perf'],
  ['bpf', 'bpf'],
  ['bpf', 'perf'],
] as const) {
  test(
    `samplers with other events and periods count right beside each other (${one}, ${other})`,
    wholeMachine,
    async (context) => {
      const reason = BACK_ENDS.map(whyNot).find((each) => each !== undefined)
      if (reason !== undefined) return context.skip(reason)
      const requests: readonly LiveRequest[] = [
        { backEnd: one, rate: { by: 'period', period: 1_000_000n } },
        { backEnd: other, rate: { by: 'period', period: 3_000_000n } },
        { backEnd: other, events: ['page-faults'], rate: { by: 'period', period: 100n } },
      ]
      const busy = started(context, workload('shares'), ['60'])
      const pid = busy.pid ?? 0
      const [fine, coarse, faults] = requests.map(liveSampler)
      assert.ok(fine !== undefined && coarse !== undefined && faults !== undefined)
      for (const { sampler } of [fine, coarse, faults]) await sampler.start()
      const start = monotonicNow()
      const ran = -ranFor(pid)
      const touching = started(context, workload('touch_pages'), [String(PAGES)])
      await once(touching, 'exit')
      // However busy the machine is.
      while (ran + ranFor(pid) < 2e9) await after(50)
      const span = { start, end: monotonicNow() }
      const truth = ran + ranFor(pid)
      for (const { sampler } of [fine, coarse, faults]) await sampler.stop()

      const found = [fine, coarse].map(({ batches }) => ({
        value: weightOf(batches, pid, span),
        // Ticks that never came are counted, and may have been this process's.
        missed: lostOf(batches) * Number(periodOf(batches)),
      }))
      const pages = weightOf(faults.batches, touching.pid ?? 0, span)
      context.diagnostic(`CPU time ${truth} ns, found ${JSON.stringify(found)}; faults of ${PAGES}: ${pages}`)
      for (const { value, missed } of found) {
        assert.ok(value < truth * 1.05 && value + missed > truth * 0.95, `${value} of ${truth}`)
      }
      assert.ok(Math.abs(pages / PAGES - 1) < 0.05, `${pages} of ${PAGES}`)
    },
  )
}
