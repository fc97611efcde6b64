import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackEnd } from '../../../src/core/back-end.ts'
import type { ProfileBatch } from '../../../src/core/profile.ts'
import { milliseconds, monotonicTime } from '../../../src/core/units.ts'
import type { NativeSamplerOptions, NativeTarget } from '../../../src/native/binding.ts'
import { nativeSession } from '../../../src/sampler/native-session.ts'
import type { RingChoice, SamplingWay } from '../../../src/sampler/plan.ts'
import { Sampler } from '../../../src/sampler/sampler.ts'
import { FakeClock, fakeAddon, fakeNative, settled } from '../../support/fake-addon.ts'
import { sessionInfo } from '../../support/session.ts'

const sessions = [sessionInfo()]
const wholeMachine: NativeTarget = { kind: 'cpus', cpus: [0, 1] }

const wayOf = (backEnd: BackEnd, ring: RingChoice): SamplingWay => ({
  backEnd,
  callGraph: { method: 'fp' },
  native: sessions.map((session) => nativeSession(session.event, session)),
  ring,
})

function setUp(target: NativeTarget = wholeMachine, emit?: () => Promise<void>, refusal?: Error) {
  const clock = new FakeClock()
  const native = fakeNative(sessions)
  const opened: NativeSamplerOptions[] = []
  const emitted: { readonly at: number; readonly batch: ProfileBatch | undefined }[] = []
  const addon = fakeAddon(native, opened)
  const refusing: typeof addon.openSampler = () => {
    throw refusal
  }
  const sampler = new Sampler(refusal === undefined ? addon : { ...addon, openSampler: refusing }, {
    ways: [wayOf('perf', { bytes: 512 * 1024, asked: false })],
    sessions: () => sessions,
    target,
    window: milliseconds(1_000),
    duration: undefined,
    clock,
    async emit(batches) {
      emitted.push({ at: clock.now(), batch: batches[0] })
      await emit?.()
    },
  })
  return { clock, native, opened, emitted, sampler }
}

test('a window is emitted at each multiple of its length', async () => {
  const { clock, emitted, sampler } = setUp()
  await sampler.start()
  await clock.pass(3_500)
  assert.deepEqual(
    emitted.map(({ at, batch }) => [at, batch?.window.sequence, batch?.samples.length]),
    [
      [1_000, 0, 1],
      [2_000, 1, 1],
      [3_000, 2, 1],
    ],
  )
  await sampler.stop()
})

test('stopping emits what was sampled since the last window, then releases everything', async () => {
  const { clock, emitted, native, sampler } = setUp()
  await sampler.start()
  await clock.pass(1_300)
  await sampler.stop()
  assert.equal(emitted.length, 2)
  assert.deepEqual(native.calls, ['start', 'closeWindow', 'disable', 'closeWindow', 'close'])
  await sampler.ended
})

test('nothing of the kernel is held while the last window waits to be taken', async () => {
  const gate = Promise.withResolvers<void>()
  const { emitted, native, sampler } = setUp(wholeMachine, () => gate.promise)
  await sampler.start()
  const stopped = sampler.stop()
  await settled()
  assert.equal(emitted.length, 1)
  assert.deepEqual(native.calls, ['start', 'disable', 'closeWindow', 'close'])
  gate.resolve()
  await stopped
})

test('windows that take too long become longer; they never overlap, and the next ends on a boundary', async () => {
  let busy = 0
  let most = 0
  const gate = Promise.withResolvers<void>()
  const { clock, emitted, sampler } = setUp(wholeMachine, async () => {
    most = Math.max(most, ++busy)
    await gate.promise
    busy--
  })
  await sampler.start()
  await clock.pass(3_400)
  assert.equal(emitted.length, 1, 'the first window is still being taken')
  gate.resolve()
  await settled()
  await clock.pass(1_000)
  assert.deepEqual(
    emitted.map(({ at }) => at),
    [1_000, 4_000],
  )
  assert.equal(most, 1)
  await sampler.stop()
})

test('the end of the target ends the sampler at once', async () => {
  const { clock, emitted, native, sampler } = setUp({ kind: 'processes', pids: [10], inherit: true })
  await sampler.start()
  await clock.pass(250)
  native.gone = true
  await clock.pass(100)
  await sampler.ended
  assert.equal(emitted.length, 0)
  await sampler.stop()
  assert.equal(emitted.length, 1, 'what it did until then is in the last window')
})

test('stop is safe twice and without a start', async () => {
  const idle = setUp()
  await idle.sampler.stop()
  assert.deepEqual(idle.native.calls, [])
  const { native, sampler } = setUp()
  await sampler.start()
  await Promise.all([sampler.stop(), sampler.stop()])
  await sampler.stop()
  assert.equal(native.calls.filter((call) => call === 'close').length, 1)
})

test('events that were opened and never enabled are closed without a window', async () => {
  const { emitted, native, sampler } = setUp()
  sampler.open()
  await sampler.stop()
  assert.deepEqual(native.calls, ['disable', 'close'])
  assert.equal(emitted.length, 0)
})

test('a window that cannot be closed is told to whoever waits, and everything is released', async () => {
  const { clock, native, sampler } = setUp()
  await sampler.start()
  native.failure = new Error('the ring is gone')
  await clock.pass(1_000)
  await assert.rejects(sampler.ended, /the ring is gone/)
  await assert.rejects(sampler.stop(), /the ring is gone/)
  assert.equal(native.calls.at(-1), 'close')
})

test('a start that fails leaves nothing open', async () => {
  const { native, sampler } = setUp()
  native.start = () => {
    throw new Error('no')
  }
  await assert.rejects(sampler.start(), /no/)
  assert.deepEqual(native.calls, ['close'])
})

test('the addon is asked for exactly the sessions, rings and target', async () => {
  const { opened, sampler } = setUp()
  await sampler.start()
  assert.equal(opened[0]?.ringBytes, 512 * 1024)
  assert.deepEqual(opened[0]?.target, wholeMachine)
  assert.deepEqual(opened[0]?.sessions, [
    {
      id: 0,
      name: 'cpu-clock',
      type: 1,
      config: 0n,
      frequency: 99,
      excludeUser: false,
      excludeKernel: false,
      clock: true,
      maxStack: 127,
      stackBytes: 8192,
      kernelStacks: true,
      userStacks: true,
      threadNames: true,
    },
  ])
  await sampler.stop()
})

const lockRefused = (
  syscall = 'mmap(perf ring of 4096 KiB): more locked memory than RLIMIT_MEMLOCK allows',
) => Object.assign(new Error('x'), { code: 'EPERM', errno: 1, syscall })

/** Opens with rings of 4 MiB where no more than 512 KiB may be locked. */
function openLarge({
  asked,
  error,
  most = 512 * 1024,
}: {
  readonly asked: boolean
  readonly error: Error
  readonly most?: number
}) {
  const tried: number[] = []
  const sampler = new Sampler(
    {
      ...fakeAddon(fakeNative(sessions)),
      openSampler(options) {
        tried.push(options.ringBytes)
        if (options.ringBytes > most) throw error
        return fakeNative(sessions)
      },
    },
    {
      ways: [wayOf('perf', { bytes: 4 * 2 ** 20, asked })],
      sessions: () => sessions,
      target: wholeMachine,
      window: milliseconds(1_000),
      duration: undefined,
      clock: new FakeClock(),
      emit: async () => undefined,
    },
  )
  return { sampler, tried }
}

test('rings that were chosen larger than may be locked become small ones, and that is said', () => {
  const { sampler, tried } = openLarge({ asked: false, error: lockRefused() })
  sampler.open()
  assert.deepEqual(tried, [4 * 2 ** 20, 512 * 1024])
  assert.match(sampler.notices.join(), /^Rings of 512 KiB for each CPU instead of 4096 KiB: .*CAP_IPC_LOCK/)
})

test('beside others that have locked nearly all, rings are as small as they have to be', () => {
  const { sampler, tried } = openLarge({ asked: false, error: lockRefused(), most: 128 * 1024 })
  sampler.open()
  assert.deepEqual(tried, [4 * 2 ** 20, 512 * 1024, 256 * 1024, 128 * 1024])
  assert.match(sampler.notices.join(), /^Rings of 128 KiB for each CPU instead of 4096 KiB: /)
  const none = openLarge({ asked: false, error: lockRefused(), most: 0 })
  assert.throws(() => none.sampler.open(), /more memory than may be locked\. .*fewer things side by side/)
  assert.equal(none.tried.at(-1), 64 * 1024)
})

test('rings that were asked for, and other refusals, are errors', () => {
  const asked = openLarge({ asked: true, error: lockRefused() })
  assert.throws(() => asked.sampler.open(), { code: 'SAMPLER.PERMISSION_DENIED' })
  const other = openLarge({ asked: false, error: lockRefused('perf_event_open(cpu-clock)') })
  assert.throws(() => other.sampler.open(), { code: 'SAMPLER.PERMISSION_DENIED' })
  assert.equal(asked.tried.length + other.tried.length, 2)
})

test('progress counts what was taken and what was lost', async () => {
  const { clock, sampler } = setUp()
  assert.deepEqual(sampler.progress(), { taken: 0, lost: 0 })
  await sampler.start()
  await clock.pass(2_000)
  assert.deepEqual(sampler.progress(), { taken: 2, lost: 1 })
  await sampler.stop()
})

test('a refused system call says what to do', async () => {
  for (const [code, expected] of [
    [
      'EACCES',
      /^Cannot sample process 1: .*CAP_PERFMON\.\n\(perf_event_open\(cpu-clock, pid 1, cpu 0\): EACCES\)$/,
    ],
    ['EMFILE', /ulimit -n/],
    ['ESRCH', /has ended/],
  ] as const) {
    const refusal = Object.assign(new Error('x'), {
      code,
      errno: 1,
      syscall: 'perf_event_open(cpu-clock, pid 1, cpu 0)',
    })
    const { sampler } = setUp({ kind: 'processes', pids: [1], inherit: true }, undefined, refusal)
    await assert.rejects(sampler.start(), { name: 'AgentError', message: expected })
  }
})

test('the batches of the last window say that no more come', async () => {
  const { clock, emitted, sampler } = setUp()
  await sampler.start()
  await clock.pass(2_000)
  await sampler.stop()
  assert.deepEqual(
    emitted.map(({ batch }) => batch?.isLast),
    [false, false, true],
  )
})

test('one sampler takes over from another at a time that no window of it has passed', async () => {
  const previous = setUp()
  const next = setUp()
  await previous.sampler.start()
  await next.sampler.start()
  next.sampler.beginAt(previous.sampler.endAt(monotonicTime(5_000n)))
  assert.ok(previous.native.calls.includes('keepUntil 5000'))
  assert.ok(next.native.calls.includes('keepFrom 5000'))
  previous.native.closedUntil = 7_000n
  assert.equal(previous.sampler.endAt(monotonicTime(6_000n)), 7_000n)
  await Promise.all([previous.sampler.stop(), next.sampler.stop()])
  assert.equal(previous.sampler.endAt(monotonicTime(8_000n)), 8_000n, 'it has ended before')
})
