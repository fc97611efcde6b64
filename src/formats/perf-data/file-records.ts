// What the records of a perf.data file say, one type each.

import { ByteReader, hexOf, textOf } from './bytes.ts'
import { BUILD_ID_BYTES, KSYMBOL_FLAGS, MISC, RECORD } from './layout.ts'
import type { SampleFields } from './sample-layout.ts'

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
/** The user's part of the call chains of its thread's samples that end in its cookie. */
export interface DeferredChainRecord extends Stamp {
  readonly kind: 'deferred'
  readonly tid: number
  readonly cookie: bigint
  readonly chain: BigUint64Array
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
  | DeferredChainRecord
  | NoticeRecord
  | RoundRecord
/** What happened at a time. */
export type TimedRecord = Exclude<FileRecord, RoundRecord | DeferredChainRecord>

export interface RecordHead {
  readonly type: number
  readonly misc: number
  /** Whether an event of the file has attr.build_id. */
  readonly asksForBuildIds: boolean
}

/** Of a record that is no sample; undefined for one that says nothing to Sonde. `body` ends where `sampleId` began. */
export function decodeRecord(
  { type, misc, asksForBuildIds }: RecordHead,
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
      return readMmap({ type, misc, asksForBuildIds }, body, { time, id })
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
    case RECORD.CALLCHAIN_DEFERRED: {
      const [cookie, count] = [body.u64(), Number(body.u64())]
      return { kind: 'deferred', time, id, tid: sampleId.tid, cookie, chain: body.u64s(count) }
    }
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

function readMmap(head: RecordHead, body: ByteReader, stamp: Stamp): MmapRecord {
  const { type, misc } = head
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
      : { ...readIdentity(head, body), protection: body.u32(), flags: body.u32() }
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

function readIdentity(head: RecordHead, body: ByteReader): Pick<MmapRecord, 'device' | 'inode' | 'buildId'> {
  const union = new ByteReader(body.bytes(4 + BUILD_ID_BYTES), body.order)
  if (hasBuildId(head, union)) {
    const size = union.u8()
    union.bytes(3)
    return { device: 0n, inode: 0n, buildId: hexOf(union.bytes(size)) }
  }
  const [major, minor, inode] = [BigInt(union.u32()), BigInt(union.u32()), union.u64()]
  return { device: (major << 32n) | minor, inode, buildId: '' }
}

/** No shorter ids are in use where nobody asked the kernel for any, and a device's number is seldom among them. */
const MIN_UNASKED_BYTES = 16

/**
 * Linux sets the bit in records of sessions, too, that did not ask for build ids, while another one does (6.18; perf 6.1
 * dies of such records): their union holds the numbers of device and inode.
 */
function hasBuildId({ misc, asksForBuildIds }: RecordHead, union: ByteReader): boolean {
  if ((misc & MISC.MMAP_BUILD_ID) === 0) return false
  const [size, ...reserved] = [union.u8(), union.u8(), union.u16()]
  union.position = 0
  const isSize = size <= BUILD_ID_BYTES && reserved.every((value) => value === 0)
  return isSize && (asksForBuildIds || size >= MIN_UNASKED_BYTES)
}
