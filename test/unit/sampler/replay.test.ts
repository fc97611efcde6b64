import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { avma, fileOffset, svma } from '../../../src/core/address.ts'
import { frameLabel } from '../../../src/core/frame-label.ts'
import { ProcessLanguages } from '../../../src/core/language.ts'
import { FRAME_KINDS, type ProfileBatch, type SessionInfo, STACK_STATES } from '../../../src/core/profile.ts'
import { SampleCgroups } from '../../../src/core/sample-cgroups.ts'
import { monotonicTime } from '../../../src/core/units.ts'
import { WindowBuilder } from '../../../src/core/window-builder.ts'
import { batchesOf } from '../../../src/core/window-view.ts'
import { ProcessNames } from '../../../src/formats/profile/process-names.ts'
import { ReplayedProcesses } from '../../../src/sampler/replay/processes.ts'
import { Replay, type ReplayOptions } from '../../../src/sampler/replay.ts'
import {
  consumerOf,
  contextOf,
  temporaryDirectory,
  withoutStackNotes,
} from '../../integration/perf-data-tools.ts'
import {
  APP,
  FAULTS,
  HOST,
  SECOND,
  session,
  UNIX_OFFSET,
  windowBatches,
} from '../formats/perf-data/fixture.ts'

const never = new AbortController().signal

async function recorded(t: TestContext, windows: readonly (readonly ProfileBatch[])[]): Promise<string> {
  const file = join(temporaryDirectory(t), 'x.data')
  const consumer = consumerOf({ file }, contextOf('/nowhere'))
  await consumer.start()
  for (const window of windows) for (const batch of window) await consumer.consumeProfiles(batch, never)
  await consumer.stop()
  return file
}

interface Replayed {
  readonly sessions: readonly SessionInfo[]
  readonly windows: readonly (readonly ProfileBatch[])[]
  readonly problems: readonly string[]
}

async function replayed(file: string, options: Partial<ReplayOptions> = {}): Promise<Replayed> {
  const replay = Replay.open(file)
  const windows: (readonly ProfileBatch[])[] = []
  await replay.run({ ...options, emit: async (batches) => void windows.push(batches) })
  replay.close()
  return { sessions: replay.sessions, windows, problems: replay.problems }
}

const exactness = ({ stacks }: ProfileBatch, frame: number): string =>
  (stacks.frames.flags[frame]! & 1) === 0 ? '' : '+call'

/** A sample as a line: everything that a consumer could tell from it. */
function linesOf(batches: readonly ProfileBatch[]): string[] {
  return batches.flatMap((batch) => {
    const { samples, stacks, strings } = batch
    return Array.from({ length: samples.length }, (_, row) => {
      const stack = samples.stack[row]!
      const frames = [...stacks.frameIndices.subarray(stacks.offsets[stack], stacks.offsets[stack + 1]!)]
      const chain = frames.map((frame) => `${frameLabel(batch, frame)}${exactness(batch, frame)}`)
      const { time, pid, tid, cpu, value, comm } = samples
      return [
        batch.session.event.name,
        time[row],
        pid[row],
        tid[row],
        cpu[row],
        value[row],
        strings.at(comm[row]!),
        STACK_STATES[stacks.state[stack]!],
        ...chain,
      ].join(' ')
    })
  })
}

test('what was written is what is replayed: samples, stacks, names, sessions, host', async (t) => {
  const sessions = [session(0), FAULTS(1)]
  const windows = [0, 1, 2].map((sequence) =>
    windowBatches({ sessions, sequence, samples: 30, processes: 3 }),
  )
  const again = await replayed(await recorded(t, windows))
  assert.deepEqual(again.problems, [])
  assert.deepEqual(again.sessions, sessions)
  const sorted = (batches: readonly (readonly ProfileBatch[])[]) =>
    batches.flatMap((window) => linesOf(window)).sort()
  assert.deepEqual(sorted(again.windows), sorted(windows))
})

test('cgroups come back with their paths, in every window, and what is not known stays so', async (t) => {
  const sessions = [session(0, { tellsCgroups: true })]
  const cgroups = ['/kubepods/a', '', '/system.slice']
  const windows = [0, 1].map((sequence) =>
    windowBatches({ sessions, sequence, samples: 6, processes: 3, cgroups }),
  )
  const again = await replayed(await recorded(t, windows))
  const told = (batches: readonly (readonly ProfileBatch[])[]) =>
    batches
      .flat()
      .flatMap((batch) =>
        Array.from(batch.samples.pid, (pid, row) => [pid, new SampleCgroups(batch).pathOf(row)]),
      )
  assert.deepEqual(told(again.windows), told(windows))
  assert.deepEqual(told(windows).slice(0, 3), [
    [1000, '/kubepods/a'],
    [1010, ''],
    [1020, '/system.slice'],
  ])
  assert.deepEqual(again.sessions, sessions)
  assert.deepEqual(again.problems, [])
})

test('without stack notes frames are told by their offset in the file', async (t) => {
  const windows = [windowBatches({ sessions: [session(0)], sequence: 0, samples: 1 })]
  const again = await replayed(withoutStackNotes(await recorded(t, windows)))
  const labels = (window: readonly ProfileBatch[] = []) => linesOf(window)[0]?.match(/app\+\w+/g)
  assert.equal(labels(windows[0])?.[0], 'app+0x401100')
  assert.equal(labels(again.windows[0])?.[0], 'app+0x1100')
})

test('with program headers at hand frames get the addresses that the file states', async (t) => {
  const windows = [windowBatches({ sessions: [session(0)], sequence: 0, samples: 3 })]
  const asked: string[] = []
  const again = await replayed(withoutStackNotes(await recorded(t, windows)), {
    svmaOf(image, offset) {
      asked.push(`${image.path} ${image.buildId} ${offset}`)
      return image.path === APP.path ? offset + 0x400000n : undefined
    },
  })
  const labels = (batches: readonly ProfileBatch[] = []) =>
    linesOf(batches).map((line) => line.match(/app\+\w+/g))
  assert.deepEqual(labels(again.windows[0]), labels(windows[0]))
  assert.deepEqual(asked, [`/srv/app ${APP.buildId} 4096`, '/srv/plain  0'])
  const [batch] = again.windows[0] ?? []
  assert.deepEqual([...batch!.processes.mappings].map(({ addressSpace }) => addressSpace).sort(), [
    'avma',
    'file_offset',
    'svma',
  ])
})

test('the Unix time of the recording comes back', async (t) => {
  const again = await replayed(
    await recorded(t, [windowBatches({ sessions: [session(0)], sequence: 0, samples: 3 })]),
  )
  const [batch] = again.windows[0] ?? []
  assert.equal(batch?.window.start, 100n * SECOND)
  assert.equal(batch?.window.unixStart, 100n * SECOND + UNIX_OFFSET)
})

test('losses and throttling come back with their session', async (t) => {
  const again = await replayed(
    await recorded(t, [
      windowBatches({ sessions: [session(0), FAULTS(1)], sequence: 0, samples: 3, lost: 9 }),
    ]),
  )
  for (const batch of again.windows[0] ?? []) {
    assert.deepEqual(batch.losses, [{ reason: 'ring_full', count: 9 }])
    assert.deepEqual(
      batch.notices.map(({ kind, count, cpu }) => [kind, count, cpu]),
      [['lost', 9, 1]],
    )
  }
})

test('a long recording comes in windows that bound memory, each beginning with every process', async (t) => {
  const windows = Array.from({ length: 30 }, (_, sequence) =>
    windowBatches({ sessions: [session(0)], sequence, samples: 20 }),
  )
  const file = await recorded(t, windows)
  const byTime = await replayed(file)
  assert.deepEqual(
    byTime.windows.map(([batch]) => batch?.samples.length),
    [200, 200, 200],
  )
  assert.deepEqual(
    byTime.windows.map(([batch]) => batch?.window.sequence),
    [0, 1, 2],
  )
  for (const [batch] of byTime.windows) {
    const { events, snapshotLength } = batch!.processes
    assert.deepEqual(
      [...events].slice(0, snapshotLength).map(({ kind }) => kind),
      ['comm', 'mmap', 'mmap', 'mmap'],
    )
  }
  for (const [[before], [after]] of byTime.windows
    .slice(1)
    .map((window, index) => [byTime.windows[index]!, window] as const)) {
    assert.equal(before?.window.end, after?.window.start)
  }
  const bySamples = await replayed(file, { maxSamplesPerWindow: 150 })
  assert.deepEqual(
    bySamples.windows.map(([batch]) => batch?.samples.length),
    [150, 150, 150, 150],
  )
})

test('emit is waited for', async (t) => {
  const windows = Array.from({ length: 30 }, (_, sequence) =>
    windowBatches({ sessions: [session(0)], sequence, samples: 5 }),
  )
  const replay = Replay.open(await recorded(t, windows))
  let running = 0
  await replay.run({
    async emit() {
      running++
      assert.equal(running, 1)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
    },
  })
  replay.close()
})

/** One process forks another, both exec, an address gets another meaning, and a thread is renamed. */
function life(): ProfileBatch[] {
  const builder = new WindowBuilder()
  const image = (path: string) => builder.addImage({ kind: 'file', path, buildId: '', device: 0n, inode: 1n })
  const place = {
    start: avma(0x1000n),
    end: avma(0x3000n),
    fileOffset: fileOffset(0n),
    bias: 0x1000n,
  } as const
  const rest = { addressSpace: 'file_offset', protection: 5, flags: 2 } as const
  const row = (pid: number, path: string) =>
    builder.addMapping({ pid, image: image(path), ...place, ...rest })
  const at = (seconds: number) => monotonicTime(BigInt(seconds) * SECOND)
  const old = row(10, '/old')
  const started = { time: at(100), synthesised: true } as const
  builder.addEvent({ ...started, kind: 'comm', pid: 10, tid: 10, comm: 'shell', exec: false })
  builder.addEvent({ ...started, kind: 'mmap', pid: 10, tid: 10, mapping: old })
  const own = { synthesised: false } as const
  builder.addEvent({ ...own, time: at(101), kind: 'fork', pid: 11, tid: 11, parentPid: 10, parentTid: 10 })
  builder.addEvent({ ...own, time: at(102), kind: 'comm', pid: 11, tid: 11, comm: 'job', exec: true })
  const fresh = row(11, '/new')
  builder.addEvent({ ...own, time: at(102), kind: 'mmap', pid: 11, tid: 11, mapping: fresh })
  builder.addEvent({ ...own, time: at(103), kind: 'comm', pid: 11, tid: 11, comm: 'renamed', exec: false })
  builder.addEvent({ ...own, time: at(105), kind: 'exit', pid: 11, tid: 11, parentPid: 10, parentTid: 10 })
  const stack = (mapping: number) =>
    builder.addStack(
      [builder.addFrame({ kind: 'native', mapping, svma: svma(0x500n), returnAddress: false })],
      'unverified',
    )
  const sample = (seconds: number, pid: number, mapping: number, comm: string) =>
    builder.addSample(0, {
      time: at(seconds) + 1n,
      pid,
      tid: pid,
      cpu: 0,
      stack: stack(mapping),
      value: 1n,
      comm,
    })
  builder.addSession(0)
  sample(100, 10, old, 'shell')
  sample(101, 11, row(11, '/old'), 'shell')
  sample(102, 11, fresh, 'job')
  sample(103, 11, fresh, 'renamed')
  sample(104, 10, old, 'shell')
  return batchesOf(builder.build({ start: at(100), end: at(106), unixOffset: 0n, sequence: 0 }), [session(0)])
}

test('processes are what they were when the sample was taken: fork, exec, rename, exit', async (t) => {
  const window = life()
  const again = await replayed(await recorded(t, [window]))
  assert.deepEqual(
    again.windows.flatMap((batches) => linesOf(batches)),
    linesOf(window),
  )
  const [batch] = again.windows[0] ?? []
  const told = (events: ProfileBatch['processes']['events']) =>
    [...events].map(({ kind, pid, time, synthesised }) => ({ kind, pid, time, synthesised }))
  // The window begins with the first sample, and with it what is known by then.
  const [, , ...happened] = told(batch!.processes.events)
  assert.deepEqual(happened, told(window[0]!.processes.events).slice(2))
  assert.equal(batch?.processes.snapshotLength, 2)
})

test('after a gap in a file the new state counts from where it stands, not for the samples before', async (t) => {
  const named = (sequence: number, comm: string): readonly ProfileBatch[] => {
    const builder = new WindowBuilder()
    const time = BigInt(100 + sequence) * SECOND
    const event = {
      time: monotonicTime(time),
      pid: 10,
      tid: 10,
      synthesised: true,
      comm,
      exec: false,
    } as const
    builder.addEvent({ ...event, kind: 'comm' })
    builder.addSession(0)
    const stack = builder.addStack([builder.addFrame({ kind: 'reason', text: '[test]' })], 'broken')
    builder.addSample(0, { time: time + 1n, pid: 10, tid: 10, cpu: 0, stack, value: 1n, comm })
    return batchesOf(builder.build({ start: time, end: time + SECOND, unixOffset: 0n, sequence }), [
      session(0),
    ])
  }
  // Window 1 is not in the file, so window 2 begins with a snapshot.
  const again = await replayed(await recorded(t, [named(0, 'before'), named(2, 'after')]))
  assert.equal(again.windows.length, 1)
  const [batch] = again.windows[0] ?? []
  const names = new ProcessNames(batch!.processes)
  assert.deepEqual(
    Array.from(batch!.samples.time, (time) => names.at(10, time)),
    ['before', 'after'],
  )
})

test('who has gone is not in the next window', async (t) => {
  const later = windowBatches({ sessions: [session(0)], sequence: 1, samples: 1, start: 130n * SECOND })
  const again = await replayed(await recorded(t, [life(), later]))
  const [, second] = again.windows
  const pids = new Set([...second![0]!.processes.events].map(({ pid }) => pid))
  assert.ok(pids.has(10) && !pids.has(11))
})

test('a thread that is sampled while it exits has its name and mappings until its number is given anew', () => {
  const processes = new ReplayedProcesses(undefined)
  const stamp = (time: bigint) => ({ time, id: 1n, pid: 11, tid: 11 })
  const place = { start: 0x1000n, length: 0x1000n, fileOffset: 0n, protection: 5, flags: 2 }
  const image = { path: '/app', buildId: '', device: 0n, inode: 1n, kernel: false, data: false }
  const exit = (time: bigint) =>
    processes.exit({ ...stamp(time), kind: 'exit', parentPid: 10, parentTid: 10 })
  processes.comm({ pid: 11, tid: 11, comm: 'job', exec: true })
  processes.mmap({ ...stamp(1n), ...place, ...image, kind: 'mmap' })
  exit(5n)
  processes.forgetGone({ before: 5n })
  assert.equal(processes.commOf(11, 11), 'job')
  assert.equal(processes.mappingAt(11, 0x1500n)?.image.path, '/app')
  assert.deepEqual([...processes.all()], [])
  processes.fork({ ...stamp(6n), kind: 'fork', parentPid: 10, parentTid: 10 })
  assert.equal(processes.commOf(11, 11), '')
  assert.equal(processes.mappingAt(11, 0x1500n), undefined)
  processes.comm({ pid: 11, tid: 11, comm: 'next', exec: true })
  processes.forgetGone({ before: 100n })
  assert.equal(processes.commOf(11, 11), 'next')
  exit(7n)
  processes.forgetGone({ before: 8n })
  assert.equal(processes.commOf(11, 11), '')
})

test('a sample without a known mapping says so', async (t) => {
  const builder = new WindowBuilder()
  const image = builder.addImage({ kind: 'unknown', path: '[unknown]', buildId: '', device: 0n, inode: 0n })
  const nowhere = {
    pid: 5,
    image,
    start: avma(0n),
    end: avma(2n ** 64n - 1n),
    fileOffset: fileOffset(0n),
    bias: 0n,
  } as const
  const mapping = builder.addMapping({ ...nowhere, addressSpace: 'avma', protection: 0, flags: 0 })
  const frame = builder.addFrame({ kind: 'native', mapping, svma: svma(0x7777n), returnAddress: false })
  const stack = builder.addStack([frame], 'unverified')
  builder.addSample(0, { time: SECOND, pid: 5, tid: 5, cpu: 0, stack, value: 1n, comm: '' })
  const window = batchesOf(builder.build({ start: SECOND, end: SECOND, unixOffset: 0n, sequence: 0 }), [
    session(0),
  ])
  const again = await replayed(await recorded(t, [window]))
  const [batch] = again.windows[0] ?? []
  assert.deepEqual(batch?.stacks.frames.at(0), {
    kind: 'native',
    mapping: 0,
    svma: 0x7777n,
    returnAddress: false,
  })
  assert.equal(batch?.processes.images.at(0).kind, 'unknown')
})

test('a stack that reached the limit of frames is known to be cut', async (t) => {
  const shallow = session(0, { maxStack: 6 })
  const window = windowBatches({ sessions: [shallow], sequence: 0, samples: 1, depth: 4 })
  const again = await replayed(withoutStackNotes(await recorded(t, [window])))
  const [batch] = again.windows[0] ?? []
  assert.equal(batch?.stacks.state[0], 2)
  assert.equal(frameLabel(batch!, batch!.stacks.frameIndices.at(-1)!), '[truncated: max stack]')
})

/** A Go program and a kernel thread; a signal handler, and functions of an interpreter among native code. */
function unusual(): ProfileBatch[] {
  const builder = new WindowBuilder()
  const own = { kind: 'file', buildId: '', device: 1n } as const
  const image = builder.addImage({ ...own, path: '/usr/bin/etcd', inode: 5n, runtime: 'go' })
  const place = { start: avma(0x1000n), end: avma(0x9000n), fileOffset: fileOffset(0n), bias: 0x1000n }
  const rest = { addressSpace: 'file_offset', protection: 5, flags: 2 } as const
  const mapping = builder.addMapping({ pid: 10, image, ...place, ...rest })
  const base = { time: monotonicTime(SECOND), pid: 10, tid: 10, synthesised: true } as const
  builder.addEvent({ ...base, kind: 'comm', comm: 'etcd', exec: false })
  builder.addEvent({ ...base, kind: 'mmap', mapping })
  const native = (address: bigint, returnAddress: boolean) =>
    builder.addFrame({ kind: 'native', mapping, svma: svma(address), returnAddress })
  const kernel = builder.addFrame({
    kind: 'kernel',
    avma: avma(0xffff_ffff_8100_0000n),
    returnAddress: false,
  })
  const python = builder.addFrame({
    kind: 'interpreted',
    language: 'python',
    function: 'main',
    file: 'a.py',
    line: 7,
  })
  const reason = builder.addFrame({ kind: 'reason', text: '[truncated: stack bytes]' })
  const stacks = [
    builder.addStack([native(0x100n, false), native(0x200n, true), native(0x300n, false)], 'complete'),
    builder.addStack([kernel, python, native(0x100n, false), python, native(0x200n, true), reason], 'broken'),
    builder.addStack([kernel], 'kernel'),
  ]
  builder.addSession(0)
  for (const [index, stack] of [...stacks, ...stacks].entries()) {
    const time = SECOND + BigInt(index)
    builder.addSample(0, { time, pid: 10, tid: 10, cpu: 0, stack, value: 1n, comm: 'etcd' })
  }
  const times = { start: SECOND, end: 2n * SECOND, unixOffset: 0n, sequence: 0 }
  return batchesOf(builder.build(times), [session(0)])
}

test('signal handlers, frames of interpreters, reasons and the runtime of a file come back', async (t) => {
  const window = unusual()
  const again = await replayed(await recorded(t, [window]))
  assert.deepEqual(
    again.windows.flatMap((batches) => linesOf(batches)),
    linesOf(window),
  )
  const [batch] = again.windows[0] ?? []
  assert.equal(new ProcessLanguages(batch!.processes).at(10, SECOND), 'go')
  assert.deepEqual(
    [...batch!.processes.images].map(({ path, runtime }) => [path, runtime]),
    [['/usr/bin/etcd', 'go']],
  )
})

test('a file without stack notes has stacks that are unverified, and no reasons', async (t) => {
  const window = windowBatches({ sessions: [session(0)], sequence: 0, samples: 3 })
  const again = await replayed(withoutStackNotes(await recorded(t, [window])))
  const [batch] = again.windows[0] ?? []
  assert.deepEqual(again.problems, [])
  assert.deepEqual(
    [...new Set(batch?.stacks.state)].map((state) => STACK_STATES[state]),
    ['unverified'],
  )
  assert.ok(!batch?.stacks.frames.kind.includes(FRAME_KINDS.indexOf('reason')))
})

test('damaged stack notes are said, and the file is replayed without them', async (t) => {
  const window = windowBatches({ sessions: [session(0)], sequence: 0, samples: 3 })
  const file = await recorded(t, [window])
  const bytes = readFileSync(file)
  bytes.fill(0xff, bytes.indexOf('SONDESTK') + 40)
  writeFileSync(file, bytes)
  const again = await replayed(file)
  assert.equal(again.windows[0]?.[0]?.samples.length, 3)
  assert.match(again.problems.join(), /^its stack notes are damaged \(.*\): all stacks are unverified$/)
})

test('the kernel of the recording is known by address and build id', async (t) => {
  const { sessions } = await replayed(
    await recorded(t, [windowBatches({ sessions: [session(0)], sequence: 0, samples: 1 })]),
  )
  assert.deepEqual(sessions[0]?.host, HOST)
})

test('what is no perf.data, or is not there, is said in a line', async (t) => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'x'), 'hello, this is a text file')
  assert.throws(() => Replay.open(join(directory, 'x')), /Cannot read .*\/x: it is not a perf\.data file \(/)
  assert.throws(() => Replay.open(join(directory, 'y')), /Cannot read .*\/y: there is no such file\./)
  assert.throws(() => Replay.open(directory), /it is not a regular file/)
})
