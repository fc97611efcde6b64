// The four capabilities that Sonde uses, and what each one serves. Numbers: include/uapi/linux/capability.h.

export interface Capability {
  readonly name: CapabilityName
  /** Its number, and its place in the masks of /proc/PID/status. */
  readonly bit: number
  /** What it makes possible, as the object of "for …". */
  readonly serves: string
  /** What is left of that without it, in a sentence. */
  readonly without: string
}

export type CapabilityName = 'CAP_BPF' | 'CAP_PERFMON' | 'CAP_SYS_PTRACE' | 'CAP_SYSLOG'

export const CAPABILITY_PURPOSES: readonly Capability[] = [
  {
    name: 'CAP_PERFMON',
    bit: 38,
    serves: 'sampling every process, and the kernel',
    without:
      "Only one's own processes are sampled, in user mode; more takes a lower kernel.perf_event_paranoid.",
  },
  {
    name: 'CAP_BPF',
    bit: 39,
    serves: 'sampling by BPF programs',
    without: "Samples come through perf's rings instead.",
  },
  {
    name: 'CAP_SYS_PTRACE',
    bit: 19,
    serves: "stacks and names of other users' processes",
    without:
      "Of other users' processes, frames of files that only they can see, of code made at run time and of JavaScript stay without names, and their stacks may be cut short.",
  },
  {
    name: 'CAP_SYSLOG',
    bit: 34,
    serves: 'names of kernel functions',
    without: 'The kernel hides its addresses: its frames stay without names.',
  },
]

/** The kernel takes it for CAP_BPF and CAP_PERFMON (perfmon_capable, bpf_capable), not for the other two. */
const CAP_SYS_ADMIN = 21
const COVERED_BY_SYS_ADMIN: ReadonlySet<CapabilityName> = new Set(['CAP_BPF', 'CAP_PERFMON'])

/** Which of the four are in force for a thread, by the CapEff line of its /proc/PID/status; none where there is no such line. */
export function readCapabilities(status: string): ReadonlySet<CapabilityName> {
  const digits = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  const mask = digits === undefined ? 0n : BigInt(`0x${digits}`)
  const has = (bit: number): boolean => (mask & (1n << BigInt(bit))) !== 0n
  const held = CAPABILITY_PURPOSES.filter(
    ({ name, bit }) => has(bit) || (COVERED_BY_SYS_ADMIN.has(name) && has(CAP_SYS_ADMIN)),
  )
  return new Set(held.map(({ name }) => name))
}
