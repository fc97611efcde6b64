// One window of one session: the batch that every source emits and every profile consumer takes.

import type { Avma, Svma } from './address.ts'
import type { CallGraph } from './call-graph.ts'
import type { HostInfo } from './host.ts'
import type { KernelSymbolEvent } from './kernel-code.ts'
import type { LeftOut, Loss } from './loss.ts'
import type { ProcessTable, Rows } from './process.ts'
import type { SampleResources } from './resource.ts'
import type { FrameNames } from './symbolizer.ts'
import type { Hertz, MonotonicTime, UnixTime } from './units.ts'

/** The event of a session, by perf's names and numbers (perf_event_attr). */
export interface EventInfo {
  /** perf's spelling, modifiers included: `cpu-clock`, `cycles:u`. */
  readonly name: string
  /** perf_event_attr.type: 0 hardware, 1 software. */
  readonly type: number
  /** perf_event_attr.config. */
  readonly config: bigint
  /** The unit of a sample's value. A clock event counts nanoseconds; everything else counts itself. */
  readonly unit: 'nanoseconds' | 'count'
  readonly excludeUser: boolean
  readonly excludeKernel: boolean
}

export type SamplingRate =
  | { readonly by: 'frequency'; readonly hertz: Hertz }
  | { readonly by: 'period'; readonly period: bigint }

/** Another tool may have recorded by another clock than Sonde's. */
export interface SampleClock {
  /** clockid_t; undefined: the one that perf events have by default, which no other clock follows. */
  readonly id: number | undefined
  /** Whether Unix times of windows are true. */
  readonly tellsUnixTime: boolean
}

/** Which parts stacks have; a sample counts without either. */
export interface StackParts {
  readonly kernel: boolean
  readonly user: boolean
}

export const WHOLE_STACKS: StackParts = { kernel: true, user: true }

/** One event of one configuration. The same object is in all batches of the session, until its configuration has another version. */
export interface SessionInfo {
  /** Unique among all sessions of a run, never reused; also the session number in the window buffer. */
  readonly id: number
  /**
   * What takes its samples. Sessions of one source share their windows, which follow each other; windows of different sources
   * come in between and overlap. Never reused.
   */
  readonly source: number
  readonly event: EventInfo
  readonly rate: SamplingRate
  /** The configuration that asked for it; null where the command line or the embedded default did. */
  readonly config: { readonly name: string; readonly version: string } | null
  /** Online CPUs that are sampled, ascending. */
  readonly cpus: readonly number[]
  /** Of the user's part, where stacks have it. */
  readonly callGraph: CallGraph
  readonly stackParts: StackParts
  /** perf_event_attr.sample_max_stack: of what the kernel follows. */
  readonly maxStack: number
  /** Follows children (perf_event_attr.inherit); false for whole CPUs. */
  readonly inherit: boolean
  /** Whether samples tell their cgroups, as far as those can be known. */
  readonly tellsCgroups: boolean
  readonly host: HostInfo
  /** Of the samples' times. Absent: CLOCK_MONOTONIC, and how it stands to the wall clock is known. */
  readonly clock?: SampleClock
  /** The command line that made the recording, for perf.data's CMDLINE. */
  readonly commandLine: readonly string[]
}

/** A configuration that is stated again with nothing but another version keeps its session, whose batches say so. */
export const isSameConfig = ({ config: one }: SessionInfo, { config: other }: SessionInfo): boolean =>
  one?.name === other?.name && one?.version === other?.version

/** What a person calls a session: its event, and the configuration that asked for it. */
export const sessionTitle = ({ event, config }: SessionInfo): string =>
  config === null ? event.name : `${event.name} (${config.name})`

export interface TimeRange {
  readonly start: MonotonicTime
  readonly end: MonotonicTime
  /** Unix time of `start`: the clocks' difference measured when the window closed. */
  readonly unixStart: UnixTime
  readonly unixEnd: UnixTime
  /** Counts the source's windows from 0; all batches of a window carry the same number. */
  readonly sequence: number
}

/** Samples as columns, in order of time. All columns have `length` elements. */
export interface SampleColumns {
  readonly length: number
  /** CLOCK_MONOTONIC, ns. */
  readonly time: BigUint64Array
  readonly pid: Uint32Array
  readonly tid: Uint32Array
  readonly cpu: Uint32Array
  /** Index into the StackTable. */
  readonly stack: Uint32Array
  /** The period of the sample: its weight in the event's unit. */
  readonly value: BigUint64Array
  /** The name of the thread, or where the session does without those of its process, when the sample was taken: an index for `Strings.at`. */
  readonly comm: Uint32Array
  /** The cgroup's id, a key of ProfileBatch.cgroups; 0 where unknown, empty (length 0) where the source knows none. */
  readonly cgroup: BigUint64Array
}

/** A function as its runtime says it, not a symbol table. */
export interface FrameFunction {
  /** `v8js` */
  readonly language: string
  readonly function: string
  readonly file: string
  /** Of its definition, from 1; 0 where it is not known. */
  readonly line: number
}

export type Frame =
  | {
      readonly kind: 'native'
      readonly mapping: number
      readonly svma: Svma
      readonly returnAddress: boolean
      /**
       * Where a runtime's code runs a function of its language: that function, or why it is not known. Innermost first:
       * what was inlined into it stands before it. One whose name is '' is what the symbol table says of the address: a
       * part of the runtime that has no frame of its own, called by the function behind it.
       */
      readonly functions?: readonly FrameFunction[]
    }
  | { readonly kind: 'kernel'; readonly avma: Avma; readonly returnAddress: boolean }
  | ({ readonly kind: 'interpreted' } & FrameFunction)
  /** Not code: why the stack ends here. */
  | { readonly kind: 'reason'; readonly text: string }

/** The functions that a frame itself has names for, innermost first. */
export function ownFunctions(frame: Frame): readonly FrameFunction[] {
  switch (frame.kind) {
    case 'interpreted':
      return [frame]
    case 'native':
      return (frame.functions ?? []).filter(({ function: name }) => name !== '')
    case 'kernel':
    case 'reason':
      return []
  }
}

/** In the order of their codes in the window buffer. */
export const FRAME_KINDS = ['native', 'kernel', 'interpreted', 'reason'] as const
export type FrameKind = (typeof FRAME_KINDS)[number]

/** The distinct frames of a window. Columns for hot code, `at` for everything else. */
export interface FrameTable {
  readonly length: number
  at(frame: number): Frame
  /** Index into FRAME_KINDS. */
  readonly kind: Uint8Array
  /**
   * Bit 0: the address is a return address, so the call lies just before it. A leaf is none; nor is what a signal
   * interrupted, wherever in a stack it stands.
   */
  readonly flags: Uint8Array
  /** native: index into ProcessTable.mappings. */
  readonly mapping: Uint32Array
  /** native: svma; kernel: avma; reason: string index; interpreted: index of its row. */
  readonly address: BigUint64Array
  /** native: 1 + row of its innermost function; 0: none. Empty where no frame has one. */
  readonly function: Uint32Array
}

/**
 * How far a stack can be trusted, in the order of its codes in the window buffer.
 * - `complete`: its last frame is one that nothing calls
 * - `unverified`: followed by frame pointers; it may lack frames, and nothing says so
 * - `broken`: it ends early, and its outermost frame says why
 * - `kernel`: it has no user part, and is in no share of complete stacks: a kernel thread's, or the session leaves those out.
 *   It may have no frames at all
 */
export const STACK_STATES = ['complete', 'unverified', 'broken', 'kernel'] as const
export type StackState = (typeof STACK_STATES)[number]

/** The distinct stacks of a window, leaf first. Shared (the same object) by all batches of that window. */
export interface StackTable {
  readonly length: number
  /** Stack s is frameIndices[offsets[s] … offsets[s + 1]); length + 1 elements. */
  readonly offsets: Uint32Array
  readonly frameIndices: Uint32Array
  /** Index into STACK_STATES. A broken stack's outermost frame is a reason frame. */
  readonly state: Uint8Array
  readonly frames: FrameTable
}

/** Texts of a window by index; 0 is the empty string. */
export interface Strings {
  readonly length: number
  at(index: number): string
}

/** A record of the session that is neither a sample nor about a process. */
export interface Notice {
  readonly kind: 'lost' | 'throttle' | 'unthrottle'
  readonly time: MonotonicTime
  readonly cpu: number
  /** lost: samples; otherwise 0. */
  readonly count: number
}
/** In the order of their codes in the window buffer. */
export const NOTICE_KINDS = ['lost', 'throttle', 'unthrottle'] as const

/** One window of one session, columns over one dictionary. Nothing in it changes after it is emitted. */
export interface ProfileBatch {
  readonly session: SessionInfo
  readonly window: TimeRange
  readonly samples: SampleColumns
  readonly stacks: StackTable
  readonly processes: ProcessTable
  readonly strings: Strings
  /** What code the kernel made or took back at run time, shared by all batches of a window, in order of time. */
  readonly kernelSymbols: Rows<KernelSymbolEvent>
  /** Whether these are all that there were in the window. */
  readonly knowsKernelSymbols: boolean
  /** Path of each cgroup that a sample names, from its hierarchy's root; '' where it was gone before anybody could ask. */
  readonly cgroups: ReadonlyMap<bigint, string>
  /** Counted, by reason; never silent. */
  readonly losses: readonly Loss[]
  /** What was not wanted, counted likewise. */
  readonly leftOut: readonly LeftOut[]
  readonly notices: readonly Notice[]
  /** No more batches of its source come: what was begun for them can be finished. */
  readonly isLast: boolean
  /** Given once, when the window closes, before any consumer sees the batch. */
  readonly names: FrameNames
  /** Given likewise, where a consumer asks for them. */
  readonly resources: SampleResources
  /** The window buffer behind the columns: what goes to a worker without a copy. */
  readonly buffer: SharedArrayBuffer
}

/** The same batch with what is found out once, when its window closes. */
export const withFindings = (
  batch: ProfileBatch,
  findings: Pick<ProfileBatch, 'names' | 'resources'>,
): ProfileBatch => ({ ...batch, ...findings })
