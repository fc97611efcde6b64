// What tells a process from another of its number: /proc/PID/stat, as proc_pid_stat(5) has it.

export interface ProcessStatus {
  /** When the process began, since the machine's start (CLOCK_BOOTTIME), ns; told to 10 ms. */
  readonly start: bigint
  /**
   * Where its program's code begins: another place after each exec, but for programs that cannot be moved. 0: whoever
   * asks may not know (PTRACE_MODE_READ).
   */
  readonly startCode: bigint
  /** A kernel thread: it has no program. */
  readonly isKernelThread: boolean
  /** Its memory is gone; it waits to be reaped, or for its other threads. */
  readonly isZombie: boolean
}

/** What is looked at in each window: cheap, and enough to tell whether a process is the one it was. */
export interface Sighting extends ProcessStatus {
  /** /proc/PID/cgroup */
  readonly cgroup: string
}

export const isSame = (one: Sighting, other: Sighting): boolean =>
  isSameProgram(one, other) && one.cgroup === other.cgroup

export const isSameProgram = (one: ProcessStatus, other: ProcessStatus): boolean =>
  one.start === other.start && one.startCode === other.startCode

/** Clock ticks of the kernel's user interface (USER_HZ) are 10 ms on every architecture that Sonde runs on. */
const TICK_NS = 10_000_000n
const PF_KTHREAD = 0x0020_0000

/** Fields by their numbers in the manual page. */
const STATE = 3
const FLAGS = 9
const START_TIME = 22
const START_CODE = 26

/** Undefined where the text is none of this. */
export function processStatusOf(text: string): ProcessStatus | undefined {
  // The second field is a name in parentheses, and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const field = (number: number): string => fields[number - STATE] ?? ''
  if (![FLAGS, START_TIME, START_CODE].every((number) => /^\d+$/.test(field(number)))) return undefined
  const startCode = BigInt(field(START_CODE))
  return {
    start: BigInt(field(START_TIME)) * TICK_NS,
    startCode: startCode <= 1n ? 0n : startCode,
    isKernelThread: (Number(field(FLAGS)) & PF_KTHREAD) !== 0,
    isZombie: /^[ZXx]$/.test(field(STATE)),
  }
}
