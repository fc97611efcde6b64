// Where the fields of a sample and of a sample_id lie, for any sample_type (reference 3.2 and 4.2).

import type { EventAttr } from './attr.ts'
import type { ByteReader } from './bytes.ts'
import { BRANCH_SAMPLE, READ_FORMAT, REGS_ABI, SAMPLE_TYPE } from './layout.ts'

/** The registers of user space when a sample was taken. */
export interface UserRegisters {
  readonly is32Bit: boolean
  /** Bits of the registers that `values` has, ascending. */
  readonly mask: bigint
  readonly values: BigUint64Array
}

/** What a counter of a sample stood at. */
export interface ReadValue {
  /** 0n where read_format has none. */
  readonly id: bigint
  readonly value: bigint
}

/** What a sample or a sample_id says; 0 for what its sample_type leaves out, but for the period, which the attr has, and pid and tid. */
export interface SampleFields {
  id: bigint
  ip: bigint
  pid: number
  tid: number
  time: bigint
  cpu: number
  period: bigint
  chain: BigUint64Array
  cgroup: bigint
  /** Of the event, or of all of its group. Absent where its sample_type has no READ. */
  readValues?: readonly ReadValue[]
  /** Absent where the sample has none: it was taken in a thread of the kernel. */
  userRegisters?: UserRegisters
  /** The part of the copy of the user's stack that is valid, from the stack pointer on. */
  userStack?: Uint8Array
  /** Whether there was more of it than was copied. */
  userStackCut?: boolean
}

const NO_CHAIN = new BigUint64Array(0)

/** What the kernel says of a process that is none any more. */
const NO_PROCESS = 0xffff_ffff

const noFields = (period: bigint): SampleFields => ({
  id: 0n,
  ip: 0n,
  pid: NO_PROCESS,
  tid: NO_PROCESS,
  time: 0n,
  cpu: 0,
  period,
  chain: NO_CHAIN,
  cgroup: 0n,
})

/** Reads the body of a sample, in the order of the kernel's perf_output_sample. */
export function readSample(reader: ByteReader, attr: EventAttr): SampleFields {
  const fields = noFields(attr.sampleFreqOrPeriod)
  const has = (bit: bigint) => (attr.sampleType & bit) !== 0n
  if (has(SAMPLE_TYPE.IDENTIFIER)) fields.id = reader.u64()
  if (has(SAMPLE_TYPE.IP)) fields.ip = reader.u64()
  if (has(SAMPLE_TYPE.TID)) {
    fields.pid = reader.u32()
    fields.tid = reader.u32()
  }
  if (has(SAMPLE_TYPE.TIME)) fields.time = reader.u64()
  if (has(SAMPLE_TYPE.ADDR)) reader.u64()
  if (has(SAMPLE_TYPE.ID)) fields.id = reader.u64()
  if (has(SAMPLE_TYPE.STREAM_ID)) reader.u64()
  if (has(SAMPLE_TYPE.CPU)) {
    fields.cpu = reader.u32()
    reader.u32()
  }
  if (has(SAMPLE_TYPE.PERIOD)) fields.period = reader.u64()
  if (has(SAMPLE_TYPE.READ)) fields.readValues = readValues(reader, attr.readFormat)
  if (has(SAMPLE_TYPE.CALLCHAIN)) fields.chain = reader.u64s(Number(reader.u64()))
  if (attr.sampleType >= SAMPLE_TYPE.RAW) readBehindChain(reader, attr, fields)
  return fields
}

/** Most samples have nothing of it. */
function readBehindChain(reader: ByteReader, attr: EventAttr, fields: SampleFields): void {
  const has = (bit: bigint) => (attr.sampleType & bit) !== 0n
  if (has(SAMPLE_TYPE.RAW)) reader.bytes(reader.u32())
  if (has(SAMPLE_TYPE.BRANCH_STACK)) skipBranches(reader, attr.branchSampleType)
  if (has(SAMPLE_TYPE.REGS_USER)) {
    const registers = readRegisters(reader, attr.sampleRegsUser)
    if (registers !== undefined) fields.userRegisters = registers
  }
  if (has(SAMPLE_TYPE.STACK_USER)) {
    readUserStack(reader, fields)
  }
  if (has(SAMPLE_TYPE.WEIGHT) || has(SAMPLE_TYPE.WEIGHT_STRUCT)) reader.u64()
  if (has(SAMPLE_TYPE.DATA_SRC)) reader.u64()
  if (has(SAMPLE_TYPE.TRANSACTION)) reader.u64()
  if (has(SAMPLE_TYPE.REGS_INTR)) readRegisters(reader, attr.sampleRegsIntr)
  if (has(SAMPLE_TYPE.PHYS_ADDR)) reader.u64()
  if (has(SAMPLE_TYPE.CGROUP)) fields.cgroup = reader.u64()
  // What stands behind, the sizes of pages and AUX, says nothing to anybody.
}

function readValues(reader: ByteReader, format: bigint): ReadValue[] {
  const has = (bit: bigint) => (format & bit) !== 0n
  const times = Number(has(READ_FORMAT.TOTAL_TIME_ENABLED)) + Number(has(READ_FORMAT.TOTAL_TIME_RUNNING))
  const one = (): ReadValue => {
    const value = reader.u64()
    if (!has(READ_FORMAT.GROUP)) reader.bytes(times * 8)
    const id = has(READ_FORMAT.ID) ? reader.u64() : 0n
    if (has(READ_FORMAT.LOST)) reader.u64()
    return { id, value }
  }
  if (!has(READ_FORMAT.GROUP)) return [one()]
  const count = Number(reader.u64())
  if (count > reader.remaining / 8) throw new RangeError(`${count} values stated`)
  reader.bytes(times * 8)
  return Array.from({ length: count }, one)
}

function skipBranches(reader: ByteReader, branchSampleType: bigint): void {
  const has = (bit: bigint) => (branchSampleType & bit) !== 0n
  const count = Number(reader.u64())
  const entryBytes = has(BRANCH_SAMPLE.COUNTERS) ? 32 : 24
  reader.bytes((has(BRANCH_SAMPLE.HW_INDEX) ? 8 : 0) + count * entryBytes)
}

function readRegisters(reader: ByteReader, mask: bigint): UserRegisters | undefined {
  const abi = reader.u64()
  if (abi === REGS_ABI.NONE) return undefined
  return { is32Bit: abi === REGS_ABI.BITS_32, mask, values: reader.u64s(bitsIn(mask)) }
}

function bitsIn(mask: bigint): number {
  let count = 0
  for (let rest = mask; rest !== 0n; rest &= rest - 1n) count++
  return count
}

function readUserStack(reader: ByteReader, fields: SampleFields): void {
  const size = Number(reader.u64())
  if (size === 0) return
  const copy = reader.bytes(size)
  const valid = Number(reader.u64())
  fields.userStack = copy.slice(0, valid)
  fields.userStackCut = valid >= size
}

/** Bytes of the trailer of records that are no samples. */
export function sampleIdBytes(sampleType: bigint): number {
  const { TID, TIME, ID, STREAM_ID, CPU, IDENTIFIER } = SAMPLE_TYPE
  return 8 * partsIn(sampleType, [TID, TIME, ID, STREAM_ID, CPU, IDENTIFIER])
}

/** Reads a trailer of `sampleIdBytes(sampleType)` bytes. */
export function readSampleId(reader: ByteReader, sampleType: bigint): SampleFields {
  const fields = noFields(0n)
  const has = (bit: bigint) => (sampleType & bit) !== 0n
  if (has(SAMPLE_TYPE.TID)) {
    fields.pid = reader.u32()
    fields.tid = reader.u32()
  }
  if (has(SAMPLE_TYPE.TIME)) fields.time = reader.u64()
  if (has(SAMPLE_TYPE.ID)) fields.id = reader.u64()
  if (has(SAMPLE_TYPE.STREAM_ID)) reader.u64()
  if (has(SAMPLE_TYPE.CPU)) {
    fields.cpu = reader.u32()
    reader.u32()
  }
  if (has(SAMPLE_TYPE.IDENTIFIER)) fields.id = reader.u64()
  return fields
}

const partsIn = (sampleType: bigint, parts: readonly bigint[]): number =>
  parts.filter((bit) => (sampleType & bit) !== 0n).length

/** Where the id of a sample stands in its body; undefined where it has none. */
export function sampleIdPlace(sampleType: bigint): number | undefined {
  if ((sampleType & SAMPLE_TYPE.IDENTIFIER) !== 0n) return 0
  if ((sampleType & SAMPLE_TYPE.ID) === 0n) return undefined
  return 8 * partsIn(sampleType, [SAMPLE_TYPE.IP, SAMPLE_TYPE.TID, SAMPLE_TYPE.TIME, SAMPLE_TYPE.ADDR])
}

/** How far before the end of a record that is no sample its id stands; undefined where it has none. */
export function trailerIdPlace(sampleType: bigint): number | undefined {
  if ((sampleType & SAMPLE_TYPE.IDENTIFIER) !== 0n) return 8
  if ((sampleType & SAMPLE_TYPE.ID) === 0n) return undefined
  return 8 * (1 + partsIn(sampleType, [SAMPLE_TYPE.STREAM_ID, SAMPLE_TYPE.CPU]))
}
