// Processes as PERF_RECORD_* speak of them: what is mapped where, and what happened when.

import type { Avma, FileOffset } from './address.ts'
import type { MonotonicTime } from './units.ts'

/**
 * What stands behind a mapping, in the order of its codes in the window buffer.
 * `file`: a file that has a name (it may be deleted: the path then ends in ` (deleted)`). `vdso`: the kernel's.
 * `anonymous`: memory without a file, so JIT code or a trampoline. `unknown`: no mapping was known at that address.
 */
export const IMAGE_KINDS = ['file', 'vdso', 'anonymous', 'unknown'] as const
export type ImageKind = (typeof IMAGE_KINDS)[number]

/** By the path of a mapping, as native/core/perf/image.cc: memory that no path leads to is anonymous, whatever it is called. */
export function imageKindOf(path: string): ImageKind {
  if (path === '[vdso]') return 'vdso'
  const memory = ['/memfd:', '/dev/zero', '/SYSV', '/anon_hugepage'].some((prefix) => path.startsWith(prefix))
  return path.startsWith('/') && !path.startsWith('//') && !memory ? 'file' : 'anonymous'
}

/** The runtime that an executable was linked with, in the order of its codes in the window buffer. */
export const IMAGE_RUNTIMES = ['unknown', 'go'] as const
export type ImageRuntime = (typeof IMAGE_RUNTIMES)[number]

/** A file, or what stands in its place. Equal files of different processes are one image. */
export interface Image {
  readonly kind: ImageKind
  /** As the kernel reports it, in the mount namespace of the process that mapped it; `[vdso]`, `//anon`, `[heap]` … */
  readonly path: string
  /** GNU build id in lower-case hexadecimal; '' where none is known. */
  readonly buildId: string
  /** Device as `major << 32 | minor`, 0 where the kernel reported the build id instead. */
  readonly device: bigint
  readonly inode: bigint
  /** Absent where the source does not know it, which is not to say that there is none. */
  readonly runtime?: Exclude<ImageRuntime, 'unknown'>
  /** What `go tool buildid` says of it. Absent where the source does not know it; most sources know it of sampled files only. */
  readonly goBuildId?: string
  /** OpenTelemetry's htlhash in lower-case hexadecimal. Absent as goBuildId. */
  readonly contentHash?: string
}

/**
 * What a native frame's address means, in the order of its codes in the window buffer.
 * `svma`: the file's program headers were read. `file_offset`: they could not be, the offset stands in.
 * `avma`: there is no file (anonymous memory, unknown mapping).
 */
export const ADDRESS_SPACES = ['svma', 'file_offset', 'avma'] as const
export type AddressSpace = (typeof ADDRESS_SPACES)[number]

/** One executable mapping of one process. */
export interface Mapping {
  readonly pid: number
  /** Index into ProcessTable.images. */
  readonly image: number
  readonly start: Avma
  /** First address behind the mapping. */
  readonly end: Avma
  /** Offset in the file of `start`. */
  readonly fileOffset: FileOffset
  /** A frame's address in the process = its stated address + bias (modulo 2^64). */
  readonly bias: bigint
  readonly addressSpace: AddressSpace
  /** PROT_* bits. */
  readonly protection: number
  /** MAP_* bits. */
  readonly flags: number
}

interface EventBase {
  readonly time: MonotonicTime
  readonly pid: number
  readonly tid: number
  /** True where Sonde read it from /proc, or repeats what it knows at a window's start; the kernel did not send it then. */
  readonly synthesised: boolean
}
export interface CommEvent extends EventBase {
  readonly kind: 'comm'
  readonly comm: string
  /** The name changed because of an exec. */
  readonly exec: boolean
}
export interface MmapEvent extends EventBase {
  readonly kind: 'mmap'
  /** Index into ProcessTable.mappings. */
  readonly mapping: number
}
export interface ForkEvent extends EventBase {
  readonly kind: 'fork'
  readonly parentPid: number
  readonly parentTid: number
}
export interface ExitEvent extends EventBase {
  readonly kind: 'exit'
  readonly parentPid: number
  readonly parentTid: number
}
export type ProcessEvent = CommEvent | MmapEvent | ForkEvent | ExitEvent
/** In the order of their codes in the window buffer. */
export const PROCESS_EVENT_KINDS = ['comm', 'mmap', 'fork', 'exit'] as const

/** Rows of a table, made when somebody asks for one: a busy machine has ten thousand mappings, and few are sampled. */
export interface Rows<Row> extends Iterable<Row> {
  readonly length: number
  /** @throws RangeError when there is no such row */
  at(index: number): Row
}

/** A column for what is asked of every image, `at` for everything else. */
export interface ImageTable extends Rows<Image> {
  /** Index into IMAGE_RUNTIMES; length 0 where the source knows of none. */
  readonly runtime: Uint8Array
}

/** Columns for what is asked of every event, `at` for everything else: rows are made anew each time. */
export interface EventTable extends Rows<ProcessEvent> {
  /** CLOCK_MONOTONIC, ns. */
  readonly time: BigUint64Array
  readonly pid: Uint32Array
}

/**
 * The processes of one window, shared (the same object) by all batches of that window.
 *
 * `events` begins with the state at the window's start, as synthesised COMM and MMAP events of every live process
 * (`snapshotLength` of them, true of every sample of the window); what the kernel reported in the window follows
 * in order of time. A consumer that missed a window loses nothing by starting from the next snapshot.
 */
export interface ProcessTable {
  readonly images: ImageTable
  readonly mappings: Rows<Mapping>
  readonly events: EventTable
  readonly snapshotLength: number
}
