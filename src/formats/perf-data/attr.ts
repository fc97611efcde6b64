// perf_event_attr: what was opened, as the kernel takes it and perf.data keeps it.

import { stackBytesOf } from '../../core/call-graph.ts'
import type { SessionInfo } from '../../core/profile.ts'
import { type ByteOrder, ByteReader, ByteWriter } from './bytes.ts'
import {
  ATTR_BYTES,
  ATTR_FLAG,
  CLOCK_MONOTONIC,
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
  ATTR_FLAG.ksymbol |
  ATTR_FLAG.build_id

/** The attr that the sampler opened for `session`. */
export function attrOf(session: SessionInfo): EventAttr {
  const { event, rate, stackParts } = session
  const clockid = clockIdOf(session)
  const byFrequency = rate.by === 'frequency'
  return {
    type: event.type,
    config: event.config,
    sampleFreqOrPeriod: byFrequency ? BigInt(rate.hertz) : rate.period,
    sampleType: SONDE_SAMPLE_TYPE | (session.tellsCgroups ? SAMPLE_TYPE.CGROUP : 0n),
    readFormat:
      READ_FORMAT.TOTAL_TIME_ENABLED | READ_FORMAT.TOTAL_TIME_RUNNING | READ_FORMAT.ID | READ_FORMAT.LOST,
    flags:
      ALWAYS |
      (clockid === undefined ? 0n : ATTR_FLAG.use_clockid) |
      (byFrequency ? ATTR_FLAG.freq : 0n) |
      (session.tellsCgroups ? ATTR_FLAG.cgroup : 0n) |
      (session.inherit ? ATTR_FLAG.inherit : 0n) |
      (event.excludeUser ? ATTR_FLAG.exclude_user : 0n) |
      (event.excludeKernel ? ATTR_FLAG.exclude_kernel : 0n) |
      (event.excludeUser || event.excludeKernel ? ATTR_FLAG.exclude_hv : 0n) |
      (stackParts.kernel ? 0n : ATTR_FLAG.exclude_callchain_kernel) |
      (stackParts.user ? 0n : ATTR_FLAG.exclude_callchain_user),
    branchSampleType: 0n,
    sampleRegsUser: 0n,
    sampleRegsIntr: 0n,
    sampleStackUser: stackBytesOf(session.callGraph),
    clockid: clockid ?? 0,
    sampleMaxStack: session.maxStack,
  }
}

/** Undefined: the one of perf events. */
export const clockIdOf = ({ clock }: SessionInfo): number | undefined =>
  clock === undefined ? CLOCK_MONOTONIC : clock.id

export function encodeAttr(attr: EventAttr): Uint8Array {
  return new ByteWriter()
    .u32(attr.type)
    .u32(ATTR_BYTES)
    .u64(attr.config)
    .u64(attr.sampleFreqOrPeriod)
    .u64(attr.sampleType)
    .u64(attr.readFormat)
    .u64(attr.flags)
    .zeros(72 - 48) // wakeup … config2
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
  reader.position = 72
  const stacks = {
    branchSampleType: reader.u64(),
    sampleRegsUser: reader.u64(),
    sampleStackUser: reader.u32(),
    clockid: reader.u32() | 0,
    sampleRegsIntr: reader.u64(),
  }
  reader.position = 108
  return { ...attr, ...stacks, sampleMaxStack: reader.u16() }
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
