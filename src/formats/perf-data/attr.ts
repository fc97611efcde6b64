// perf_event_attr: what was opened, as the kernel takes it and perf.data keeps it.

import { stackBytesOf } from '../../core/call-graph.ts'
import { EVENT_TYPE, type EventDetails, type SessionInfo } from '../../core/profile.ts'
import { type ByteOrder, ByteReader, ByteWriter } from './bytes.ts'
import {
  ATTR_BYTES,
  ATTR_FLAG,
  CLOCK_MONOTONIC,
  PRECISE_IP_SHIFT,
  READ_FORMAT,
  SAMPLE_TYPE,
  SONDE_SAMPLE_TYPE,
} from './layout.ts'

/** The fields of perf_event_attr that say something about Sonde's events. */
export interface EventAttr {
  readonly type: number
  readonly config: bigint
  /** sample_freq where the flag `freq` is set, otherwise sample_period. */
  readonly sampleFreqOrPeriod: bigint
  readonly sampleType: bigint
  readonly readFormat: bigint
  /** ATTR_FLAG bits. */
  readonly flags: bigint
  /** PERF_SAMPLE_BRANCH_* */
  readonly branchSampleType: bigint
  /** Of a breakpoint what it watches; 0 for other events. */
  readonly bpType: number
  /** Of a breakpoint its address and length. */
  readonly config1: bigint
  readonly config2: bigint
  /** Bits of the registers in samples, as PERF_REG_<ARCH>_* number them. */
  readonly sampleRegsUser: bigint
  readonly sampleRegsIntr: bigint
  /** Bytes of the user stack that each sample was made from. Sonde's own files do not have them. */
  readonly sampleStackUser: number
  readonly clockid: number
  readonly sampleMaxStack: number
}

/**
 * mmap, comm, task, ksymbol and build_id are set at the sampler's bookkeeping event, which shares the rings; readers look for
 * them at the events of the file, where perf has them too.
 */
const ALWAYS =
  ATTR_FLAG.disabled |
  ATTR_FLAG.exclude_idle |
  ATTR_FLAG.mmap |
  ATTR_FLAG.comm |
  ATTR_FLAG.task |
  ATTR_FLAG.sample_id_all |
  ATTR_FLAG.mmap2 |
  ATTR_FLAG.comm_exec |
  ATTR_FLAG.use_clockid |
  ATTR_FLAG.ksymbol |
  ATTR_FLAG.build_id

/** The attr that the sampler opened for `session`. */
export function attrOf(session: SessionInfo): EventAttr {
  const { event, rate, stackParts } = session
  const { details = {} } = event
  const byFrequency = rate.by === 'frequency'
  return {
    type: event.type,
    config: event.config,
    sampleFreqOrPeriod: byFrequency ? BigInt(rate.hertz) : rate.period,
    sampleType:
      SONDE_SAMPLE_TYPE |
      (session.tellsCgroups ? SAMPLE_TYPE.CGROUP : 0n) |
      (event.type === EVENT_TYPE.tracepoint ? SAMPLE_TYPE.RAW : 0n),
    readFormat:
      READ_FORMAT.TOTAL_TIME_ENABLED | READ_FORMAT.TOTAL_TIME_RUNNING | READ_FORMAT.ID | READ_FORMAT.LOST,
    flags:
      ALWAYS |
      (byFrequency ? ATTR_FLAG.freq : 0n) |
      (session.tellsCgroups ? ATTR_FLAG.cgroup : 0n) |
      (session.inherit ? ATTR_FLAG.inherit : 0n) |
      (event.excludeUser ? ATTR_FLAG.exclude_user : 0n) |
      (event.excludeKernel ? ATTR_FLAG.exclude_kernel : 0n) |
      ((details.excludeHypervisor ?? (event.excludeUser || event.excludeKernel))
        ? ATTR_FLAG.exclude_hv
        : 0n) |
      (details.excludeHost === true ? ATTR_FLAG.exclude_host : 0n) |
      (details.excludeGuest === true ? ATTR_FLAG.exclude_guest : 0n) |
      (details.pinned === true ? ATTR_FLAG.pinned : 0n) |
      (details.exclusive === true ? ATTR_FLAG.exclusive : 0n) |
      (BigInt(details.preciseIp ?? 0) << PRECISE_IP_SHIFT) |
      (stackParts.kernel ? 0n : ATTR_FLAG.exclude_callchain_kernel) |
      (stackParts.user ? 0n : ATTR_FLAG.exclude_callchain_user),
    bpType: details.breakpointType ?? 0,
    config1: details.config1 ?? 0n,
    config2: details.config2 ?? 0n,
    branchSampleType: 0n,
    sampleRegsUser: 0n,
    sampleRegsIntr: 0n,
    sampleStackUser: stackBytesOf(session.callGraph),
    clockid: CLOCK_MONOTONIC,
    sampleMaxStack: session.maxStack,
  }
}

export function encodeAttr(attr: EventAttr): Uint8Array {
  return new ByteWriter()
    .u32(attr.type)
    .u32(ATTR_BYTES)
    .u64(attr.config)
    .u64(attr.sampleFreqOrPeriod)
    .u64(attr.sampleType)
    .u64(attr.readFormat)
    .u64(attr.flags)
    .zeros(52 - 48) // wakeup_events
    .u32(attr.bpType)
    .u64(attr.config1)
    .u64(attr.config2)
    .u64(attr.branchSampleType)
    .u64(attr.sampleRegsUser)
    .u32(attr.sampleStackUser)
    .u32(attr.clockid)
    .u64(attr.sampleRegsIntr)
    .zeros(108 - 104) // aux_watermark
    .u16(attr.sampleMaxStack)
    .zeros(ATTR_BYTES - 110) // reserved … sig_data
    .finish()
}

/** Reads an attr of any version: what an older one lacks is zero, what a newer one adds is ignored. */
export function decodeAttr(bytes: Uint8Array, order: ByteOrder = 'little'): EventAttr {
  const extended = new Uint8Array(ATTR_BYTES)
  extended.set(bytes.subarray(0, ATTR_BYTES))
  const reader = new ByteReader(extended, order)
  const type = reader.u32()
  reader.u32()
  const attr = {
    type,
    config: reader.u64(),
    sampleFreqOrPeriod: reader.u64(),
    sampleType: reader.u64(),
    readFormat: reader.u64(),
    flags: flagsOf(reader.bytes(8), order),
  }
  reader.position = 52
  const stacks = {
    bpType: reader.u32(),
    config1: reader.u64(),
    config2: reader.u64(),
    branchSampleType: reader.u64(),
    sampleRegsUser: reader.u64(),
    sampleStackUser: reader.u32(),
    clockid: reader.u32() | 0,
    sampleRegsIntr: reader.u64(),
  }
  reader.position = 108
  return { ...attr, ...stacks, sampleMaxStack: reader.u16() }
}

/** What `attrOf` makes of an event's details, back. */
export function detailsOf({ flags, config1, config2, bpType }: EventAttr): EventDetails | undefined {
  const has = (flag: bigint): boolean => (flags & flag) !== 0n
  const preciseIp = Number((flags >> PRECISE_IP_SHIFT) & 3n)
  const excludeHypervisor = has(ATTR_FLAG.exclude_hv)
  const follows = has(ATTR_FLAG.exclude_user) || has(ATTR_FLAG.exclude_kernel)
  const details: EventDetails = {
    ...(config1 === 0n ? {} : { config1 }),
    ...(config2 === 0n ? {} : { config2 }),
    ...(bpType === 0 ? {} : { breakpointType: bpType }),
    ...(preciseIp === 0 ? {} : { preciseIp }),
    ...(excludeHypervisor === follows ? {} : { excludeHypervisor }),
    ...(has(ATTR_FLAG.exclude_host) ? { excludeHost: true } : {}),
    ...(has(ATTR_FLAG.exclude_guest) ? { excludeGuest: true } : {}),
    ...(has(ATTR_FLAG.pinned) ? { pinned: true } : {}),
    ...(has(ATTR_FLAG.exclusive) ? { exclusive: true } : {}),
  }
  return Object.keys(details).length === 0 ? undefined : details
}

/** The flags are a bit field: on machines of the other byte order its bits begin at the other end of each byte. */
function flagsOf(bytes: Uint8Array, order: ByteOrder): bigint {
  const inOrder = order === 'little' ? bytes : bytes.map(reversedBits)
  return new ByteReader(inOrder).u64()
}

function reversedBits(byte: number): number {
  let reversed = 0
  for (let bit = 0; bit < 8; bit++) reversed |= ((byte >> bit) & 1) << (7 - bit)
  return reversed
}
