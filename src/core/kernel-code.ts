// Code that the kernel makes at run time: BPF programs, trampolines, optimised probes.

import type { Avma } from './address.ts'
import type { MonotonicTime } from './units.ts'

/** What such code is, in the order of its codes in the window buffer (PERF_RECORD_KSYMBOL_TYPE_*). */
export const KERNEL_SYMBOL_KINDS = ['other', 'bpf', 'out_of_line'] as const
export type KernelSymbolKind = (typeof KERNEL_SYMBOL_KINDS)[number]

/** A PERF_RECORD_KSYMBOL: code was made, or taken back. */
export interface KernelSymbolEvent {
  readonly kind: KernelSymbolKind
  /** It is not there any more; what else is said of it was so until then. */
  readonly gone: boolean
  readonly time: MonotonicTime
  readonly start: Avma
  /** Bytes. */
  readonly length: number
  /** As /proc/kallsyms has it: `bpf_prog_<tag>_<name>`. */
  readonly name: string
}
