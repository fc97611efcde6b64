/** A loaded kernel module (/proc/modules). */
export interface KernelModule {
  readonly name: string
  readonly start: bigint
  readonly size: bigint
  /** GNU build id in hexadecimal; absent where the source does not know it. */
  readonly buildId?: string
  /** Of its file; absent where the source does not know it. */
  readonly path?: string
}

/** The machine a profile was taken on: perf.data's feature sections, and what names its kernel. */
export interface HostInfo {
  readonly hostname: string
  /** uname -r */
  readonly osRelease: string
  /** uname -m */
  readonly arch: string
  readonly cpusAvailable: number
  readonly cpusOnline: number
  /** Model name of /proc/cpuinfo; '' where unknown. */
  readonly cpuDescription: string
  /** As perf writes it, x86: vendor,family,model,stepping; '' where unknown. */
  readonly cpuId: string
  readonly totalMemoryKb: bigint
  /** Undefined where kallsyms hides its addresses (CAP_SYSLOG, kptr_restrict). */
  readonly kernel: KernelInfo | undefined
}

export interface KernelInfo {
  /** Address of `_text`. */
  readonly text: bigint
  /** Address of `_etext`. */
  readonly textEnd: bigint
  /** GNU build id in hexadecimal (/sys/kernel/notes); '' where unreadable. */
  readonly buildId: string
  readonly modules: readonly KernelModule[]
}
