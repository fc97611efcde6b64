// Whether a filter of system calls stands between Sonde and the kernel.

import { type MachineFacts, probeOf, probesOf, statusField } from './facts.ts'
import type { Finding } from './finding.ts'

const FILTERED = '2'

/** The system calls that arrive nowhere: not refused by the kernel for lack of a privilege, but before it looks. */
export const blockedCalls = (facts: MachineFacts): readonly string[] =>
  probesOf(facts)
    .filter(({ kind, error }) => kind === 'call' && error !== '')
    .filter((probe) => !isOldRefusal(facts, probe.name))
    .map(({ name }) => name)

/** Before Linux 5.19, bpf() answers EPERM to everything where unprivileged BPF is off and CAP_BPF is missing. */
function isOldRefusal(facts: MachineFacts, name: string): boolean {
  const probe = probeOf(facts, 'call', name)
  return name === 'bpf' && probe?.error === 'EPERM' && statusField(facts, 'Seccomp') !== FILTERED
}

export function seccompFinding(facts: MachineFacts): Finding {
  const subject = 'seccomp'
  const filtered = statusField(facts, 'Seccomp') === FILTERED
  const blocked = blockedCalls(facts)
  if (blocked.length === 0) {
    if ('error' in facts.files.status)
      return {
        subject,
        state: 'info',
        says: 'cannot be told',
        why: `/proc/self/status: ${facts.files.status.error}`,
      }
    const says = filtered ? 'a filter is in force; it lets perf_event_open and bpf through' : 'no filter'
    return 'problem' in facts.native && filtered
      ? { subject, state: 'info', says: 'a filter is in force; what it lets through could not be tried' }
      : { subject, state: 'ok', says }
  }
  const state = blocked.includes('perf_event_open') ? 'missing' : 'degraded'
  const errors = blocked.map((name) => `${name} (${probeOf(facts, 'call', name)?.error})`).join(' and ')
  const effect = state === 'missing' ? 'nothing can be sampled' : 'no BPF back-end'
  if (!filtered) {
    return {
      subject,
      state,
      says: `no filter, but ${errors} ${blocked.length === 1 ? 'is' : 'are'} refused: ${effect}`,
      why: 'the kernel was built without it (CONFIG_PERF_EVENTS, CONFIG_BPF_SYSCALL), or a security module refuses it',
      fix: 'boot a kernel with both',
    }
  }
  return {
    subject,
    state,
    says: `a filter refuses ${errors}: ${effect}`,
    why: 'the container runtime or the service manager put a seccomp filter around this process',
    fix: fixFor(blocked),
  }
}

const fixFor = (calls: readonly string[]): string =>
  [
    `allow ${calls.join(' and ')} in the filter. Docker: --cap-add PERFMON --cap-add BPF, or --security-opt seccomp=PROFILE`,
    'Kubernetes: securityContext.seccompProfile (type: Localhost, or Unconfined)',
    `systemd: SystemCallFilter=${calls.join(' ')}`,
  ].join('; ')
