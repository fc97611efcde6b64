// Memory that the kernel locks for Sonde: perf's rings, and before Linux 5.11 the maps of BPF programs.

import type { BackEnd } from '../../core/back-end.ts'
import { hertz } from '../../core/units.ts'
import { callGraphFor } from '../back-end.ts'
import { ringBytesFor } from '../ring-size.ts'
import { atLeast, type MachineFacts, maskHas, numberOf, textOf } from './facts.ts'
import type { Finding } from './finding.ts'

// include/uapi/linux/capability.h
const CAP_IPC_LOCK = 14
const CAP_SYS_RESOURCE = 24
/** The control page before each ring: 4 KiB on nearly every machine. */
const PAGE_BYTES = 4096
const KIB = 1024
const MIB = KIB * KIB
/** Of perf's rings beside a BPF program, which carry only what is said of processes (native/core/perf/event_opener.cc). */
const BOOKKEEPING_BYTES = 256 * KIB
/** Maps of the BPF back-end and its rings, at most (house: 24 MB in the default). */
const BPF_BYTES = 24 * MIB

/** Soft and hard RLIMIT_MEMLOCK in bytes, as /proc/PID/limits states them; undefined where it does not. */
export function memoryLockOf(limits: string): { readonly soft: number; readonly hard: number } | undefined {
  const [, soft, hard] = /^Max locked memory\s+(\S+)\s+(\S+)/m.exec(limits) ?? []
  if (soft === undefined || hard === undefined) return undefined
  const bytes = (text: string): number => (text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text))
  return { soft: bytes(soft), hard: bytes(hard) }
}

/**
 * All rings of a user count against perf_event_mlock_kb for each CPU and what RLIMIT_MEMLOCK adds to it (perf_mmap).
 * Sonde makes do with smaller rings where it must, and then loses samples sooner.
 */
export function ringMemoryFinding(facts: MachineFacts, backEnd: BackEnd | undefined): Finding {
  const subject = 'memory of rings'
  const perCpu = backEnd === 'bpf' ? BOOKKEEPING_BYTES : sampleRingBytes(facts.cpus)
  const wanted = (perCpu + PAGE_BYTES) * facts.cpus
  const rings = `${sizeText(perCpu)} for each of ${facts.cpus} CPUs${backEnd === 'bpf' ? '' : ' at 99 Hz'}`
  if (maskHas(facts, 'CapEff', CAP_IPC_LOCK) || numberOf(facts.files.paranoid) === -1)
    return { subject, state: 'ok', says: `unlimited; ${rings}` }
  const limit = memoryLockOf(textOf(facts.files.limits))
  const free = (numberOf(facts.files.perfMemoryLock) ?? 0) * KIB * facts.cpus
  if (limit === undefined)
    return { subject, state: 'info', says: 'cannot be told', why: '/proc/self/limits does not say' }
  const budget = free + limit.soft
  if (budget >= wanted) return { subject, state: 'ok', says: `${rings}; ${sizeText(budget)} may be locked` }
  return {
    subject,
    state: 'degraded',
    says: `${sizeText(budget)} may be locked, less than the rings want (${rings}): smaller rings, which are read more often and overflow sooner`,
    why: `kernel.perf_event_mlock_kb allows ${sizeText(free)}, RLIMIT_MEMLOCK adds ${sizeText(limit.soft)}`,
    fix: `ulimit -l ${Math.ceil((wanted - free) / KIB)} (systemd: LimitMEMLOCK=), or grant CAP_IPC_LOCK`,
  }
}

/** Of each CPU, as the perf back-end wants them where nothing is asked for. */
const sampleRingBytes = (cpus: number): number =>
  ringBytesFor([{ unit: 'nanoseconds' }], {
    rate: { by: 'frequency', hertz: hertz(99) },
    callGraph: callGraphFor({ method: 'dwarf', stackBytes: undefined }, 'perf'),
    cpus,
    backEnd: 'perf',
  })

export function bpfMemoryFinding(facts: MachineFacts): Finding {
  const subject = 'memory of BPF'
  if (atLeast(facts, 5, 11))
    return {
      subject,
      state: 'ok',
      says: "counted against the memory limit of Sonde's cgroup, not against RLIMIT_MEMLOCK",
    }
  const hard = memoryLockOf(textOf(facts.files.limits))?.hard ?? 0
  const because = 'before Linux 5.11 BPF memory counts against RLIMIT_MEMLOCK'
  if (hard >= BPF_BYTES || maskHas(facts, 'CapEff', CAP_SYS_RESOURCE))
    return { subject, state: 'ok', says: 'enough may be locked', why: because }
  return {
    subject,
    state: 'degraded',
    says: `${sizeText(hard)} may be locked, too little for the BPF back-end (${sizeText(BPF_BYTES)})`,
    why: because,
    fix: `ulimit -l ${BPF_BYTES / KIB} (systemd: LimitMEMLOCK=, Docker: --ulimit memlock=-1), or grant CAP_SYS_RESOURCE`,
  }
}

function sizeText(bytes: number): string {
  if (bytes === Number.POSITIVE_INFINITY) return 'unlimited'
  return bytes >= MIB ? `${Number((bytes / MIB).toFixed(1))} MiB` : `${Math.round(bytes / KIB)} KiB`
}
