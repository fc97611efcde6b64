// Why the kernel refused what was tried, from the errno and what is known of the process.

import type { NativeBpfProbe } from '../../native/binding.ts'
import { atLeast, capabilitiesOf, type MachineFacts, textOf } from './facts.ts'
import { blockedCalls } from './seccomp.ts'

export interface Reason {
  readonly why: string
  readonly fix?: string
}

/** The kernels that brought what is tried (`git log` of the kernel; man bpf-helpers). */
const SINCE: Readonly<Record<string, readonly [major: number, minor: number]>> = {
  ringbuf: [5, 8],
  mmapable_array: [5, 5],
  task_storage: [5, 11],
  tp_btf: [5, 5],
  'iter/task': [5, 8],
  fentry: [5, 5],
  bpf_probe_read_user: [5, 5],
  bpf_probe_read_kernel: [5, 5],
  bpf_ringbuf_output: [5, 8],
  bpf_get_current_task_btf: [5, 11],
  bpf_task_storage_get: [5, 11],
  bpf_task_pt_regs: [5, 15],
  bpf_get_attach_cookie: [5, 15],
  bpf_find_vma: [5, 17],
}

/** The first that applies. */
export function reasonOf(probe: NativeBpfProbe, facts: MachineFacts): Reason {
  return (
    blockedReason(probe, facts) ??
    ageReason(probe, facts) ??
    capabilityReason(probe, facts) ??
    lockdownReason(probe, facts) ??
    missingReason(probe, facts) ??
    otherReason(probe)
  )
}

function blockedReason({ kind, log }: NativeBpfProbe, facts: MachineFacts): Reason | undefined {
  const call = kind === 'event' || log === 'perf_event_open' ? 'perf_event_open' : 'bpf'
  const blocked = blockedCalls(facts)
  const culprit = blocked.includes('bpf') && kind !== 'event' ? 'bpf' : call
  if (!blocked.includes(culprit)) return undefined
  return { why: `the system call ${culprit} does not reach the kernel: see seccomp` }
}

function ageReason({ name }: NativeBpfProbe, facts: MachineFacts): Reason | undefined {
  const [major, minor] = SINCE[name] ?? []
  if (major === undefined || minor === undefined || atLeast(facts, major, minor)) return undefined
  return { why: `it came with Linux ${major}.${minor}`, fix: `boot Linux ${major}.${minor} or later` }
}

function capabilityReason({ kind, name, error }: NativeBpfProbe, facts: MachineFacts): Reason | undefined {
  if (error !== 'EPERM' && error !== 'EACCES') return undefined
  const held = capabilitiesOf(facts)
  const wanted =
    kind === 'event'
      ? (['CAP_PERFMON'] as const)
      : kind === 'map'
        ? (['CAP_BPF'] as const)
        : (['CAP_BPF', 'CAP_PERFMON'] as const)
  const lacking = wanted.filter((each) => !held.has(each))
  if (lacking.length > 0)
    return { why: `it takes ${lacking.join(' and ')}`, fix: `grant ${lacking.join(' and ')}` }
  if (name !== 'uprobe') return undefined
  return { why: "perf's uprobes take CAP_SYS_ADMIN", fix: 'grant CAP_SYS_ADMIN, where uprobes are wanted' }
}

/** What reads kernel memory, or stands in kernel code (enum lockdown_reason). */
const LOCKED_DOWN: ReadonlySet<string> = new Set(['sonde_sampler', 'bpf_probe_read_kernel', 'kprobe'])

function lockdownReason({ name }: NativeBpfProbe, { files }: MachineFacts): Reason | undefined {
  if (!textOf(files.lockdown).includes('[confidentiality]')) return undefined
  if (!LOCKED_DOWN.has(name)) return undefined
  return { why: 'lockdown is at confidentiality: see there', fix: 'boot with lockdown=integrity' }
}

function missingReason({ name, step, error }: NativeBpfProbe, { files }: MachineFacts): Reason | undefined {
  const needsTypes = step === 'types' || name === 'sonde_sampler'
  if (needsTypes && 'error' in files.types) return { why: "the kernel's types cannot be read: see BTF" }
  if (step === 'types') return { why: 'the kernel has no such hook' }
  const isAbsent = error === 'ENOENT' || error === 'EOPNOTSUPP'
  if (name === 'kprobe' && step === 'attach' && isAbsent)
    return { why: 'kprobes load and cannot be attached: the kernel was built without CONFIG_KPROBE_EVENTS' }
  if (name === 'uprobe' && step === 'attach' && isAbsent)
    return { why: 'the kernel was built without CONFIG_UPROBE_EVENTS' }
  return undefined
}

function otherReason({ name, error, log }: NativeBpfProbe): Reason {
  if (name === 'sonde_sampler' && error === 'ENOSYS')
    return { why: 'this Sonde was built without clang', fix: 'install clang, and run scripts/setup.sh run' }
  if (name === 'fentry')
    return { why: 'this kernel refuses programs that are attached by trampolines, whoever loads them' }
  switch (error) {
    case 'ENOMEM':
      return {
        why: 'the kernel had no memory for it: BPF memory counts against the limit of the cgroup',
        fix: "raise the memory limit of Sonde's cgroup",
      }
    case 'EPERM':
      return {
        why: 'the kernel refuses it although the capabilities are held: a limit of memory, or a security module',
      }
    case 'EINVAL':
    case 'EACCES':
      return {
        why:
          log.trim() === ''
            ? 'this kernel does not know it'
            : 'the verifier does not take the program; --verbose prints its log',
      }
    default:
      return { why: 'this kernel does not take it' }
  }
}
