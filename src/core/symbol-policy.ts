// Where names of functions come from, and which come first.

import { type Milliseconds, milliseconds } from './units.ts'

/**
 * Places that know functions, in the order in which they are asked unless a configuration says otherwise. Of those that
 * may know a frame the first that does names it; what is not in a policy's list is not asked.
 * - `kallsyms`: the kernel, its modules and BPF programs
 * - `symtab`, `dynsym`: the file's own symbol tables
 * - `debug_file`: a separate file with the same build id, or the one that .gnu_debuglink names
 * - `debugdata`: the compressed symbol table that some distributions leave in a stripped file (.gnu_debugdata)
 * - `gopclntab`: Go's function table, which stripping leaves
 * - `plt`: stubs that call a library's function, as `name@plt`
 * - `v8`: JavaScript functions, from the stack and the memory of a running node
 * - `jitdump`, `perf_map`: what a runtime tells of the code that it makes, in jit-PID.dump and /tmp/perf-PID.map
 */
export const SYMBOL_SOURCES = [
  'kallsyms',
  'symtab',
  'debug_file',
  'debugdata',
  'dynsym',
  'gopclntab',
  'plt',
  'v8',
  'jitdump',
  'perf_map',
] as const
export type SymbolSource = (typeof SYMBOL_SOURCES)[number]

/** Those that know code while its process runs, and nobody afterwards. */
const OF_RUNNING_PROCESSES: readonly SymbolSource[] = ['v8', 'jitdump', 'perf_map']

/** Whether it asks running processes only: for what is recorded now and named later. */
export const asksProcessesOnly = ({ sources, lines }: SymbolPolicy): boolean =>
  !lines && sources.every((source) => OF_RUNNING_PROCESSES.includes(source))

/** What of a policy has to be asked while the processes run. */
export const ofRunningProcesses = (policy: SymbolPolicy): SymbolPolicy => ({
  ...policy,
  sources: policy.sources.filter((source) => OF_RUNNING_PROCESSES.includes(source)),
  lines: false,
  debuginfod: undefined,
})

/** Where distributions put the debug files of their packages. */
export const DEBUG_DIRECTORIES: readonly string[] = ['/usr/lib/debug']

/** Servers that are asked for the debug files that this machine lacks. */
export interface DebuginfodPolicy {
  readonly urls: readonly string[]
  /** Undefined: below the agent's data directory. */
  readonly cacheDirectory: string | undefined
  readonly maxCacheBytes: number
  /** Of one file, from the first byte asked for to the last that came. */
  readonly timeout: Milliseconds
  /** Longest answer that is taken. */
  readonly maxFileBytes: number
  /** Files asked for, each minute. */
  readonly perMinute: number
}

export const DEBUGINFOD_DEFAULTS: Omit<DebuginfodPolicy, 'urls'> = {
  cacheDirectory: undefined,
  maxCacheBytes: 2 ** 30,
  timeout: milliseconds(60_000),
  maxFileBytes: 512 * 2 ** 20,
  perMinute: 10,
}

/**
 * Where names of recordings come from besides. What is found there counts only where it is known to be what was recorded: by
 * its build id, or of kallsyms by its layout.
 */
export interface RecordedNames {
  /** A directory that stands for the root of the machine that was recorded. */
  readonly symfs: string | undefined
  /** A copy of /proc/kallsyms of the kernel that was recorded. */
  readonly kallsyms: string | undefined
  /** The kernel that was recorded, as an ELF file with symbols. */
  readonly vmlinux: string | undefined
  /** perf's caches (`~/.debug`), which are only read. */
  readonly buildIdCaches: readonly string[]
}

export interface SymbolPolicy {
  readonly sources: readonly SymbolSource[]
  /** As gdb's debug-file-directory; each has a `.build-id` below it. */
  readonly debugDirectories: readonly string[]
  /** Source lines and inlined functions from DWARF. */
  readonly lines: boolean
  /** Undefined: nobody is asked. */
  readonly debuginfod: DebuginfodPolicy | undefined
  /** Absent: what is recorded is looked for in its own places only. */
  readonly recorded?: RecordedNames
}

export const DEFAULT_SYMBOL_POLICY: SymbolPolicy = {
  sources: SYMBOL_SOURCES,
  debugDirectories: DEBUG_DIRECTORIES,
  lines: false,
  debuginfod: undefined,
}
