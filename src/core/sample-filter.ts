// Which samples are wanted: what the filter of a configuration and the options of a command come to.

/**
 * What a rule looks at, in the order of their codes in the addon (native/core/perf/sample_filter.h).
 * - `pid`: the process
 * - `tree`: the process and its descendants
 * - `cgroup`: the cgroup and those below it
 * - `comm`: the thread's name, whole
 * - `uid`: the effective user
 * - `kernel_thread`: a thread of the kernel
 * - `process`: the process's name, whole: what /proc/PID/comm says, whatever its threads are called
 */
export const SAMPLE_MATCHES = ['pid', 'tree', 'cgroup', 'comm', 'uid', 'kernel_thread', 'process'] as const

export type SampleMatch =
  | { readonly by: 'pid' | 'tree'; readonly pid: number }
  /** From the root of the hierarchy, as /proc/PID/cgroup has it: `/kubepods/besteffort`. */
  | { readonly by: 'cgroup'; readonly path: string }
  /** As cgroup_id, and the inode number of its directory. */
  | { readonly by: 'cgroup'; readonly id: bigint }
  | { readonly by: 'comm' | 'process'; readonly comm: string }
  | { readonly by: 'uid'; readonly uid: number }
  | { readonly by: 'kernel_thread' }

/** In the order of their codes in the addon. */
export const FILTER_ACTIONS = ['include', 'exclude', 'thin'] as const

export type FilterRule =
  | { readonly action: 'include' | 'exclude'; readonly match: SampleMatch }
  /** One sample in N is kept, chosen at random, with N times its period. */
  | { readonly action: 'thin'; readonly match: SampleMatch; readonly oneIn: number }

/**
 * One that any rule excludes is not wanted; where there are rules that include, one of them must match. Of several rules
 * that thin, the most specific counts: process, tree, cgroup (the nearest), the thread's name, the process's, user, kernel
 * threads.
 */
export interface SampleFilter {
  readonly rules: readonly FilterRule[]
}

export const EVERYTHING: SampleFilter = { rules: [] }

/** More would have to be looked at for each sample. */
export const MAX_FILTER_RULES = 64
/** One in so many at most: N times the period of a busy counter stays far from 2^64. */
export const MAX_ONE_IN = 1_000_000

/** The rules of both. */
export const bothFilters = (a: SampleFilter, b: SampleFilter): SampleFilter => ({
  rules: [...a.rules, ...b.rules],
})
