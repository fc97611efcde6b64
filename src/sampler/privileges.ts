// What the kernel allows this process to sample: capabilities and sysctls, read once.

import { readFileSync } from 'node:fs'
import { readCapabilities } from './capabilities.ts'

export interface Privileges {
  /** CAP_BPF, or CAP_SYS_ADMIN in its place: BPF programs may be loaded. */
  readonly bpf: boolean
  /** CAP_PERFMON, or CAP_SYS_ADMIN in its place: perf_event_paranoid does not apply. */
  readonly perfmon: boolean
  /** CAP_SYS_PTRACE: mappings, files and memory of other users' processes may be read. */
  readonly sysPtrace: boolean
  /** CAP_SYSLOG: /proc/kallsyms shows addresses, unless kptr_restrict is 2. */
  readonly syslog: boolean
  /** kernel.perf_event_paranoid; 2 where it cannot be read. */
  readonly paranoid: number
  /** kernel.kptr_restrict; 1 where it cannot be read. */
  readonly kptrRestrict: number
  /** kernel.perf_event_max_sample_rate, samples per second of one CPU. */
  readonly maxSampleRate: number
  /** kernel.perf_event_max_stack: the most frames of one chain. */
  readonly maxStack: number
}

export function readPrivileges(): Privileges {
  const held = readCapabilities(textOf('/proc/self/status'))
  return {
    bpf: held.has('CAP_BPF'),
    perfmon: held.has('CAP_PERFMON'),
    sysPtrace: held.has('CAP_SYS_PTRACE'),
    syslog: held.has('CAP_SYSLOG'),
    paranoid: sysctl('perf_event_paranoid') ?? 2,
    kptrRestrict: sysctl('kptr_restrict') ?? 1,
    maxSampleRate: sysctl('perf_event_max_sample_rate') ?? 100_000,
    maxStack: sysctl('perf_event_max_stack') ?? 127,
  }
}

function sysctl(name: string): number | undefined {
  const text = textOf(`/proc/sys/kernel/${name}`).trim()
  return /^-?\d+$/.test(text) ? Number(text) : undefined
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
