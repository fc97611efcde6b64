// What doctor looks at: texts of files and what the kernel answered, as values, so that the machines of others can be
// diagnosed in tests.

import type { NativeBpfProbe, NativeCgroupHierarchy } from '../../native/binding.ts'
import { type CapabilityName, readCapabilities } from '../capabilities.ts'

/** The content of a file, or the errno name of why it cannot be read. */
export type FileText = { readonly text: string } | { readonly error: string }

/** Files of /proc and /sys, by what they tell. */
export const FACT_FILES = {
  status: '/proc/self/status',
  limits: '/proc/self/limits',
  mounts: '/proc/self/mountinfo',
  paranoid: '/proc/sys/kernel/perf_event_paranoid',
  perfMemoryLock: '/proc/sys/kernel/perf_event_mlock_kb',
  kptrRestrict: '/proc/sys/kernel/kptr_restrict',
  unprivilegedBpf: '/proc/sys/kernel/unprivileged_bpf_disabled',
  kallsyms: '/proc/kallsyms',
  lockdown: '/sys/kernel/security/lockdown',
  types: '/sys/kernel/btf/vmlinux',
  tracepoint: '/sys/kernel/tracing/events/sched/sched_switch/id',
} as const

export type FactFile = keyof typeof FACT_FILES

export interface MachineFacts {
  /** `6.1.0-18-amd64` */
  readonly release: string
  /** `x86_64` */
  readonly architecture: string
  readonly uid: number
  readonly cpus: number
  /** CPU PMUs by their names in sysfs. */
  readonly pmus: readonly string[]
  /** What /proc/self/ns/pid points to. */
  readonly pidNamespace: string
  /** In which samples are told apart; undefined: none is mounted. */
  readonly hierarchy: NativeCgroupHierarchy | undefined
  readonly files: Readonly<Record<FactFile, FileText>>
  readonly native: NativeFacts
}

/** What the kernel answered, or why nobody could ask it. */
export type NativeFacts = { readonly probes: readonly NativeBpfProbe[] } | { readonly problem: string }

export const textOf = (file: FileText): string => ('text' in file ? file.text : '')

/** The whole number that a sysctl's file states; undefined where it cannot be read. */
export function numberOf(file: FileText): number | undefined {
  const text = textOf(file).trim()
  return /^-?\d+$/.test(text) ? Number(text) : undefined
}

export const capabilitiesOf = ({ files }: MachineFacts): ReadonlySet<CapabilityName> =>
  readCapabilities(textOf(files.status))

/** A line of /proc/PID/status: `Seccomp: 2` → `2`; '' where there is none. */
export const statusField = ({ files }: MachineFacts, name: string): string =>
  new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(textOf(files.status))?.[1] ?? ''

/** Whether the mask of a status line (CapEff, CapPrm, CapBnd) has the capability of the number. */
export function maskHas(facts: MachineFacts, field: string, bit: number): boolean {
  const digits = statusField(facts, field)
  return /^[0-9a-f]+$/.test(digits) && (BigInt(`0x${digits}`) & (1n << BigInt(bit))) !== 0n
}

export function probeOf(facts: MachineFacts, kind: NativeBpfProbe['kind'], name: string) {
  return probesOf(facts).find((probe) => probe.kind === kind && probe.name === name)
}

export const probesOf = ({ native }: MachineFacts): readonly NativeBpfProbe[] =>
  'probes' in native ? native.probes : []

/** Whether the kernel is at least as new: `atLeast(facts, 5, 11)`. */
export function atLeast({ release }: MachineFacts, major: number, minor: number): boolean {
  const [, first, second] = /^(\d+)\.(\d+)/.exec(release) ?? []
  if (first === undefined) return true
  return Number(first) > major || (Number(first) === major && Number(second) >= minor)
}
