// The records of a perf.data file, one after another as they stand in it, read in pieces of bounded size.

import { AgentError } from '../../core/errors.ts'
import { ByteReader, hexOf, textOf } from './bytes.ts'
import type { FileEvent } from './header.ts'
import {
  BUILD_ID_BYTES,
  FIRST_TOOL_RECORD,
  KSYMBOL_FLAGS,
  MAX_RECORD_BYTES,
  MISC,
  RECORD,
  RECORD_HEADER_BYTES,
} from './layout.ts'
import type { PerfDataFile } from './reader.ts'
import { readSample, readSampleId, type SampleFields, sampleIdBytes } from './sample-layout.ts'

interface Stamp {
  /** Monotonic ns; 0n where the file says none: before everything. */
  readonly time: bigint
  /** Of the event that caused it; 0n where the record was synthesised. */
  readonly id: bigint
}
export interface SampleRecord extends Stamp {
  readonly kind: 'sample'
  /** Its place among the samples of the file, malformed ones too. */
  readonly index: number
  /** Index into the file's events. */
  readonly event: number
  readonly fields: SampleFields
  /** Whose code `fields.ip` is. */
  readonly cpumode: number
}
export interface CommRecord extends Stamp {
  readonly kind: 'comm'
  readonly pid: number
  readonly tid: number
  readonly comm: string
  readonly exec: boolean
}
export interface MmapRecord extends Stamp {
  readonly kind: 'mmap'
  readonly pid: number
  readonly tid: number
  readonly kernel: boolean
  /** Data, not code. */
  readonly data: boolean
  readonly start: bigint
  readonly length: bigint
  readonly fileOffset: bigint
  readonly protection: number
  readonly flags: number
  /** major << 32 | minor */
  readonly device: bigint
  readonly inode: bigint
  readonly buildId: string
  readonly path: string
}
export interface LifeRecord extends Stamp {
  readonly kind: 'fork' | 'exit'
  readonly pid: number
  readonly tid: number
  readonly parentPid: number
  readonly parentTid: number
}
export interface KernelSymbolRecord extends Stamp {
  readonly kind: 'ksymbol'
  readonly start: bigint
  readonly length: number
  /** PERF_RECORD_KSYMBOL_TYPE_* */
  readonly type: number
  readonly gone: boolean
  readonly name: string
}
export interface CgroupRecord extends Stamp {
  readonly kind: 'cgroup'
  /** What samples say. */
  readonly cgroup: bigint
  readonly path: string
}
export interface NoticeRecord extends Stamp {
  readonly kind: 'lost' | 'throttle' | 'unthrottle'
  readonly cpu: number
  /** lost: samples; otherwise 0. */
  readonly count: number
}
/** Nothing behind it is older than what stands before the previous one. */
export interface RoundRecord {
  readonly kind: 'round'
}
export type FileRecord =
  | SampleRecord
  | CommRecord
  | MmapRecord
  | LifeRecord
  | KernelSymbolRecord
  | CgroupRecord
  | NoticeRecord
  | RoundRecord
export type TimedRecord = Exclude<FileRecord, RoundRecord>

export interface ReadOptions {
  /** Called with a sentence for what is damaged and was left out. */
  readonly problem: (text: string) => void
  /** zstd, for compressed files: pure code has none of its own. Throws for what is damaged or too large. */
  readonly decompress?: (bytes: Uint8Array) => Uint8Array
}

const CHUNK_BYTES = 2 ** 20
/** Damaged records are told one by one up to this many, then counted. */
const MAX_TOLD = 3

/** All records that Sonde knows. Stops at the first place where the chain of records is broken, and says so. */
export function* readRecords(file: PerfDataFile, options: ReadOptions): Generator<FileRecord> {
  const decoder = new RecordDecoder(file.events)
  const end = file.data.offset + file.data.size
  let malformed = 0
  for (const { type, misc, body, at } of rawRecords(file, options)) {
    try {
      const record = decoder.decode({ type, misc, body })
      if (record !== undefined) yield record
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      malformed++
      if (malformed <= MAX_TOLD)
        options.problem(`the record of type ${type} at byte ${at} of ${end} is malformed`)
    }
  }
  if (malformed > MAX_TOLD) options.problem(`${malformed} records are malformed`)
}

interface RawRecord {
  readonly type: number
  readonly misc: number
  readonly body: Uint8Array
}

function* rawRecords(
  file: PerfDataFile,
  options: ReadOptions,
): Generator<RawRecord & { readonly at: number }> {
  const { source, data } = file
  const end = data.offset + data.size
  /** What a compressed record began and the next one ends. */
  let rest: Uint8Array = new Uint8Array(0)
  for (let at = data.offset; at < end; ) {
    const chunk = source.read(at, Math.min(CHUNK_BYTES, end - at))
    let used = 0
    for (const { record, next } of recordsIn(chunk)) {
      if (record.type === RECORD.COMPRESSED || record.type === RECORD.COMPRESSED2) {
        const unpacked = decompressed(record, file, options)
        let consumed = 0
        if (unpacked !== undefined) rest = concatenated(rest, unpacked)
        for (const inner of recordsIn(rest)) {
          consumed = inner.next
          yield { ...inner.record, at: at + used }
        }
        rest = rest.subarray(consumed)
        // What does not end where the next one begins would be kept for ever.
        if (unpacked === undefined || rest.length >= MAX_RECORD_BYTES) {
          const left = end - at - used
          options.problem(`the compressed record at byte ${at + used} is damaged: ${left} bytes are left out`)
          return
        }
      } else {
        yield { ...record, at: at + used }
      }
      used = next
    }
    if (used === 0) {
      options.problem(brokenAt(chunk, at, end))
      return
    }
    at += used
  }
  if (rest.length > 0) options.problem('the last compressed record is cut off')
}

/** Whole records of `bytes`, each with where the next one begins. Ends where one is not whole, or cannot be one. */
function* recordsIn(bytes: Uint8Array): Generator<{ readonly record: RawRecord; readonly next: number }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + RECORD_HEADER_BYTES <= bytes.length; ) {
    const size = view.getUint16(at + 6, true)
    const next = at + size
    if (size < RECORD_HEADER_BYTES || next > bytes.length) return
    const body = bytes.subarray(at + RECORD_HEADER_BYTES, next)
    yield { record: { type: view.getUint32(at, true), misc: view.getUint16(at + 4, true), body }, next }
    at = next
  }
}

function brokenAt(chunk: Uint8Array, at: number, end: number): string {
  const left = `${end - at} bytes are left out`
  const cutOff =
    chunk.length < MAX_RECORD_BYTES && (chunk[6] ?? 0) + (chunk[7] ?? 0) * 256 >= RECORD_HEADER_BYTES
  return cutOff ? `the last record is cut off: ${left}` : `the record at byte ${at} is damaged: ${left}`
}

/** Undefined where it is damaged. */
function decompressed(
  { type, body }: RawRecord,
  file: PerfDataFile,
  { decompress }: ReadOptions,
): Uint8Array | undefined {
  if (decompress === undefined || type === RECORD.COMPRESSED2) {
    const kind = type === RECORD.COMPRESSED2 ? 'PERF_RECORD_COMPRESSED2' : 'PERF_RECORD_COMPRESSED'
    const message = `Cannot read ${file.source.name}: it is compressed (${kind}). Unpack it with perf inject -i FILE -o NEW.`
    throw new AgentError('PERF_DATA.COMPRESSED', message)
  }
  try {
    return decompress(body)
  } catch {
    return undefined
  }
}

function concatenated(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b
  const result = new Uint8Array(a.length + b.length)
  result.set(a)
  result.set(b, a.length)
  return result
}

/** Turns the bytes of one record into its values. */
class RecordDecoder {
  readonly #events: readonly FileEvent[]
  readonly #eventOfId: ReadonlyMap<bigint, number>
  readonly #first: FileEvent
  #samples = 0

  constructor(events: readonly FileEvent[]) {
    const [first] = events
    if (first === undefined) throw new Error('a file without events')
    this.#first = first
    this.#events = events
    this.#eventOfId = new Map(events.flatMap(({ ids }, index) => ids.map((id) => [id, index] as const)))
  }

  /** Undefined for records that say nothing to Sonde. */
  decode(raw: RawRecord): FileRecord | undefined {
    if (raw.type === RECORD.SAMPLE) return this.#sample(raw)
    if (raw.type === RECORD.FINISHED_ROUND) return { kind: 'round' }
    if (raw.type >= FIRST_TOOL_RECORD) return undefined
    const { sampleType } = this.#first.attr
    const bodyEnd = raw.body.length - sampleIdBytes(sampleType)
    if (bodyEnd < 0) throw new RangeError('no room for the sample_id')
    const sampleId = readSampleId(new ByteReader(raw.body.subarray(bodyEnd)), sampleType)
    return knownRecord(raw, new ByteReader(raw.body.subarray(0, bodyEnd)), sampleId)
  }

  #sample({ misc, body }: RawRecord): SampleRecord {
    const index = this.#samples++
    // Ids stand where the first event has them: files of several events agree on that, or nothing could read them.
    const first = readSample(new ByteReader(body), this.#first.attr)
    const event = this.#eventOfId.get(first.id) ?? 0
    const attr = this.#events[event]?.attr ?? this.#first.attr
    const same =
      attr.sampleType === this.#first.attr.sampleType && attr.readFormat === this.#first.attr.readFormat
    const fields = same ? first : readSample(new ByteReader(body), attr)
    return {
      kind: 'sample',
      time: fields.time,
      id: fields.id,
      index,
      event,
      fields,
      cpumode: misc & MISC.CPUMODE_MASK,
    }
  }
}

function knownRecord(
  { type, misc }: RawRecord,
  body: ByteReader,
  sampleId: SampleFields,
): FileRecord | undefined {
  const { time, id, cpu } = sampleId
  switch (type) {
    case RECORD.COMM: {
      const [pid, tid] = [body.u32(), body.u32()]
      const comm = textOf(body.bytes(body.remaining))
      return { kind: 'comm', time, id, pid, tid, comm, exec: (misc & MISC.COMM_EXEC) !== 0 }
    }
    case RECORD.MMAP:
    case RECORD.MMAP2:
      return readMmap(type, misc, body, { time, id })
    case RECORD.FORK:
    case RECORD.EXIT: {
      const [pid, parentPid, tid, parentTid] = [body.u32(), body.u32(), body.u32(), body.u32()]
      return {
        kind: type === RECORD.FORK ? 'fork' : 'exit',
        time: body.u64(),
        id,
        pid,
        tid,
        parentPid,
        parentTid,
      }
    }
    case RECORD.KSYMBOL: {
      const [start, length, symbolType, flags] = [body.u64(), body.u32(), body.u16(), body.u16()]
      const gone = (flags & KSYMBOL_FLAGS.UNREGISTER) !== 0
      const name = textOf(body.bytes(body.remaining))
      return { kind: 'ksymbol', time, id, start, length, type: symbolType, gone, name }
    }
    case RECORD.CGROUP:
      return { kind: 'cgroup', time, id, cgroup: body.u64(), path: textOf(body.bytes(body.remaining)) }
    case RECORD.LOST:
      return { kind: 'lost', id: body.u64(), count: Number(body.u64()), time, cpu }
    case RECORD.LOST_SAMPLES:
      return { kind: 'lost', id, count: Number(body.u64()), time, cpu }
    case RECORD.THROTTLE:
    case RECORD.UNTHROTTLE:
      return {
        kind: type === RECORD.THROTTLE ? 'throttle' : 'unthrottle',
        time: body.u64(),
        id: body.u64(),
        cpu,
        count: 0,
      }
    default:
      return undefined
  }
}

function readMmap(type: number, misc: number, body: ByteReader, stamp: Stamp): MmapRecord {
  const place = {
    pid: body.u32(),
    tid: body.u32(),
    start: body.u64(),
    length: body.u64(),
    fileOffset: body.u64(),
  }
  const kernel = (misc & MISC.CPUMODE_MASK) === MISC.KERNEL
  const data = (misc & MISC.MMAP_DATA) !== 0
  const identity =
    type === RECORD.MMAP
      ? { device: 0n, inode: 0n, buildId: '', protection: 5, flags: 2 }
      : { ...readIdentity(misc, body), protection: body.u32(), flags: body.u32() }
  return {
    kind: 'mmap',
    ...stamp,
    ...place,
    kernel,
    data,
    ...identity,
    path: textOf(body.bytes(body.remaining)),
  }
}

function readIdentity(misc: number, body: ByteReader): Pick<MmapRecord, 'device' | 'inode' | 'buildId'> {
  if ((misc & MISC.MMAP_BUILD_ID) === 0) {
    const [major, minor, inode] = [BigInt(body.u32()), BigInt(body.u32()), body.u64()]
    body.u64()
    return { device: (major << 32n) | minor, inode, buildId: '' }
  }
  const size = Math.min(body.u8(), BUILD_ID_BYTES)
  body.bytes(3)
  return { device: 0n, inode: 0n, buildId: hexOf(body.bytes(BUILD_ID_BYTES).subarray(0, size)) }
}
