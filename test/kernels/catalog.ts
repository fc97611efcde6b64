// The kernels that Sonde is tried on, oldest first.

export interface KernelLine {
  /** As the table and `--only` call it. */
  readonly name: string
  /** The release of Debian whose kernel this is. */
  readonly suite: string
  /** Whether that release gets its newest kernels from the security archive. */
  readonly security: boolean
}

/** Each release of Debian has one line; what is in unstable is the newest that Debian offers. */
export const KERNEL_LINES: readonly KernelLine[] = [
  { name: '5.10', suite: 'bullseye', security: true },
  { name: '6.1', suite: 'bookworm', security: true },
  { name: '6.12', suite: 'trixie', security: true },
  { name: 'newest', suite: 'sid', security: false },
]
