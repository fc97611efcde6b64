// Hardware counters. A virtual machine often has none, and nothing in it can change that.

import { type MachineFacts, probeOf } from './facts.ts'
import type { Finding } from './finding.ts'

export function pmuFinding(facts: MachineFacts): Finding {
  const subject = 'PMUs'
  const cycles = probeOf(facts, 'event', 'cycles')
  const { pmus } = facts
  if (pmus.length === 0) {
    return {
      subject,
      state: 'info',
      says: 'no CPU PMU: cpu-clock is sampled, a timer; cycles and other hardware events cannot be',
      why: 'there is none in /sys/bus/event_source/devices; virtual machines seldom have one',
    }
  }
  const names = pmus.join(', ')
  if (cycles === undefined || cycles.error === '') return { subject, state: 'ok', says: names }
  if (cycles.error === 'EACCES' || cycles.error === 'EPERM')
    return { subject, state: 'info', says: `${names}; not to be tried without the right to sample` }
  const says = `${names}, but cycles cannot be counted (${cycles.error}): cpu-clock is sampled`
  if (cycles.error !== 'EBUSY')
    return { subject, state: 'info', says, why: 'the PMU has no such counter, or the hypervisor hides it' }
  return {
    subject,
    state: 'degraded',
    says,
    why: 'somebody else holds the counters; the NMI watchdog takes one',
    fix: 'sysctl kernel.nmi_watchdog=0, or end the other profiler',
  }
}
