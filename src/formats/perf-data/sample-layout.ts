// Where the fields of a sample and of a sample_id lie, for any sample_type (reference 3.2 and 4.2).

import type { EventAttr } from './attr.ts'
import type { ByteReader } from './bytes.ts'
import { READ_FORMAT, SAMPLE_TYPE } from './layout.ts'

/** What a sample or a sample_id says; 0 for what its sample_type leaves out. */
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
}

const NO_CHAIN = new BigUint64Array(0)

const noFields = (): SampleFields => ({
  id: 0n,
  ip: 0n,
  pid: 0,
  tid: 0,
  time: 0n,
  cpu: 0,
  period: 0n,
  chain: NO_CHAIN,
  cgroup: 0n,
})

/** Reads the body of a sample up to its call chain, and its cgroup. */
export function readSample(reader: ByteReader, attr: EventAttr): SampleFields {
  const fields = noFields()
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
  if (has(SAMPLE_TYPE.READ)) skipRead(reader, attr.readFormat)
  if (has(SAMPLE_TYPE.CALLCHAIN)) fields.chain = readChain(reader)
  if (has(SAMPLE_TYPE.CGROUP)) fields.cgroup = readCgroup(reader, attr.sampleType)
  return fields
}

/**
 * Found from the end of the sample: what stands between the chain and it is of many kinds and lengths, what stands behind
 * it are two numbers at most, but for AUX, of any length, with which nothing is read.
 */
function readCgroup(reader: ByteReader, sampleType: bigint): bigint {
  const has = (bit: bigint) => (sampleType & bit) !== 0n
  if (has(SAMPLE_TYPE.AUX)) return 0n
  const behind = [SAMPLE_TYPE.DATA_PAGE_SIZE, SAMPLE_TYPE.CODE_PAGE_SIZE].filter(has).length
  reader.bytes(Math.max(0, reader.remaining - 8 * (1 + behind)))
  return reader.u64()
}

function readChain(reader: ByteReader): BigUint64Array {
  const count = Number(reader.u64())
  const bytes = reader.bytes(count * 8)
  return new BigUint64Array(bytes.slice().buffer)
}

function skipRead(reader: ByteReader, format: bigint): void {
  const has = (bit: bigint) => (format & bit) !== 0n
  const times = Number(has(READ_FORMAT.TOTAL_TIME_ENABLED)) + Number(has(READ_FORMAT.TOTAL_TIME_RUNNING))
  const perEvent = 1 + Number(has(READ_FORMAT.ID)) + Number(has(READ_FORMAT.LOST))
  const events = has(READ_FORMAT.GROUP) ? Number(reader.u64()) : 1
  reader.bytes((times + events * perEvent) * 8)
}

/** Bytes of the trailer of records that are no samples. */
export function sampleIdBytes(sampleType: bigint): number {
  const parts = [
    SAMPLE_TYPE.TID,
    SAMPLE_TYPE.TIME,
    SAMPLE_TYPE.ID,
    SAMPLE_TYPE.STREAM_ID,
    SAMPLE_TYPE.CPU,
    SAMPLE_TYPE.IDENTIFIER,
  ]
  return parts.filter((bit) => (sampleType & bit) !== 0n).length * 8
}

/** Reads a trailer of `sampleIdBytes(sampleType)` bytes. */
export function readSampleId(reader: ByteReader, sampleType: bigint): SampleFields {
  const fields = noFields()
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
