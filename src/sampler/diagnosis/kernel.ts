// The kernel itself: its version, what it is told to forbid, and what it tells of itself.

import type { MachineFacts } from './facts.ts'
import { atLeast, textOf } from './facts.ts'
import type { Finding } from './finding.ts'

/** What kernels lack that are older than each version, newest first. */
const SINCE: readonly (readonly [major: number, minor: number, lacking: string])[] = [
  [6, 0, 'counts of lost samples per event (6.0)'],
  [5, 15, 'bpf_task_pt_regs (5.15)'],
  [5, 12, 'build ids in mapping records (5.12)'],
  [5, 11, 'BPF memory counted by cgroup instead of against RLIMIT_MEMLOCK (5.11)'],
]

export function kernelFinding(facts: MachineFacts): Finding {
  const subject = 'kernel'
  const says = `Linux ${facts.release} on ${facts.architecture}`
  if (!atLeast(facts, 5, 8)) {
    return {
      subject,
      state: 'degraded',
      says: `${says}: no BPF back-end`,
      why: 'BPF ring buffers, CAP_BPF and CAP_PERFMON came with Linux 5.8',
      fix: 'boot Linux 5.8 or later',
    }
  }
  const lacking = SINCE.filter(([major, minor]) => !atLeast(facts, major, minor)).map(([, , what]) => what)
  if (lacking.length === 0) return { subject, state: 'ok', says }
  return { subject, state: 'info', says, why: `it does not have yet: ${lacking.join(', ')}` }
}

export function lockdownFinding({ files }: MachineFacts): Finding {
  const subject = 'lockdown'
  if ('error' in files.lockdown) return lockdownUnknown(files.lockdown.error, textOf(files.mounts))
  const level = /\[(\w+)\]/.exec(files.lockdown.text)?.[1] ?? 'none'
  if (level !== 'confidentiality') {
    const meaning = level === 'integrity' ? ': it does not touch what Sonde reads' : ''
    return { subject, state: 'ok', says: `${level}${meaning}` }
  }
  return {
    subject,
    state: 'degraded',
    says: 'confidentiality: BPF programs may not read kernel memory, and kprobes and tracefs are closed',
    why: 'Secure Boot or the kernel command line locked the kernel down; nothing can lower it while it runs',
    fix: 'boot with lockdown=integrity on the kernel command line',
  }
}

function lockdownUnknown(error: string, mounts: string): Finding {
  const isMounted = / - securityfs /.test(mounts)
  return {
    subject: 'lockdown',
    state: 'info',
    says: isMounted && error === 'ENOENT' ? 'not in this kernel' : 'cannot be told',
    ...(isMounted
      ? error === 'ENOENT'
        ? {}
        : { why: `/sys/kernel/security/lockdown cannot be read (${error})` }
      : {
          why: 'securityfs is not mounted',
          fix: 'mount -t securityfs securityfs /sys/kernel/security',
        }),
  }
}

export function typesFinding({ files }: MachineFacts): Finding {
  const subject = 'BTF'
  if ('text' in files.types) return { subject, state: 'ok', says: 'the kernel describes its types' }
  const { error } = files.types
  return {
    subject,
    state: 'degraded',
    says: 'not readable: no BPF back-end, because its programs are fitted to the kernel by its types',
    why:
      error === 'ENOENT'
        ? '/sys/kernel/btf/vmlinux does not exist: the kernel was built without CONFIG_DEBUG_INFO_BTF, or /sys is not mounted'
        : `/sys/kernel/btf/vmlinux: ${error}`,
    fix:
      error === 'ENOENT' ? 'boot a kernel with CONFIG_DEBUG_INFO_BTF=y' : 'mount /sys so that it can be read',
  }
}

/** Only classic tracepoints need it, and nothing in the default path is one. */
export function tracefsFinding({ files }: MachineFacts): Finding {
  const subject = 'tracefs'
  const { tracepoint } = files
  if ('text' in tracepoint) return { subject, state: 'ok', says: 'readable' }
  const isClosed = tracepoint.error === 'EACCES' || tracepoint.error === 'EPERM'
  return {
    subject,
    state: 'info',
    says: `${isClosed ? 'not readable' : 'not mounted'}: only events that are classic tracepoints need it, and no default does`,
    why: `/sys/kernel/tracing/events: ${tracepoint.error}`,
    fix: isClosed
      ? 'grant CAP_DAC_READ_SEARCH, where such an event is wanted'
      : 'mount -t tracefs tracefs /sys/kernel/tracing, where such an event is wanted',
  }
}
