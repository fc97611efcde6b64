// The kernel's settings that decide who may sample and see what.

import {
  capabilitiesOf,
  FACT_FILES,
  type FactFile,
  type MachineFacts,
  numberOf,
  probeOf,
  textOf,
} from './facts.ts'
import type { Finding } from './finding.ts'

/** Debian's and Android's own level: nothing without a capability, on some kernels not even with CAP_PERFMON. */
const NOBODY = 3

export function paranoidFinding(facts: MachineFacts): Finding {
  const subject = 'kernel.perf_event_paranoid'
  const level = numberOf(facts.files.paranoid)
  if (level === undefined) return unreadableParanoid(facts)
  if (capabilitiesOf(facts).has('CAP_PERFMON')) return paranoidWithCapability(facts, level)
  const why = 'this process has no CAP_PERFMON, so the setting applies to it'
  const fix = 'grant CAP_PERFMON, or run: sysctl kernel.perf_event_paranoid=0'
  if (level >= NOBODY)
    return { subject, state: 'missing', says: `${level}: nothing may be sampled`, why, fix }
  if (level === 2) {
    return {
      subject,
      state: 'degraded',
      says: "2: only one's own processes may be sampled, in user mode",
      why,
      fix,
    }
  }
  if (level === 1)
    return { subject, state: 'degraded', says: "1: only one's own processes may be sampled", why, fix }
  return { subject, state: 'ok', says: `${level}: everybody may sample the whole machine` }
}

function paranoidWithCapability(facts: MachineFacts, level: number): Finding {
  const subject = 'kernel.perf_event_paranoid'
  const refused = probeOf(facts, 'event', 'own_user')?.error
  if (level < NOBODY || refused !== 'EACCES')
    return { subject, state: 'ok', says: `${level}: does not apply to this process, which has CAP_PERFMON` }
  return {
    subject,
    state: 'missing',
    says: `${level}: nothing may be sampled`,
    why: 'levels 3 and 4 are additions of some distributions, and the one of this kernel takes CAP_SYS_ADMIN alone',
    fix: 'sysctl kernel.perf_event_paranoid=2',
  }
}

const unreadableParanoid = ({ files }: MachineFacts): Finding => ({
  subject: 'kernel.perf_event_paranoid',
  state: 'missing',
  says: 'not readable',
  why: unreadableBecause(files.paranoid, 'paranoid', 'the kernel was built without CONFIG_PERF_EVENTS'),
})

/** Whether kernel frames can have names. */
export function kptrFinding(facts: MachineFacts): Finding {
  const subject = 'kernel.kptr_restrict'
  const level = numberOf(facts.files.kptrRestrict)
  const shown = showsAddresses(textOf(facts.files.kallsyms))
  const known = level === undefined ? 'not readable' : String(level)
  if (shown) return { subject, state: 'ok', says: `${known}: the kernel shows its addresses to this process` }
  const hidden = {
    subject,
    state: 'degraded',
    says: `${known}: the kernel hides its addresses; its functions stay without names`,
  } as const
  if ('error' in facts.files.kallsyms)
    return {
      ...hidden,
      why: unreadableBecause(
        facts.files.kallsyms,
        'kallsyms',
        'the kernel was built without CONFIG_KALLSYMS',
      ),
    }
  if (level === 2)
    return {
      ...hidden,
      why: '2 hides them from everybody, root included',
      fix: 'sysctl kernel.kptr_restrict=1',
    }
  return {
    ...hidden,
    why: 'this process has no CAP_SYSLOG; without it they are shown where kptr_restrict is 0 and perf_event_paranoid 1 or less',
    fix: 'grant CAP_SYSLOG',
  }
}

/** Hidden addresses are zeros, all of them. */
const showsAddresses = (kallsyms: string): boolean => /^0*[1-9a-f][0-9a-f]* /m.test(kallsyms)

export function unprivilegedBpfFinding(facts: MachineFacts): Finding {
  const subject = 'kernel.unprivileged_bpf_disabled'
  const level = numberOf(facts.files.unprivilegedBpf)
  const applies = capabilitiesOf(facts).has('CAP_BPF')
    ? 'does not apply to this process, which has CAP_BPF'
    : 'tracing programs take CAP_BPF whatever it is'
  return { subject, state: 'info', says: `${level ?? 'not readable'}: ${applies}` }
}

function unreadableBecause(file: MachineFacts['files'][FactFile], name: FactFile, absent: string): string {
  const error = 'error' in file ? file.error : 'not a number'
  return error === 'ENOENT'
    ? `${FACT_FILES[name]} does not exist: ${absent}`
    : `${FACT_FILES[name]}: ${error}`
}
