// A CPU goes offline and comes back while it is sampled, for real: everybody on this machine notices. Opt-in:
// SONDE_HOTPLUG_TEST=1.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { BACK_ENDS, type BackEnd } from '../../src/core/back-end.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import type { MonotonicTime } from '../../src/core/units.ts'
import { onlineCpus } from '../../src/sampler/host.ts'
import type { SampleTarget } from '../../src/sampler/plan.ts'
import { monotonicNow } from '../../src/sampler/sampler.ts'
import { whyNot } from '../support/back-ends.ts'
import { lostOf } from '../support/live-sampler.ts'
import { watchedSampling } from '../support/watched-sampling.ts'

const CPU = onlineCpus().at(-1) ?? 0
const SWITCH = `/sys/devices/system/cpu/cpu${CPU}/online`
const PERIOD_NS = 2_000_000n

function whySkipped(): string | undefined {
  if (process.env.SONDE_HOTPLUG_TEST !== '1')
    return 'takes a CPU away from this machine: SONDE_HOTPLUG_TEST=1'
  if (CPU === 0) return 'needs a second CPU'
  try {
    accessSync(SWITCH, constants.W_OK)
    return undefined
  } catch (error) {
    return `${SWITCH} cannot be written: ${error}`
  }
}

const asked = { skip: whySkipped() ?? false, timeout: 60_000 }

/** Takes the CPU offline; it comes back whatever becomes of the test. */
function takeAway(context: TestContext): void {
  const watchdog = spawn('sh', ['-c', `sleep 8; echo 1 > ${SWITCH}`], { stdio: 'ignore', detached: true })
  watchdog.unref()
  context.after(() => {
    giveBack()
    watchdog.kill('SIGKILL')
  })
  writeFileSync(SWITCH, '0')
}

const giveBack = (): void => {
  if (readFileSync(SWITCH, 'utf8').trim() !== '1') writeFileSync(SWITCH, '1')
}

function busyOn(context: TestContext, cpu: number): ChildProcess {
  const loop = spawn('taskset', ['-c', `${cpu}`, 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' })
  context.after(() => loop.kill('SIGKILL'))
  return loop
}

/** How long it has run on a CPU, nanoseconds. */
const ranFor = ({ pid }: ChildProcess): number =>
  Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0])

const sampling = (backEnd: BackEnd, target: SampleTarget) =>
  watchedSampling({ backEnd, target, periodNs: PERIOD_NS })

interface Span {
  readonly start: MonotonicTime
  readonly end: MonotonicTime
}

/** Samples of the CPU, and of the process, in the span. */
function samplesIn(
  batches: readonly ProfileBatch[],
  { start, end }: Span,
  of: { cpu?: number; pid?: number },
) {
  let found = 0
  for (const { samples } of batches) {
    for (let index = 0; index < samples.length; index++) {
      const time = samples.time[index] ?? 0n
      if (time < start || time >= end) continue
      if ((of.cpu ?? samples.cpu[index]) !== samples.cpu[index]) continue
      if ((of.pid ?? samples.pid[index]) === samples.pid[index]) found++
    }
  }
  return found
}

for (const backEnd of BACK_ENDS) {
  test(`a CPU that goes offline and comes back is followed (${backEnd})`, asked, async (context) => {
    const reason = whyNot(backEnd)
    if (reason !== undefined) return context.skip(reason)
    const moved = busyOn(context, CPU)
    const { batches, said, sampling: live } = sampling(backEnd, { kind: 'machine' })
    await live.begin()
    const start = monotonicNow()
    await after(700)
    takeAway(context)
    const gone = monotonicNow()
    await after(900)
    const coming = monotonicNow()
    giveBack()
    const back = monotonicNow()
    spawn('taskset', ['-pc', `${CPU}`, `${moved.pid}`], { stdio: 'ignore' })
    // Without the kernel's word it takes a second.
    await after(2_000)
    const status = live.status()
    await live.stop()
    const end = monotonicNow()
    const on = (span: Span): number => samplesIn(batches, span, { cpu: CPU })
    const lost = lostOf(batches)
    context.diagnostic(
      `before ${on({ start, end: gone })}, while offline ${on({ start: gone, end: coming })}, after ${on({ start: back, end })}, lost ${lost}`,
    )
    assert.ok(on({ start, end: gone }) > 100)
    assert.equal(on({ start: gone, end: coming }), 0)
    assert.ok(on({ start: back, end }) > 100)
    // 450 were due on it if it had been there; while it goes, the kernel stops the others for a moment.
    assert.ok(lost < 100, `${lost} lost`)
    const away = samplesIn(batches, { start: gone, end: coming }, { pid: moved.pid ?? 0 })
    assert.ok(away > 0, 'the process that had to move is sampled elsewhere')
    const cpus = batches.map(({ session }) => session.cpus)
    assert.ok(cpus[0]?.includes(CPU))
    assert.ok(cpus.some((each) => !each.includes(CPU)))
    assert.ok(cpus.at(-1)?.includes(CPU))
    assert.deepEqual(said, [
      `CPU ${CPU} is offline; it is sampled again when it comes back.`,
      `CPU ${CPU} came online, and is sampled from now on.`,
    ])
    assert.deepEqual(status.cpuProblems, [])
  })

  test(`a CPU that is gone for an instant is sampled again (${backEnd})`, asked, async (context) => {
    const reason = whyNot(backEnd)
    if (reason !== undefined) return context.skip(reason)
    const moved = busyOn(context, CPU)
    const { batches, sampling: live } = sampling(backEnd, { kind: 'machine' })
    await live.begin()
    await after(500)
    takeAway(context)
    giveBack()
    const back = monotonicNow()
    spawn('taskset', ['-pc', `${CPU}`, `${moved.pid}`], { stdio: 'ignore' })
    await after(2_000)
    await live.stop()
    const seen = samplesIn(batches, { start: back, end: monotonicNow() }, { cpu: CPU })
    assert.ok(seen > 100, `${seen} samples`)
    assert.ok(lostOf(batches) < 100, `${lostOf(batches)} lost`)
  })

  test(`a process is sampled on a CPU that was offline at the start (${backEnd})`, asked, async (context) => {
    const reason = whyNot(backEnd)
    if (reason !== undefined) return context.skip(reason)
    takeAway(context)
    const loop = busyOn(context, 0)
    await after(100)
    const { batches, sampling: live } = sampling(backEnd, {
      kind: 'processes',
      pids: [loop.pid ?? 0],
      inherit: true,
    })
    await live.begin()
    giveBack()
    const back = monotonicNow()
    spawn('taskset', ['-pc', `${CPU}`, `${loop.pid}`], { stdio: 'ignore' })
    const before = ranFor(loop)
    // However busy the machine is.
    while (ranFor(loop) - before < 300e6) await after(50)
    await live.stop()
    const seen = samplesIn(batches, { start: back, end: monotonicNow() }, { cpu: CPU })
    // All but what it ran before it moved.
    assert.ok(seen > 50, `${seen} samples`)
  })
}
