// What the addon (native/addon) exports, as types. Errors of the outside are thrown as NativeError values.

import type { EncodeSamples } from '../core/encoder.ts'
import type { EventDetails } from '../core/profile.ts'

/** A failed system call, as the addon throws it. */
export interface NativeError extends Error {
  /** errno name, `EACCES`. */
  readonly code: string
  readonly errno: number
  /** What was tried, with its arguments: `perf_event_open(cpu-clock, pid -1, cpu 0)`. */
  readonly syscall: string
}

/** perf_event_attr of one session, as far as it varies. */
export interface NativeSession extends EventDetails {
  /** SessionInfo.id; the session of the window buffer's sections. */
  readonly id: number
  /** For messages. */
  readonly name: string
  readonly type: number
  readonly config: bigint
  /** sample_freq or sample_period. */
  readonly frequency?: number
  readonly period?: bigint
  readonly excludeUser: boolean
  readonly excludeKernel: boolean
  /** Of a tracepoint: which of its occurrences count. Absent: all. */
  readonly filter?: string
  /** Of a member of a group: the place of its leader among the sessions, before its own. */
  readonly leader?: number
  /** Of a leader: how many events its group has. */
  readonly groupSize?: number
  /** The group is read at its leader's samples; the members, whose period is 0, take none of their own. */
  readonly leaderSampling?: boolean
  /** CPUs to open it on. Absent: all that are sampled. */
  readonly cpus?: readonly number[]
  /** Whether the event's count is nanoseconds of a clock, so that missed ticks can be told. */
  readonly clock: boolean
  readonly maxStack: number
  /** perf_event_attr.sample_stack_user: unwinds from copies of the user stack; 0: follows frame pointers. */
  readonly stackBytes: number
  /** Which parts stacks have; without the user's, stackBytes is 0. A sample counts without either. */
  readonly kernelStacks: boolean
  readonly userStacks: boolean
  /** Whether the samples' comm is their thread's, or their process's. What processes report of their threads stays. */
  readonly threadNames: boolean
}

/** What of an event the kernel has to know to say whether it has it. */
export interface NativeEventNumbers {
  readonly type: number
  readonly config: bigint
}

export type NativeTarget =
  /** Each while it is online. */
  | { readonly kind: 'cpus'; readonly cpus: readonly number[] }
  /** All threads of the processes; children too when `inherit`. */
  | { readonly kind: 'processes'; readonly pids: readonly number[]; readonly inherit: boolean }
  | { readonly kind: 'threads'; readonly tids: readonly number[]; readonly inherit: boolean }
  /** A command made by `prepareCommand`, from its first instruction. */
  | { readonly kind: 'command'; readonly pid: number; readonly inherit: boolean }

/** A rule of SampleFilter as the addon takes it. */
export interface NativeFilterRule {
  /** SAMPLE_MATCHES index. */
  readonly kind: number
  /** FILTER_ACTIONS index. */
  readonly action: number
  /** Process, user, or id of the cgroup; 0n: by `text`. */
  readonly value: bigint
  /** Name of the thread or process, or path of the cgroup. */
  readonly text: string
  /** At least 1. */
  readonly oneIn: number
}

/** A cgroup hierarchy (native/core/cgroup/hierarchy.h). */
export interface NativeCgroupHierarchy {
  /** The v1 controller whose tree it is; '': cgroup2. */
  readonly controller: string
  /** Where it is mounted; '': nowhere. */
  readonly mount: string
  /** Which of its cgroups is mounted there, from the root of the agent's cgroup namespace: `/`, `/../..`. */
  readonly root: string
}

export interface NativeSamplerOptions {
  readonly sessions: readonly NativeSession[]
  readonly target: NativeTarget
  /** Absent: perf. */
  readonly backEnd?: 'perf' | 'bpf'
  /** Absent: everything is wanted. */
  readonly filter?: readonly NativeFilterRule[]
  /** In which cgroups are told apart. Absent: they are not. */
  readonly cgroups?: NativeCgroupHierarchy
  /** Data bytes of each CPU's ring, a power of two times the page size. */
  readonly ringBytes: number
  /** Bounds of one window; what exceeds them is counted as `table_full`. */
  readonly maxSamplesPerWindow: number
  readonly maxStackBytesPerWindow: number
  /** Whether memory of processes that run V8 is read, for the names of their functions. Absent: it is. */
  readonly namesJavaScript?: boolean
  /** How long after `start` the events are disabled, on time even where JavaScript gets no CPU; whole. */
  readonly durationMs?: number
}

/**
 * What the BPF programs of a session counted on a CPU since the start. Every run is in one of kept, filtered, sampledOut,
 * ringFull, contended and failed.
 */
export interface NativeCaptureCounts {
  readonly cpu: number
  readonly runs: number
  readonly kept: number
  readonly filtered: number
  readonly sampledOut: number
  readonly ringFull: number
  readonly contended: number
  readonly failed: number
  /** Kept samples whose stack could not be copied as far as it is used. */
  readonly stackFaults: number
  /** Runs that were timed, and how long they took together. */
  readonly timed: number
  readonly timedNs: number
}

/** Figures since the start, per session id. */
export interface NativeSessionStats {
  readonly id: number
  readonly taken: number
  /** One count per LOSS_REASONS entry. */
  readonly losses: readonly number[]
  /** One count per LEFT_OUT_REASONS entry. */
  readonly leftOut: readonly number[]
  /** For each CPU; empty where perf takes the samples, and after close. */
  readonly captured: readonly NativeCaptureCounts[]
  /** CLOCK_MONOTONIC ns of the first sample; 0n while there is none. */
  readonly firstSampleTime: bigint
}

export interface NativeSampledCpus {
  /** Those that are sampled now, ascending. */
  readonly sampled: readonly number[]
  /** Why others that are online are not, in a sentence each. */
  readonly problems: readonly string[]
}

export interface NativeSampledCgroups {
  /** Whether perf samples only them: the filter includes nothing else, and the kernel takes it. */
  readonly byKernel: boolean
  /** Why it does not take it; '': it was not asked, or does. */
  readonly refused: string
  /** What is not there, by path or number; null while that has not been looked for with the newest filter. */
  readonly missing: readonly string[] | null
}

export interface NativeSampler {
  /** Enables the events; from here on samples are taken, or where it begins paused from the first `resume` on. */
  start(paused?: boolean): void
  /** No samples are taken until `resume`; what does not come meanwhile is no loss. */
  pause(): void
  /** Nothing happens where the events were disabled, or the duration is over. */
  resume(): void
  /**
   * Closes the window on the native thread: drains the rings, orders, resolves, lays out. Resolves with the size of the
   * window buffer, which `take` then fills. One at a time.
   */
  closeWindow(): Promise<number>
  /** Copies the closed window into `target` (a view of a SharedArrayBuffer of the size stated) and releases it. */
  take(target: Uint8Array): void
  stats(): readonly NativeSessionStats[]
  /** From now on other samples are wanted; takes effect within a second, and what is in the rings stays. */
  setFilter(rules: readonly NativeFilterRule[]): void
  /** Why the filter that was set last is not in force, and the one before it still is; '': it is. */
  filterProblem(): string
  /** Of whole CPUs; empty for processes and threads, and after close. */
  cpus(): NativeSampledCpus
  /** Of the cgroups that the filter names. */
  cgroups(): NativeSampledCgroups
  /**
   * Samples before `time` (CLOCK_MONOTONIC ns) are another sampler's: they are left out as `overlap`, and losses until now are
   * not reported. Throws EBUSY once a window has been closed.
   */
  keepFrom(time: bigint): void
  /**
   * Disables the events; samples from `time` on are another sampler's and left out as `overlap`. Returns when this one ends:
   * after `time` where a window that ends later has been closed already.
   */
  keepUntil(time: bigint): bigint
  /** True when no thread of the target is left (processes, threads and commands; never for CPUs). */
  targetGone(): boolean
  /** Disables the events, unless `durationMs` has; the next window ends with that. Samples already in the rings come with the next closeWindow. Safe twice. */
  disable(): void
  /** Closes everything. Safe twice. */
  close(): void
}

export interface NativeCommand {
  readonly pid: number
  /** Lets it exec. Throws NativeError (ENOENT, EACCES, …) when the exec failed. */
  start(): void
  /** Resolves when it has ended: exit status, or the signal that killed it. */
  wait(): Promise<{ readonly status: number; readonly signal: number }>
  kill(signal: number): void
}

/** One image to name addresses in. */
export interface NativeNameRequest {
  /** IMAGE_KINDS index. */
  readonly kind: number
  readonly path: string
  /** Expected GNU build id in hexadecimal; '' where unknown. */
  readonly buildId: string
  /** Without a build id: the expected htlhash in hexadecimal; '' where device and inode tell the file. */
  readonly contentHash: string
  readonly device: bigint
  readonly inode: bigint
  /** Unix ns: device and inode were this machine's then, and tell the file where it has not changed since. */
  readonly seenHere?: bigint
  /** Processes that map it, through whose root it may be opened. */
  readonly pids: readonly number[]
  /** Addresses as the file states them (svma), already moved back by one byte for return addresses. */
  readonly addresses: BigUint64Array
  /** ADDRESS_SPACES index of the addresses: 0 svma, 1 file offset, 2 avma. */
  readonly addressSpace: number
}

/** Names for one request. */
export interface NativeNameResult {
  /** Distinct symbol names as the table has them, and demangled. */
  readonly systemNames: readonly string[]
  readonly functions: readonly string[]
  /** Per address: 1 + index into the names, 0 where none. */
  readonly name: Uint32Array
  /** Per address: bytes from the symbol's start. */
  readonly offset: Uint32Array
  /** Why the image could not be read, '' when it could. */
  readonly problem: string
  /** Why fewer addresses have names than could have; '' where nothing is to be said. */
  readonly note: string
  /** Of what the names come from, for keys: equal only where it is the same. '' where nothing could be opened. */
  readonly identity: string
}

/** Where names and lines of images may come from. */
export interface NativeSymbolSources {
  /** SYMBOL_SOURCES indices, in the order of preference; those that are not of images are passed over. */
  readonly sources: readonly number[]
  /** Looked through for separate debug files, in the targets' roots and in the agent's own. */
  readonly debugDirectories: readonly string[]
  /** Stands for the root of the machine that was recorded; absent: this machine's own. */
  readonly recordedRoot?: string
  /** perf's caches, for what no process leads to. */
  readonly buildIdCaches?: readonly string[]
}

/** How images are named. */
export interface NativeSymbolsOptions extends NativeSymbolSources {
  /** Bound of the tables of functions. */
  readonly maxCacheBytes: number
  /** Files that somebody named for the kernel of a recording. */
  readonly vmlinux?: string
  readonly kallsyms?: string
}

/** What a recording says of its kernel; '' and 0n where it says nothing. */
export interface NativeRecordedKernel {
  readonly buildId: string
  readonly release: string
  readonly text: bigint
  readonly textEnd: bigint
  readonly modules: readonly {
    readonly name: string
    readonly path: string
    readonly start: bigint
    readonly size: bigint
    readonly buildId: string
  }[]
}

export interface NativeSymbols {
  /**
   * Off the event loop, on a thread that is abandoned when a target's file blocks it. `limitMs` bounds the wait. A request
   * without addresses is answered by the identity alone.
   */
  nameImages(requests: readonly NativeNameRequest[], limitMs: number): Promise<readonly NativeNameResult[]>
  /** Per process: equal where one path is one file for both; '' for one that is gone or may not be looked into. */
  processRoots(pids: readonly number[]): Promise<readonly string[]>
  /** Kernel symbols through /proc/kallsyms, parsed once, lazily; `recordedText` shifts addresses of another boot (0n: this boot). */
  nameKernel(addresses: BigUint64Array, recordedText: bigint, codeChanged: boolean): Promise<NativeNameResult>
  /** The kernel of a recording, by files. Its problem is what somebody named in vain. */
  nameRecordedKernel(kernel: NativeRecordedKernel, addresses: BigUint64Array): Promise<NativeNameResult>
  /** Bytes held by caches. */
  cacheBytes(): number
  close(): void
}

/** What DWARF says of the addresses of one request. */
export interface NativeLineResult {
  /** Distinct functions as DWARF has them (their linkage names, where they have one), and demangled. */
  readonly systemNames: readonly string[]
  readonly functions: readonly string[]
  /** Distinct source files. */
  readonly files: readonly string[]
  /** Places of address a: from offsets[a] to before offsets[a + 1], innermost function first. */
  readonly offsets: Uint32Array
  /** Per place: 1 + index into the names, 1 + index into the files (0 where none), and the line (0 where unknown). */
  readonly function: Uint32Array
  readonly file: Uint32Array
  readonly line: Uint32Array
  /**
   * Per address: bytes from where the range of the outermost function that covers it begins, and from that function's
   * entry; NO_OFFSET where there is no function, or it is entered behind the address.
   */
  readonly fromStart: Uint32Array
  readonly fromEntry: Uint32Array
  /** False where the file is known to have no DWARF. */
  readonly hasDwarf: boolean
  /** Why some addresses have no places, '' where DWARF itself has none of them. */
  readonly problem: string
}

/** No such distance, in NativeLineResult. */
export const NO_OFFSET = 0xffff_ffff

/** Figures of sonde-lines, the processes that read DWARF, since the start. */
export interface NativeLineStats {
  readonly children: number
  /** Ended by themselves without being done: a hostile or broken file, as a rule. */
  readonly died: number
  /** Killed at their deadline, and for answers that are not allowed. */
  readonly late: number
  readonly forbidden: number
  /** Questions that were not asked, because the file's reader had failed lately. */
  readonly refused: number
  readonly cpuNs: number
}

/** Of the sources `debug_file` counts: without it DWARF is read of the images alone. */
export interface NativeLinesOptions extends NativeSymbolSources {
  /** Path of sonde-lines. */
  readonly program: string
  readonly maxCacheBytes: number
  /** What one process may write to, and compute. */
  readonly maxChildBytes: number
  readonly maxChildSeconds: number
}

export interface NativeLines {
  /** Off the event loop, in a process per file; `limitMs` bounds the wait. */
  findLines(requests: readonly NativeNameRequest[], limitMs: number): Promise<readonly NativeLineResult[]>
  stats(): NativeLineStats
  cacheBytes(): number
  close(): void
}

/** One source of names for code that one process made. */
export interface NativeJitRequest {
  /** 0 jitdump, 1 perf-map. */
  readonly source: number
  readonly pid: number
  /** In the process (avma), already moved back by one byte for return addresses. */
  readonly addresses: BigUint64Array
  /** When they were seen, CLOCK_MONOTONIC in ns. */
  readonly windowStart: bigint
  readonly windowEnd: bigint
  /** When the process began, where that was in the window; otherwise 0n. */
  readonly began: bigint
  /** The process ended in the window. */
  readonly ended: boolean
  /** jitdump: of the mapping. */
  readonly path: string
  readonly device: bigint
  readonly inode: bigint
}

/** Names for one request; its problem is '' where the process has no such file, too. */
export interface NativeJitResult extends Omit<NativeNameResult, 'note' | 'identity'> {
  /** Distinct source files. */
  readonly files: readonly string[]
  /** Per address: 1 + index into the files, 0 where none. */
  readonly file: Uint32Array
  /** Per address; 0 where none. */
  readonly line: Uint32Array
}

export interface NativeJitNames {
  /** As NativeSymbols.nameImages. */
  name(requests: readonly NativeJitRequest[], limitMs: number): Promise<readonly NativeJitResult[]>
  /** Bytes held by caches. */
  cacheBytes(): number
  close(): void
}

/** Whose recorded stacks are unwound, and where its files may be. */
export interface NativeRecording {
  /** As uname says it: `x86_64`. */
  readonly machine: string
  /** The kernel that was recorded is the one that runs here. */
  readonly sameKernel: boolean
  /** Stands for the root of the machine that was recorded; '': this machine's own. */
  readonly root: string
  readonly buildIdCaches: readonly string[]
  readonly debugDirectories: readonly string[]
  /** As NativeNameRequest.seenHere; absent: the recording is of another machine. */
  readonly seenHere?: bigint
}

/** An executable mapping of a recorded process. */
export interface NativeRecordedMapping {
  readonly start: bigint
  readonly end: bigint
  readonly fileOffset: bigint
  readonly path: string
  readonly buildId: string
  readonly contentHash: string
  readonly device: bigint
  readonly inode: bigint
}

/** A sample's registers and the bytes of its stack, from the stack pointer on. */
export interface NativeCapturedSample {
  readonly pid: number
  readonly is32Bit: boolean
  /** perf's numbers of `registers`, one bit each. */
  readonly registerMask: bigint
  readonly registers: BigUint64Array
  readonly stack: Uint8Array
  /** There was more of the stack. */
  readonly cut: boolean
  /** User addresses that the kernel found by frame pointers, and whether there were more. */
  readonly chain: BigUint64Array
  readonly chainCut: boolean
}

/** Set in an address of `NativeUnwoundStacks.frames` that is no return address though it is not the first of its stack. */
export const EXACT_ADDRESS = 1n << 62n

export interface NativeUnwoundStacks {
  /** Stack s is frames[offsets[s] … offsets[s + 1]), innermost first; none where the sample cannot be unwound at all. */
  readonly frames: BigUint64Array
  readonly offsets: Uint32Array
  /** STACK_STATES index. */
  readonly states: Uint8Array
  /** Of `texts`: what the stack ends with; 0, which is '', where it lacks no frame. */
  readonly reasons: Uint32Array
  readonly texts: readonly string[]
}

/** Is told what happens between samples, in order of time. */
export interface NativeRecordedUnwinder {
  map(pid: number, mapping: NativeRecordedMapping): void
  /** exec, or the end of the process. */
  clear(pid: number): void
  /** fork: a process begins with what another has mapped. */
  inherit(pid: number, parentPid: number): void
  /** With what is mapped now. */
  unwind(samples: readonly NativeCapturedSample[]): NativeUnwoundStacks
  close(): void
}

/** Facts of the running kernel. 0n and '' where hidden or unreadable. */
export interface NativeKernelFacts {
  /** Address of `_text` and `_etext` (from kallsyms, without parsing it whole). */
  readonly text: bigint
  readonly textEnd: bigint
  /** GNU build id of /sys/kernel/notes in hexadecimal. */
  readonly buildId: string
}

/** One thing that was asked of the kernel, and its answer. */
export interface NativeBpfProbe {
  /** A call without sense that only a seccomp filter can stop; an event opened; a map, program or helper tried. */
  readonly kind: 'call' | 'event' | 'map' | 'program' | 'helper'
  /** In the kernel's words: `task_storage`, `tp_btf`, `bpf_get_stack`. */
  readonly name: string
  /** What Sonde does with it, as the object of "for …". */
  readonly serves: string
  /** What does not happen without it: any sampling, the BPF back-end; `optional` where Sonde does without. */
  readonly need: 'sampling' | 'bpf' | 'optional'
  /** errno name; '' where it works. */
  readonly error: string
  /** What failed: `call`, `open`, `create`, `map`, `types`, `load`, `attach`; '' where nothing did. */
  readonly step: string
  /** The verifier's log, at most 16 KiB of its end, or what was tried. */
  readonly log: string
}

/**
 * What every thread of the process is to be without. `inherited`: what programs that it executes get of it (inheritable and
 * ambient set). `bounding`: also what those could have by themselves (bounding set), but for what root's reader of DWARF needs
 * to become nobody. `all`: its own, too, for good.
 */
export type CapabilityDrop = 'inherited' | 'bounding' | 'all'

export interface NativeDropReport {
  /** Threads that have none of it left. */
  readonly threads: number
  readonly failed: readonly { readonly tid: number; readonly name: string; readonly reason: string }[]
  /** The bounding set stays, because this process has no CAP_SETPCAP. */
  readonly boundingKept: boolean
}

export interface NativeAddon {
  /** On a thread of libuv's pool; `window` must not change meanwhile. */
  /** Opens the event for sampling this thread, and closes it again: '' or why not, by errno name. */
  readonly tryEvent: (event: NativeEventNumbers) => string
  readonly encodeSamples: EncodeSamples
  openSampler(options: NativeSamplerOptions): NativeSampler
  prepareCommand(argv: readonly string[]): NativeCommand
  openSymbols(options: NativeSymbolsOptions): NativeSymbols
  openLines(options: NativeLinesOptions): NativeLines
  openJitNames(options: { readonly maxCacheBytes: number }): NativeJitNames
  openRecordedUnwinder(recording: NativeRecording): NativeRecordedUnwinder
  kernelFacts(): NativeKernelFacts
  /**
   * Tries what Sonde may ask of the kernel, on a thread of libuv's pool: opens events, creates maps, loads small programs
   * and attaches them, and removes everything again. Raises RLIMIT_MEMLOCK as far as it may.
   */
  probeBpf(): Promise<readonly NativeBpfProbe[]>
  /** CLOCK_MONOTONIC, and CLOCK_REALTIME minus CLOCK_MONOTONIC, in ns. */
  clock(): { readonly monotonic: bigint; readonly unixOffset: bigint }
  /** The clock of this number (CLOCK_TAI …) minus CLOCK_MONOTONIC, in ns. */
  clockOffset(clock: number): bigint
  /** flock(LOCK_EX | LOCK_NB) on an open descriptor; false when another process holds it. */
  tryLock(fd: number): boolean
  /** Returns when every thread has done it, or did not answer for a second. */
  dropCapabilities(what: CapabilityDrop): NativeDropReport
  demangle(name: string): string
}
