import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attrOf, type EventAttr } from '../../../../src/formats/perf-data/attr.ts'
import { ByteReader, ByteWriter } from '../../../../src/formats/perf-data/bytes.ts'
import { BRANCH_SAMPLE, READ_FORMAT, SAMPLE_TYPE } from '../../../../src/formats/perf-data/layout.ts'
import { readSample } from '../../../../src/formats/perf-data/sample-layout.ts'
import { session } from './fixture.ts'

const allBits = Object.values(SAMPLE_TYPE).reduce((all, bit) => all | bit, 0n)

const attr = (changes: Partial<EventAttr>): EventAttr => ({ ...attrOf(session(0)), ...changes })

/** The parts of a sample in the kernel's order (perf_output_sample); each part's numbers are its own. */
function wholeSample(): Uint8Array {
  return new ByteWriter()
    .u64(7n) // IDENTIFIER
    .u64(0x1000n) // IP
    .u32(10)
    .u32(11) // TID
    .u64(12n) // TIME
    .u64(13n) // ADDR
    .u64(7n) // ID
    .u64(15n) // STREAM_ID
    .u32(3)
    .u32(0) // CPU
    .u64(17n) // PERIOD
    .u64(2n)
    .u64(100n)
    .u64(101n) // READ: two values, time_enabled, time_running
    .u64(20n)
    .u64(7n)
    .u64(0n)
    .u64(21n)
    .u64(8n)
    .u64(0n)
    .u64(2n)
    .u64(0x1000n)
    .u64(0x2000n) // CALLCHAIN
    .u32(12)
    .zeros(12) // RAW
    .u64(1n)
    .zeros(8 + 24 + 8) // BRANCH_STACK with hw_idx and counters
    .u64(2n)
    .u64(0xa0n)
    .u64(0xa7n)
    .u64(0xa8n) // REGS_USER
    .u64(16n)
    .bytes(Uint8Array.from({ length: 16 }, (_, index) => index))
    .u64(9n) // STACK_USER: 9 of 16 bytes are valid
    .zeros(8) // WEIGHT or WEIGHT_STRUCT
    .zeros(16) // DATA_SRC, TRANSACTION
    .u64(1n)
    .u64(0xb0n) // REGS_INTR
    .zeros(8) // PHYS_ADDR
    .u64(99n) // CGROUP
    .zeros(16) // DATA_PAGE_SIZE, CODE_PAGE_SIZE
    .u64(8n)
    .zeros(8) // AUX
    .finish()
}

const wholeAttr = attr({
  sampleType: allBits & ~SAMPLE_TYPE.WEIGHT_STRUCT,
  readFormat: 31n,
  branchSampleType: BRANCH_SAMPLE.HW_INDEX | BRANCH_SAMPLE.COUNTERS,
  sampleRegsUser: 0b1_1000_0001n,
  sampleRegsIntr: 1n,
})

test('a sample is read whole, in the order of its body', () => {
  const fields = readSample(new ByteReader(wholeSample()), wholeAttr)
  assert.deepEqual(fields, {
    id: 7n,
    ip: 0x1000n,
    pid: 10,
    tid: 11,
    time: 12n,
    cpu: 3,
    period: 17n,
    chain: BigUint64Array.of(0x1000n, 0x2000n),
    cgroup: 99n,
    readValues: [
      { id: 7n, value: 20n },
      { id: 8n, value: 21n },
    ],
    userRegisters: {
      is32Bit: false,
      mask: 0b1_1000_0001n,
      values: BigUint64Array.of(0xa0n, 0xa7n, 0xa8n),
    },
    userStack: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8),
    userStackCut: false,
  })
  const struct = { ...wholeAttr, sampleType: allBits & ~SAMPLE_TYPE.WEIGHT }
  assert.deepEqual(readSample(new ByteReader(wholeSample()), struct), fields)
})

test('a sample of a kernel thread has neither registers nor stack, and a 32-bit process says so', () => {
  const sampleType = SAMPLE_TYPE.REGS_USER | SAMPLE_TYPE.STACK_USER | SAMPLE_TYPE.CGROUP
  const registers = attr({ sampleType, sampleRegsUser: 1n })
  const none = readSample(new ByteReader(new ByteWriter().zeros(16).u64(5n).finish()), registers)
  assert.deepEqual([none.userRegisters, none.userStack, none.cgroup], [undefined, undefined, 5n])
  const bytes = new ByteWriter().u64(1n).u64(6n).u64(0n).u64(5n).finish()
  assert.deepEqual(readSample(new ByteReader(bytes), registers).userRegisters, {
    is32Bit: true,
    mask: 1n,
    values: BigUint64Array.of(6n),
  })
})

test('a value that is no group is read with its times between value and id', () => {
  const reading = attr({
    sampleType: SAMPLE_TYPE.READ | SAMPLE_TYPE.CALLCHAIN,
    readFormat: READ_FORMAT.TOTAL_TIME_ENABLED | READ_FORMAT.TOTAL_TIME_RUNNING | READ_FORMAT.ID,
  })
  const bytes = new ByteWriter().u64(1n).u64(2n).u64(3n).u64(4n).u64(1n).u64(0x30n).finish()
  const fields = readSample(new ByteReader(bytes), reading)
  assert.deepEqual(fields.readValues, [{ id: 4n, value: 1n }])
  assert.deepEqual(fields.chain, BigUint64Array.of(0x30n))
})

test('counts and sizes that do not fit into the sample are refused, however large', () => {
  const part = (sampleType: bigint, count: bigint) =>
    readSample(
      new ByteReader(new ByteWriter().u64(count).zeros(64).finish()),
      attr({ sampleType, readFormat: 8n }),
    )
  for (const count of [9n, 1n << 60n, (1n << 64n) - 1n]) {
    assert.throws(() => part(SAMPLE_TYPE.CALLCHAIN, count), RangeError)
    assert.throws(() => part(SAMPLE_TYPE.BRANCH_STACK, count), RangeError)
    assert.throws(() => part(SAMPLE_TYPE.READ, count), RangeError)
    assert.throws(() => part(SAMPLE_TYPE.STACK_USER, count < 100n ? 65n : count), RangeError)
  }
})

test('values of the other byte order are turned, bytes of the stack are not', () => {
  const swapped = new Uint8Array(40)
  const view = new DataView(swapped.buffer)
  view.setBigUint64(0, 1n) // chain: one address
  view.setBigUint64(8, 0x123456789n)
  view.setBigUint64(16, 8n)
  swapped.set([1, 2, 3], 24)
  view.setBigUint64(32, 3n)
  const sampleType = SAMPLE_TYPE.CALLCHAIN | SAMPLE_TYPE.STACK_USER
  const fields = readSample(new ByteReader(swapped, 'big'), attr({ sampleType }))
  assert.deepEqual(fields.chain, BigUint64Array.of(0x123456789n))
  assert.deepEqual(fields.userStack, Uint8Array.of(1, 2, 3))
})
