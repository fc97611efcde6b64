// Which back-end would sample, what it would be attached to, and why.

import { type BackEndChoice, chooseBackEnd } from '../back-end.ts'
import { isFirstPidNamespace } from '../pid-namespace.ts'
import { capabilitiesOf, type MachineFacts, probeOf, probesOf } from './facts.ts'
import type { Finding } from './finding.ts'

/** As `--sampler auto` chooses; undefined where nothing can be sampled. */
export function backEndOf(facts: MachineFacts): BackEndChoice | undefined {
  const probes = probesOf(facts)
  if (probes.length === 0 || probes.some(({ need, error }) => need === 'sampling' && error !== ''))
    return undefined
  const held = capabilitiesOf(facts)
  const choice = chooseBackEnd({
    mayLoadBpf: held.has('CAP_BPF'),
    perfmon: held.has('CAP_PERFMON'),
    hasBtf: 'text' in facts.files.types,
    inFirstPidNamespace: isFirstPidNamespace(facts.pidNamespace),
    events: 1,
  })
  if (choice.backEnd === 'perf') return choice
  // Whether the kernel takes the programs shows when they are loaded: here it was tried.
  const lacking = probes.filter(({ need, error }) => need === 'bpf' && error !== '').map(({ name }) => name)
  return lacking.length === 0 ? choice : { backEnd: 'perf', why: `bpf fails: ${lacking.join(', ')}` }
}

export function backEndFinding(choice: BackEndChoice | undefined): Finding {
  const subject = 'back-end'
  if (choice === undefined)
    return {
      subject,
      state: 'missing',
      says: 'none: nothing can be sampled',
      why: 'see what is missing above',
    }
  switch (choice.backEnd) {
    case 'bpf':
      return { subject, state: 'ok', says: 'bpf', why: choice.why }
    case 'perf':
      return {
        subject,
        state: 'degraded',
        says: 'perf: a copy of each stack of one size, used or not, before anything is chosen',
        why: choice.why,
      }
  }
}

/** What would be opened and attached for a profile of everything that may be sampled. */
export function hookFindings(facts: MachineFacts, choice: BackEndChoice | undefined): readonly Finding[] {
  if (choice === undefined) return []
  const place = probeOf(facts, 'event', 'machine')?.error === '' ? 'every CPU' : "one's own threads"
  const processes: Finding = {
    subject: 'processes',
    state: 'info',
    says: `a perf event on ${place} that counts nothing tells of mappings, names, forks and exits`,
    why: 'its records stand in the order of time, and need no tracefs',
  }
  const samples = { subject: 'samples', state: 'info' } as const
  switch (choice.backEnd) {
    case 'perf':
      return [{ ...samples, says: `cpu-clock on ${place}, whose rings the kernel writes` }, processes]
    case 'bpf':
      return [
        { ...samples, says: `cpu-clock on ${place}, each with a BPF program that chooses and captures` },
        processes,
        registerFinding(facts),
      ]
  }
}

/** Where the user's registers of a sample come from that is taken in the kernel (native/bpf/include/user_stack.h). */
function registerFinding(facts: MachineFacts): Finding {
  const subject = 'user registers'
  if (probeOf(facts, 'helper', 'bpf_task_pt_regs')?.error === '')
    return { subject, state: 'ok', says: 'by bpf_task_pt_regs' }
  return {
    subject,
    state: 'ok',
    says: "from the end of the thread's kernel stack, where the entry into the kernel saved them",
    why: 'bpf_task_pt_regs came with Linux 5.15',
  }
}
