// What the kernel allows this process to sample: capabilities and sysctls, read once.

import { readFileSync } from 'node:fs'

export interface Privileges {
  /** CAP_PERFMON or CAP_SYS_ADMIN: perf_event_paranoid does not apply. */
  readonly perfmon: boolean
  /** kernel.perf_event_paranoid; 2 where it cannot be read. */
  readonly paranoid: number
  /** kernel.perf_event_max_sample_rate, samples per second of one CPU. */
  readonly maxSampleRate: number
  /** kernel.perf_event_max_stack: the most frames of one chain. */
  readonly maxStack: number
}

const CAP_SYS_ADMIN = 21n
const CAP_PERFMON = 38n

export function readPrivileges(): Privileges {
  return {
    perfmon: mayProfile(effectiveCapabilities(textOf('/proc/self/status'))),
    paranoid: sysctl('perf_event_paranoid') ?? 2,
    maxSampleRate: sysctl('perf_event_max_sample_rate') ?? 100_000,
    maxStack: sysctl('perf_event_max_stack') ?? 127,
  }
}

/** The CapEff line of /proc/PID/status as a mask; 0 where there is none. */
export function effectiveCapabilities(status: string): bigint {
  const digits = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  return digits === undefined ? 0n : BigInt(`0x${digits}`)
}

export const mayProfile = (capabilities: bigint): boolean =>
  (capabilities & ((1n << CAP_PERFMON) | (1n << CAP_SYS_ADMIN))) !== 0n

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
