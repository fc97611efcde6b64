// Records that are no samples: header, body, sample_id, appended to a writer as whole multiples of 8 bytes.

import type { HostInfo } from '../../core/host.ts'
import { KERNEL_SYMBOL_KINDS, type KernelSymbolEvent } from '../../core/kernel-code.ts'
import type { Image, Mapping, ProcessEvent, ProcessTable } from '../../core/process.ts'
import type { Notice } from '../../core/profile.ts'
import { ByteWriter, bytesOfHex, paddedText } from './bytes.ts'
import {
  BUILD_ID_BYTES,
  KSYMBOL_FLAGS,
  MAX_COMM_BYTES,
  MAX_KSYMBOL_BYTES,
  MAX_PATH_BYTES,
  MISC,
  RECORD,
  RECORD_HEADER_BYTES,
} from './layout.ts'

/** The trailer of every record that is no sample. */
export interface SampleId {
  readonly pid: number
  readonly tid: number
  readonly time: bigint
  readonly cpu: number
  /** 0n where no event of the file caused the record: it is synthesised. */
  readonly id: bigint
}

/** The pid of records about the kernel. */
const KERNEL_PID = 0xffff_ffff
/** How perf spells the kernel's map: it is found by the symbol at its start. */
export const KERNEL_MAP_PATH = '[kernel.kallsyms]_text'

/** When and for which event a process record counts. */
export interface RecordStamp {
  readonly time: bigint
  readonly id: bigint
}

/** `type` with its `misc` bits, the body, the trailer. */
function appendRecord(
  writer: ByteWriter,
  [type, misc]: readonly [number, number],
  body: () => unknown,
  sampleId: SampleId,
): void {
  const start = writer.length
  writer.u32(type).u16(misc).u16(0)
  body()
  writer.u32(sampleId.pid).u32(sampleId.tid).u64(sampleId.time).u32(sampleId.cpu).u32(0).u64(sampleId.id)
  writer.patchU16(start + 6, writer.length - start)
}

/** Promises that nothing behind it is older than what stands before the previous one. */
export const finishedRound = (): Uint8Array =>
  new ByteWriter().u32(RECORD.FINISHED_ROUND).u16(0).u16(RECORD_HEADER_BYTES).finish()

/** When and for which event a process record counts. */
export interface RecordStamp {
  readonly time: bigint
  readonly id: bigint
}

/** The tables that process events point into. */
export type ProcessObjects = Pick<ProcessTable, 'mappings' | 'images'>

/** COMM, MMAP2, FORK or EXIT. Nothing for a mapping that stands for "no mapping was known". */
export function appendProcessRecord(
  writer: ByteWriter,
  event: ProcessEvent,
  stamp: RecordStamp,
  processes: ProcessObjects,
): void {
  const { pid, tid } = event
  const sampleId = { pid, tid, time: stamp.time, cpu: 0, id: stamp.id }
  switch (event.kind) {
    case 'comm': {
      const body = () =>
        writer
          .u32(pid)
          .u32(tid)
          .bytes(paddedText(event.comm, 8, MAX_COMM_BYTES))
      appendRecord(writer, [RECORD.COMM, event.exec ? MISC.COMM_EXEC : 0], body, sampleId)
      return
    }
    case 'mmap': {
      const mapping = processes.mappings.at(event.mapping)
      const image = processes.images.at(mapping.image)
      if (image.kind !== 'unknown') {
        appendMmap2(writer, mapping, image, sampleId)
      }
      return
    }
    case 'fork':
    case 'exit': {
      const body = () => writer.u32(pid).u32(event.parentPid).u32(tid).u32(event.parentTid).u64(stamp.time)
      appendRecord(writer, [event.kind === 'fork' ? RECORD.FORK : RECORD.EXIT, 0], body, sampleId)
      return
    }
  }
}

function appendMmap2(writer: ByteWriter, mapping: Mapping, image: Image, sampleId: SampleId): void {
  const buildId = bytesOfHex(image.buildId)
  const withBuildId = buildId.length > 0 && buildId.length <= BUILD_ID_BYTES
  const body = () => {
    writer.u32(sampleId.pid).u32(sampleId.tid)
    writer
      .u64(mapping.start)
      .u64(mapping.end - mapping.start)
      .u64(mapping.fileOffset)
    if (withBuildId) {
      writer
        .u8(buildId.length)
        .zeros(3)
        .bytes(buildId)
        .zeros(BUILD_ID_BYTES - buildId.length)
    } else {
      writer
        .u32(Number(image.device >> 32n))
        .u32(Number(image.device & 0xffff_ffffn))
        .u64(image.inode)
        .u64(0n)
    }
    writer
      .u32(mapping.protection)
      .u32(mapping.flags)
      .bytes(paddedText(image.path, 8, MAX_PATH_BYTES))
  }
  appendRecord(writer, [RECORD.MMAP2, MISC.USER | (withBuildId ? MISC.MMAP_BUILD_ID : 0)], body, sampleId)
}

/** LOST, THROTTLE or UNTHROTTLE of the event `id`. */
export function appendNoticeRecord(writer: ByteWriter, notice: Notice, id: bigint): void {
  const sampleId = { pid: 0, tid: 0, time: notice.time, cpu: notice.cpu, id }
  switch (notice.kind) {
    case 'lost':
      appendRecord(writer, [RECORD.LOST, 0], () => writer.u64(id).u64(BigInt(notice.count)), sampleId)
      return
    case 'throttle':
      appendRecord(writer, [RECORD.THROTTLE, 0], () => writer.u64(notice.time).u64(id).u64(id), sampleId)
      return
    case 'unthrottle':
      appendRecord(writer, [RECORD.UNTHROTTLE, 0], () => writer.u64(notice.time).u64(id).u64(id), sampleId)
      return
  }
}

/** KSYMBOL. */
export function appendKernelSymbolRecord(writer: ByteWriter, symbol: KernelSymbolEvent, id: bigint): void {
  const { kind, gone, time, start, length, name } = symbol
  const body = () =>
    writer
      .u64(start)
      .u32(length)
      .u16(KERNEL_SYMBOL_KINDS.indexOf(kind))
      .u16(gone ? KSYMBOL_FLAGS.UNREGISTER : 0)
      .bytes(paddedText(name, 8, MAX_KSYMBOL_BYTES))
  appendRecord(writer, [RECORD.KSYMBOL, 0], body, { pid: 0, tid: 0, time, cpu: 0, id })
}

/** CGROUP: which path the samples' id stands for. */
export function appendCgroupRecord(
  writer: ByteWriter,
  { id, path }: { readonly id: bigint; readonly path: string },
  time: bigint,
): void {
  const body = () => writer.u64(id).bytes(paddedText(path, 8, MAX_PATH_BYTES))
  appendRecord(writer, [RECORD.CGROUP, 0], body, { pid: 0, tid: 0, time, cpu: 0, id: 0n })
}

/**
 * MMAP records of the kernel and its modules, to stand before everything else. None where the kernel hides its
 * addresses: a map at address 0 would claim every kernel frame for the wrong place.
 */
export function kernelRecords(host: HostInfo): Uint8Array {
  const writer = new ByteWriter()
  const kernel = host.kernel
  if (kernel === undefined || kernel.text === 0n) return writer.finish()
  appendKernelMmap(writer, KERNEL_MAP_PATH, {
    start: kernel.text,
    size: kernel.textEnd - kernel.text,
    offset: kernel.text,
  })
  for (const { name, start, size } of kernel.modules) {
    if (start !== 0n) appendKernelMmap(writer, `[${name}]`, { start, size, offset: 0n })
  }
  return writer.finish()
}

function appendKernelMmap(
  writer: ByteWriter,
  path: string,
  { start, size, offset }: { readonly start: bigint; readonly size: bigint; readonly offset: bigint },
): void {
  const body = () =>
    writer
      .u32(KERNEL_PID)
      .u32(0)
      .u64(start)
      .u64(size)
      .u64(offset)
      .bytes(paddedText(path, 8, MAX_PATH_BYTES))
  const sampleId = { pid: KERNEL_PID, tid: 0, time: 0n, cpu: 0, id: 0n }
  appendRecord(writer, [RECORD.MMAP, MISC.KERNEL], body, sampleId)
}
