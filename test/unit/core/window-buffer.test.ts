import assert from 'node:assert/strict'
import { test } from 'node:test'
import { avma, fileOffset, svma } from '../../../src/core/address.ts'
import { frameLabel } from '../../../src/core/frame-label.ts'
import type { ProcessEvent } from '../../../src/core/process.ts'
import { monotonicTime } from '../../../src/core/units.ts'
import { WindowBuilder } from '../../../src/core/window-builder.ts'
import { batchesOf } from '../../../src/core/window-view.ts'
import { sessionInfo } from '../../support/session.ts'

const times = { start: 1_000n, end: 2_000n, unixOffset: -5n, sequence: 7 }

function windowOfOneSample() {
  const window = new WindowBuilder()
  const image = window.addImage({
    kind: 'file',
    path: '/bin/ä',
    buildId: 'abcd',
    device: 8n << 32n,
    inode: 42n,
    runtime: 'go',
  })
  const mapping = window.addMapping({
    pid: 10,
    image,
    start: avma(0x5000n),
    end: avma(0x6000n),
    fileOffset: fileOffset(0x1000n),
    bias: -0x1000n,
    addressSpace: 'svma',
    protection: 5,
    flags: 2,
  })
  window.addEvent({
    kind: 'comm',
    time: monotonicTime(1n),
    pid: 10,
    tid: 11,
    synthesised: true,
    comm: 'work',
    exec: false,
  })
  window.addEvent({ kind: 'mmap', time: monotonicTime(1n), pid: 10, tid: 10, synthesised: true, mapping })
  window.addEvent({
    kind: 'exit',
    time: monotonicTime(1_500n),
    pid: 10,
    tid: 11,
    synthesised: false,
    parentPid: 1,
    parentTid: 2,
  })
  const stack = window.addStack(
    [
      window.addFrame({ kind: 'kernel', avma: avma(0xffff_ffff_8100_0000n), returnAddress: false }),
      window.addFrame({ kind: 'native', mapping, svma: svma(0x5123n), returnAddress: true }),
      window.addFrame({ kind: 'interpreted', language: 'js', function: 'f', file: 'a.js', line: 3 }),
      window.addFrame({ kind: 'reason', text: '[truncated: max stack]' }),
    ],
    'broken',
  )
  window.addSession(3)
  window.addSample(3, { time: 1_200n, pid: 10, tid: 11, cpu: 1, stack, value: 2n ** 60n, comm: 'work' })
  window.addLoss(3, 'missed', 5)
  window.addNotice(3, { kind: 'throttle', time: monotonicTime(1_300n), cpu: 1, count: 0 })
  return window
}

test('what is built is what is read', () => {
  const [batch, ...others] = batchesOf(windowOfOneSample().build(times), [sessionInfo({ id: 3 })])
  assert.ok(batch)
  assert.equal(others.length, 0)
  assert.deepEqual(batch.window, {
    start: 1_000n,
    end: 2_000n,
    unixStart: 995n,
    unixEnd: 1_995n,
    sequence: 7,
  })
  assert.deepEqual([...batch.samples.value], [2n ** 60n])
  assert.equal(batch.strings.at(batch.samples.comm[0] ?? 0), 'work')
  assert.equal(batch.processes.images.at(0).path, '/bin/ä')
  assert.equal(batch.processes.images.at(0).runtime, 'go')
  assert.equal(BigInt.asIntN(64, batch.processes.mappings.at(0).bias), -0x1000n)
  assert.equal(batch.processes.snapshotLength, 2)
  assert.deepEqual(
    [...batch.processes.events].map((event) => event.kind),
    ['comm', 'mmap', 'exit'],
  )
  assert.deepEqual(batch.losses, [{ reason: 'missed', count: 5 }])
  assert.deepEqual(batch.notices, [{ kind: 'throttle', time: 1_300n, cpu: 1, count: 0 }])
})

test('the four kinds of frame survive the buffer and read as one line each', () => {
  const [batch] = batchesOf(windowOfOneSample().build(times), [sessionInfo({ id: 3 })])
  assert.ok(batch)
  const labels = [...batch.stacks.frameIndices].map((frame) => frameLabel(batch, frame))
  assert.deepEqual(labels, ['[k] 0xffffffff81000000', 'ä+0x5123', 'f', '[truncated: max stack]'])
  assert.deepEqual(batch.stacks.frames.at(1), {
    kind: 'native',
    mapping: 0,
    svma: 0x5123n,
    returnAddress: true,
  })
})

test('a frame of a runtime’s code says the functions that it runs, and equal addresses may run others', () => {
  const window = windowOfOneSample()
  const named = (name: string) => ({ language: 'v8js', function: name, file: `${name}.js`, line: 1 })
  const frame = (...names: string[]) =>
    window.addFrame({
      kind: 'native',
      mapping: 0,
      svma: svma(0x77n),
      returnAddress: false,
      functions: names.map(named),
    })
  const [inlined, alone] = [frame('inner', 'outer'), frame('inner')]
  assert.notEqual(inlined, alone)
  assert.equal(frame('inner', 'outer'), inlined)
  const [batch] = batchesOf(window.build(times), [sessionInfo({ id: 3 })])
  const functionsAt = (index: number) => {
    const value = batch?.stacks.frames.at(index)
    return value?.kind === 'native' ? value.functions : assert.fail()
  }
  assert.deepEqual(functionsAt(inlined), [named('inner'), named('outer')])
  assert.deepEqual(functionsAt(alone), [named('inner')])
  assert.equal(functionsAt(1), undefined)
  assert.equal(batch && frameLabel(batch, inlined), 'inner')
})

test('equal stacks, frames and texts are stored once', () => {
  const window = windowOfOneSample()
  const again = window.addFrame({ kind: 'kernel', avma: avma(0xffff_ffff_8100_0000n), returnAddress: false })
  assert.equal(again, 0)
  assert.equal(window.string('work'), window.string('work'))
  assert.equal(window.addStack([again], 'unverified'), window.addStack([again], 'unverified'))
})

test('a session without samples still appears, with its losses', () => {
  const window = new WindowBuilder()
  window.addSession(0)
  window.addLoss(0, 'ring_full', 2)
  const [batch] = batchesOf(window.build(times), [sessionInfo({ id: 0 })])
  assert.equal(batch?.samples.length, 0)
  assert.deepEqual(batch?.losses, [{ reason: 'ring_full', count: 2 }])
})

test('a buffer of another version is refused', () => {
  const buffer = windowOfOneSample().build(times)
  new DataView(buffer).setUint32(4, 99, true)
  assert.throws(() => batchesOf(buffer, [sessionInfo({ id: 3 })]), /version 99/)
})

test('the snapshot ends with the first event that is later than the start, a fork, or the kernel’s', () => {
  const lengthOf = (...events: readonly Partial<ProcessEvent>[]): number => {
    const window = new WindowBuilder()
    const base = { time: monotonicTime(100n), pid: 1, tid: 1, synthesised: true, comm: 'a', exec: false }
    for (const event of events) window.addEvent({ ...base, kind: 'comm', ...event } as ProcessEvent)
    window.addSession(1)
    const times = { start: 100n, end: 200n, unixOffset: 0n, sequence: 0 }
    const [batch] = batchesOf(window.build(times), [sessionInfo({ id: 1 })])
    return batch?.processes.snapshotLength ?? -1
  }
  assert.equal(lengthOf({}, {}), 2)
  assert.equal(lengthOf({}, { time: monotonicTime(101n) }, {}), 1)
  assert.equal(lengthOf({}, { kind: 'fork', parentPid: 2, parentTid: 2 }, {}), 1)
  assert.equal(lengthOf({}, { synthesised: false }, {}), 1)
})
