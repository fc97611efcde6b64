// One sampler takes over from another on the real kernel: every sample is in one of the two, and none falls between.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpus } from 'node:os'
import { type TestContext, test } from 'node:test'
import { BACK_ENDS, type BackEnd } from '../../src/core/back-end.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import { EVERYTHING, type SampleFilter } from '../../src/core/sample-filter.ts'
import { loadAddon } from '../../src/native/load.ts'
import { monotonicNow } from '../../src/sampler/sampler.ts'
import { whyNot } from '../support/back-ends.ts'
import { type LiveSampler, leftOutOf, liveSampler, lostOf, samplesOf } from '../support/live-sampler.ts'

const wholeMachine = process.getuid?.() === 0 ? {} : { skip: 'sampling the whole machine needs root' }
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const PERIOD_NS = 2_000_000n

const side = (backEnd: BackEnd, source: number, filter: SampleFilter = EVERYTHING): LiveSampler =>
  liveSampler({
    backEnd,
    rate: { by: 'period', period: PERIOD_NS },
    filter,
    identity: {
      source,
      firstSessionId: 4_000_000_000 + source,
      config: { name: 'side', version: `${source}` },
    },
  })

const timesOf = (batches: readonly ProfileBatch[]): readonly bigint[] =>
  batches.flatMap(({ samples }) => [...samples.time])

/** Keeps every CPU busy. */
function allBusy(context: TestContext): void {
  for (const [cpu] of cpus().entries()) {
    const loop = spawn('taskset', ['-c', `${cpu}`, 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' })
    context.after(() => loop.kill('SIGKILL'))
  }
}

/** The longest time without a sample, of all CPUs. */
function longestGap(batches: readonly ProfileBatch[]): bigint {
  const last = new Map<number, bigint>()
  let longest = 0n
  for (const { samples } of batches) {
    for (const [index, time] of samples.time.entries()) {
      const cpu = samples.cpu[index] ?? 0
      const gap = time - (last.get(cpu) ?? time)
      if (gap > longest) longest = gap
      last.set(cpu, time)
    }
  }
  return longest
}

for (const [from, to] of BACK_ENDS.flatMap((each) => BACK_ENDS.map((other) => [each, other] as const))) {
  test(
    `every sample is in one of the two, and none falls between (${from} to ${to})`,
    wholeMachine,
    async (context) => {
      const reason = whyNot(from) ?? whyNot(to)
      if (reason !== undefined) return context.skip(reason)
      allBusy(context)
      const old = side(from, 0)
      const next = side(to, 1)
      await old.sampler.start()
      await after(450)
      await next.sampler.start()
      await after(50)
      const asked = monotonicNow()
      // Long enough for samples of both that the other one has.
      for (const until = asked + 20_000_000n; monotonicNow() < until; );
      const time = old.sampler.endAt(asked)
      next.sampler.beginAt(time)
      await old.sampler.stop()
      await after(500)
      await next.sampler.stop()

      assert.ok(timesOf(old.batches).every((each) => each < time))
      assert.ok(timesOf(next.batches).every((each) => each >= time))
      assert.equal(old.batches.at(-1)?.window.end, time)
      assert.equal(next.batches[0]?.window.start, time)
      assert.deepEqual(
        [old, next].map(({ batches }) => batches.map(({ isLast }) => isLast).lastIndexOf(true) + 1),
        [old.batches.length, next.batches.length],
      )
      // 20 ms of the one, 70 ms of the other.
      assert.ok(leftOutOf(old.batches, 'overlap') >= 5, `${leftOutOf(old.batches, 'overlap')}`)
      assert.ok(leftOutOf(next.batches, 'overlap') >= 20, `${leftOutOf(next.batches, 'overlap')}`)
      const gap = longestGap([...old.batches, ...next.batches])
      const withoutSwitch = longestGap(old.batches)
      context.diagnostic(
        `gap ${gap} ns, ${withoutSwitch} before; lost ${lostOf(old.batches)}, ${lostOf(next.batches)}`,
      )
      const usual = Math.max(Number(PERIOD_NS), Number(withoutSwitch))
      assert.ok(Number(gap) <= usual + 50e6, `${gap}`)
      // Of 70 ms that were the other's, a seventh of all, neither samples nor losses.
      const due =
        ((Number(next.batches.at(-1)?.window.end ?? 0n) - Number(time)) / Number(PERIOD_NS)) * cpus().length
      const accounted = samplesOf(next.batches) + lostOf(next.batches)
      assert.ok(Math.abs(accounted / due - 1) < 0.05, `${accounted} of ${due}`)
      assert.deepEqual(
        [...old.batches, ...next.batches]
          .map(({ session }) => session.config?.version)
          .join('')
          .replace(/(.)\1+/g, '$1'),
        '01',
      )
    },
  )
}

for (const backEnd of BACK_ENDS) {
  test(`what a filter left out before its time is overlap (${backEnd})`, wholeMachine, async (context) => {
    const reason = whyNot(backEnd)
    if (reason !== undefined) return context.skip(reason)
    allBusy(context)
    const { sampler, batches } = side(backEnd, 3, {
      rules: [{ action: 'include', match: { by: 'comm', comm: 'nobody-is-this' } }],
    })
    await sampler.start()
    for (const until = monotonicNow() + 60_000_000n; monotonicNow() < until; );
    const time = monotonicNow()
    sampler.beginAt(time)
    assert.equal(sampler.endAt(time), time)
    // What comes while the two are called is its own.
    const own = (Number(monotonicNow() - time) / Number(PERIOD_NS) + 1) * cpus().length
    await sampler.stop()
    assert.equal(samplesOf(batches), 0)
    assert.ok(leftOutOf(batches, 'overlap') >= 20, `${leftOutOf(batches, 'overlap')}`)
    assert.ok(
      leftOutOf(batches, 'filtered') + lostOf(batches) <= own,
      `${leftOutOf(batches, 'filtered')} of ${own}`,
    )
  })
}

test('the time of a switch is on the clock of the samples', () => {
  const addon = loadAddon()
  const [before, now, behind] = [addon.clock().monotonic, monotonicNow(), addon.clock().monotonic]
  assert.ok(before <= now && now <= behind)
})

test('a sampler that has closed a window cannot begin any more', wholeMachine, async (context) => {
  const reason = whyNot('perf')
  if (reason !== undefined) return context.skip(reason)
  const { sampler, batches } = side('perf', 5)
  await sampler.start()
  while (batches.length === 0) await after(10)
  assert.throws(() => sampler.beginAt(monotonicNow()), /a window has been closed already/)
  await sampler.stop()
})
