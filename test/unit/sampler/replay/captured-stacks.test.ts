import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SampleRecord } from '../../../../src/formats/perf-data/file-records.ts'
import { MISC } from '../../../../src/formats/perf-data/layout.ts'
import type { SampleFields } from '../../../../src/formats/perf-data/sample-layout.ts'
import type { NativeCapturedSample } from '../../../../src/native/binding.ts'
import { CapturedStacks, type RecordedUnwinder } from '../../../../src/sampler/replay/captured-stacks.ts'

const registers = { is32Bit: false, mask: 0b1_1000_0000n, values: BigUint64Array.of(0x7000n, 0x1000n) }

function sample(fields: Partial<SampleFields>): { readonly record: SampleRecord; readonly comm: string } {
  const all = { id: 0n, ip: 0x1000n, pid: 7, tid: 7, time: 1n, cpu: 0, period: 1n, cgroup: 0n }
  const chain = new BigUint64Array(0)
  return {
    comm: 'work',
    record: {
      ...{ kind: 'sample', time: 1n, id: 0n, index: 0, event: 0, cpumode: MISC.USER },
      fields: { ...all, chain, ...fields },
    },
  }
}

/** Every stack is two frames: the process's number, and how many samples came with it. */
function counting(calls: (readonly NativeCapturedSample[])[]): RecordedUnwinder {
  return {
    unwind(samples) {
      calls.push(samples)
      return {
        frames: BigUint64Array.from(samples.flatMap(({ pid }) => [BigInt(pid), BigInt(samples.length)])),
        offsets: Uint32Array.from({ length: samples.length + 1 }, (_, index) => index * 2),
        states: new Uint8Array(samples.length).fill(2),
        reasons: new Uint32Array(samples.length).fill(1),
        texts: ['', '[truncated: stack bytes]'],
      }
    },
  }
}

test('samples are unwound together, and each gets its own stack back', () => {
  const calls: (readonly NativeCapturedSample[])[] = []
  const stacks = new CapturedStacks(counting(calls), [127])
  stacks.add(sample({ pid: 7, userRegisters: registers, userStack: new Uint8Array(8) }))
  stacks.add(sample({ pid: 8 }))
  stacks.add(sample({ pid: 9, userRegisters: registers }))
  const taken = [...stacks.take()]
  assert.deepEqual(
    taken.map(({ sample: { record }, unwound }) => [record.fields.pid, unwound && [...unwound.frames]]),
    [
      [7, [7n, 2n]],
      [8, undefined],
      [9, [9n, 2n]],
    ],
  )
  assert.deepEqual(taken[0]?.unwound?.state, 'broken')
  assert.equal(taken[0]?.unwound?.reason, '[truncated: stack bytes]')
  assert.equal(calls.length, 1)
  assert.deepEqual([...stacks.take()], [])
})

test('a process whose samples wait is known, until they are taken', () => {
  const stacks = new CapturedStacks(counting([]), [])
  stacks.add(sample({ pid: 7, userRegisters: registers }))
  assert.equal(stacks.concerns(7), true)
  assert.equal(stacks.concerns(8), false)
  stacks.take().next()
  assert.equal(stacks.concerns(7), false)
})

test('so many bytes of stacks wait, and no more', () => {
  const stacks = new CapturedStacks(counting([]), [])
  const userStack = new Uint8Array(64 * 2 ** 10)
  let added = 0
  for (; !stacks.full; added++) stacks.add(sample({ userRegisters: registers, userStack }))
  assert.ok(added <= 128, `${added} of 64 KiB`)
})

test('what the kernel found by frame pointers goes along, and whether that was all', () => {
  const calls: (readonly NativeCapturedSample[])[] = []
  const stacks = new CapturedStacks(counting(calls), [2])
  const chain = BigUint64Array.of(0xffff_ffff_ffff_fe00n, 0x1000n, 0x2000n)
  stacks.add(sample({ userRegisters: registers, chain, userStackCut: true }))
  assert.equal([...stacks.take()].length, 1)
  const [captured] = calls.flat()
  assert.deepEqual([...(captured?.chain ?? [])], [0x1000n, 0x2000n])
  assert.equal(captured?.chainCut, true)
  assert.equal(captured?.cut, true)
})
