import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stackTables } from '../../../src/cli/stack-table.ts'
import { StackTally } from '../../../src/cli/stack-tally.ts'
import { completeShare, reasonsText, stackText } from '../../../src/cli/stack-text.ts'
import { styleFor } from '../../../src/cli/terminal.ts'
import { avma, fileOffset } from '../../../src/core/address.ts'
import type { ProfileBatch, StackState } from '../../../src/core/profile.ts'
import type { StackSummary } from '../../../src/core/summary.ts'
import { monotonicTime } from '../../../src/core/units.ts'
import { WindowBuilder } from '../../../src/core/window-builder.ts'
import { batchesOf } from '../../../src/core/window-view.ts'
import { sessionInfo } from '../../support/session.ts'

interface Row {
  readonly pid: number
  readonly state: StackState
  readonly reason?: string
  readonly count?: number
}

/** `executables`: by pid. */
function batchOf(rows: readonly Row[], executables: Readonly<Record<number, string>> = {}): ProfileBatch {
  const window = new WindowBuilder()
  const time = monotonicTime(1_000n)
  for (const [key, path] of Object.entries(executables)) {
    const pid = Number(key)
    const image = window.addImage({ kind: 'file', path, buildId: '', device: 0n, inode: 1n })
    const place = { start: avma(0x1000n), end: avma(0x2000n), fileOffset: fileOffset(0n), bias: 0n }
    const rest = { addressSpace: 'svma', protection: 5, flags: 2 } as const
    const mapping = window.addMapping({ pid, image, ...place, ...rest })
    const base = { time, pid, tid: pid, synthesised: true } as const
    window.addEvent({ ...base, kind: 'comm', comm: path.slice(path.lastIndexOf('/') + 1), exec: false })
    window.addEvent({ ...base, kind: 'mmap', mapping })
  }
  window.addSession(0)
  for (const { pid, state, reason, count = 1 } of rows) {
    const frame = window.addFrame({ kind: 'reason', text: reason ?? state })
    const stack = window.addStack([frame], state)
    const sample = { time: 2_000n, pid, tid: pid, cpu: 0, stack, value: 1n, comm: 'thread' }
    for (let each = 0; each < count; each++) window.addSample(0, sample)
  }
  const times = { start: 1_000n, end: 3_000n, unixOffset: 0n, sequence: 0 }
  const [batch] = batchesOf(window.build(times), [sessionInfo()])
  assert.ok(batch)
  return batch
}

async function summaryOf(...batches: readonly ProfileBatch[]): Promise<StackSummary> {
  const tally = new StackTally()
  for (const batch of batches) await tally.add(batch)
  return tally.summary()
}

const BYTES = '[truncated: stack bytes]'
const POINTER = '[broken: bad frame pointer]'

const PROGRAMS = { 10: '/usr/bin/python3.11', 20: '/usr/bin/postgres' }
const mixed = (): ProfileBatch =>
  batchOf(
    [
      { pid: 10, state: 'complete', count: 9 },
      { pid: 10, state: 'broken', reason: BYTES },
      { pid: 20, state: 'complete', count: 3 },
      { pid: 20, state: 'unverified' },
      { pid: 20, state: 'broken', reason: BYTES, count: 2 },
      { pid: 20, state: 'broken', reason: POINTER, count: 3 },
      { pid: 2, state: 'kernel', count: 100 },
    ],
    PROGRAMS,
  )

test('stacks are counted together, per language and per process, kernel threads apart', async () => {
  const python = { complete: 9, unverified: 0, broken: { [BYTES]: 1 } }
  const native = { complete: 3, unverified: 1, broken: { [BYTES]: 2, [POINTER]: 3 } }
  assert.deepEqual(await summaryOf(mixed()), {
    complete: 12,
    unverified: 1,
    broken: { [BYTES]: 3, [POINTER]: 3 },
    kernel: 100,
    languages: { python, native },
    processes: [
      { pid: 10, comm: 'python3.11', language: 'python', ...python },
      { pid: 20, comm: 'postgres', language: 'native', ...native },
    ],
  })
})

test('windows add up, and a process has the name and the language that it had last', async () => {
  const before = batchOf([{ pid: 10, state: 'complete' }], { 10: '/bin/sh' })
  const after = batchOf([{ pid: 10, state: 'complete' }], { 10: '/usr/bin/python3.11' })
  const { complete, languages, processes } = await summaryOf(before, after)
  assert.equal(complete, 2)
  assert.deepEqual(Object.keys(languages).sort(), ['native', 'python'])
  assert.deepEqual(
    processes.map(({ comm, language, complete }) => [comm, language, complete]),
    [['python3.11', 'python', 2]],
  )
})

test('what a process was before it called exec within the window is counted for what it was', async () => {
  const window = new WindowBuilder()
  const frame = window.addFrame({ kind: 'reason', text: 'frame' })
  const stack = window.addStack([frame], 'complete')
  const place = { start: avma(0x1000n), end: avma(0x2000n), fileOffset: fileOffset(0n), bias: 0n }
  const rest = { addressSpace: 'svma', protection: 5, flags: 2 } as const
  const runs = (pid: number, path: string, time: bigint, synthesised: boolean): void => {
    const image = window.addImage({ kind: 'file', path, buildId: '', device: 0n, inode: 1n })
    const base = { time: monotonicTime(time), pid, tid: pid, synthesised }
    const comm = path.slice(path.lastIndexOf('/') + 1)
    window.addEvent({ ...base, kind: 'comm', comm, exec: !synthesised })
    const mapping = window.addMapping({ pid, image, ...place, ...rest })
    window.addEvent({ ...base, kind: 'mmap', mapping })
  }
  runs(10, '/bin/sh', 1_000n, true)
  runs(20, '/bin/postgres', 1_000n, true)
  window.addEvent({
    time: monotonicTime(3_000n),
    pid: 11,
    tid: 11,
    synthesised: false,
    kind: 'fork',
    parentPid: 10,
    parentTid: 10,
  })
  runs(10, '/usr/bin/python3.11', 5_000n, false)
  window.addSession(0)
  for (let time = 2_000n; time < 8_000n; time += 1_000n) {
    for (const pid of time < 3_000n ? [10, 20] : [10, 11, 20]) {
      window.addSample(0, { time, pid, tid: pid, cpu: 0, stack, value: 1n, comm: 'thread' })
    }
  }
  const times = { start: 1_000n, end: 9_000n, unixOffset: 0n, sequence: 0 }
  const { languages, processes } = await summaryOf(...batchesOf(window.build(times), [sessionInfo()]))
  assert.deepEqual(
    Object.entries(languages).map(([language, { complete }]) => [language, complete]),
    [
      ['native', 3 + 6 + 5],
      ['python', 3],
    ],
  )
  assert.deepEqual(
    processes.map(({ pid, comm, language, complete }) => [pid, comm, language, complete]),
    [
      [10, 'python3.11', 'python', 6],
      [20, 'postgres', 'native', 6],
      [11, 'sh', 'native', 5],
    ],
  )
})

test('the summary names the fifty processes with the most samples', async () => {
  const rows = Array.from(
    { length: 60 },
    (_, index): Row => ({ pid: 100 + index, state: 'complete', count: index + 1 }),
  )
  const { processes } = await summaryOf(batchOf(rows))
  assert.equal(processes.length, 50)
  assert.equal(processes[0]?.pid, 159)
  assert.equal(processes.at(-1)?.pid, 110)
})

test('an agent that sees many short processes forgets the small ones, and no sample', async () => {
  const tally = new StackTally()
  const rows = Array.from({ length: 9_000 }, (_, index): Row => ({ pid: 100 + index, state: 'complete' }))
  await tally.add(batchOf([{ pid: 7, state: 'complete', count: 5 }, ...rows]))
  await tally.add(batchOf(rows))
  assert.equal(tally.summary().complete, 18_005)
  assert.equal(tally.summary().processes[0]?.pid, 7)
})

test('one line says the shares and the reasons', async () => {
  assert.equal(
    stackText(await summaryOf(mixed())),
    `63.1 % complete (python 90.0 %, native 33.3 %); unverified: 1; broken: 3 ${BYTES}, 3 ${POINTER}`,
  )
  assert.equal(stackText(await summaryOf()), undefined)
  assert.equal(stackText(await summaryOf(batchOf([{ pid: 2, state: 'kernel' }]))), undefined)
  const unverified = await summaryOf(batchOf([{ pid: 10, state: 'unverified', count: 2 }]))
  assert.equal(stackText(unverified), '2 stacks by frame pointers, unverified')
})

test('tables say the shares per language and process, with every reason below', async () => {
  const rows = '[broken: no unwind rows in app]'
  const stacks = await summaryOf(
    mixed(),
    batchOf([{ pid: 30, state: 'broken', reason: rows, count: 20 }], { 30: '/opt/app' }),
  )
  assert.equal(
    stackTables(stacks, { width: 100, style: styleFor({}) }),
    [
      'complete   samples  unverified   broken  language',
      '  10.3 %        29           1       25  native',
      '                                     20    [broken: no unwind rows in app]',
      '                                      3    [broken: bad frame pointer]',
      '                                      2    [truncated: stack bytes]',
      '  90.0 %        10           0        1  python',
      '                                      1    [truncated: stack bytes]',
      '',
      'complete   samples  unverified   broken      pid  process (language)',
      '   0.0 %        20           0       20       30  app (native)',
      '                                     20    [broken: no unwind rows in app]',
      '  90.0 %        10           0        1       10  python3.11 (python)',
      '                                      1    [truncated: stack bytes]',
      '  33.3 %         9           1        5       20  postgres (native)',
      '                                      3    [broken: bad frame pointer]',
      '                                      2    [truncated: stack bytes]',
    ].join('\n'),
  )
  assert.equal(stackTables(await summaryOf(), { width: 100, style: styleFor({}) }), '')
})

test('of many reasons the most frequent are shown, and the rest is counted', async () => {
  const reasons = Array.from(
    { length: 12 },
    (_, index): Row => ({
      pid: 10,
      state: 'broken',
      reason: `[broken: no unwind rows in lib${index}.so]`,
      count: 20 - index,
    }),
  )
  const [languages = ''] = stackTables(await summaryOf(batchOf(reasons)), {
    width: 100,
    style: styleFor({}),
  }).split('\n\n')
  assert.equal(languages.split('\n').length, 2 + 8 + 1)
  assert.match(languages, / 42 {4}other reasons$/)
})

test('a share is never rounded up to all', () => {
  assert.equal(completeShare({ complete: 99_999, unverified: 1, broken: {} }), '99.9 %')
  assert.equal(completeShare({ complete: 10, unverified: 0, broken: {} }), '100.0 %')
  assert.equal(completeShare({ complete: 0, unverified: 0, broken: {} }), '–')
})

test('many reasons become a few and a rest', () => {
  assert.equal(reasonsText({ a: 1, b: 30, c: 2, d: 1, e: 1 }, 3), '30 b, 2 c, 1 a, 2 for other reasons')
})
