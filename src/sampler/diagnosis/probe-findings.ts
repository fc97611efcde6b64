// What was really tried, a line for what works and one for each reason why something does not.

import type { NativeBpfProbe } from '../../native/binding.ts'
import { type MachineFacts, probesOf } from './facts.ts'
import type { Finding } from './finding.ts'
import { type Reason, reasonOf } from './refusal.ts'

const SUBJECTS = {
  event: 'perf events',
  map: 'BPF maps',
  program: 'BPF programs',
  helper: 'BPF helpers',
} as const

type Tried = keyof typeof SUBJECTS

export function probeFindings(kind: Tried, facts: MachineFacts): readonly Finding[] {
  // Of hardware events, the PMUs tell more.
  const probes = probesOf(facts).filter((probe) => probe.kind === kind && probe.name !== 'cycles')
  const works = probes.filter(({ error }) => error === '')
  const subject = SUBJECTS[kind]
  const fine: readonly Finding[] =
    works.length === 0 ? [] : [{ subject, state: 'ok', says: works.map(nameOf).join(', ') }]
  return [...fine, ...refusals(probes, facts).map((refusal) => refusalFinding(subject, refusal))]
}

/** Events have no names but Sonde's own. */
const nameOf = ({ kind, name, serves }: NativeBpfProbe): string => (kind === 'event' ? serves : name)

interface Refusal extends Reason {
  readonly probes: readonly NativeBpfProbe[]
}

/** What is refused for the same reason stands together. */
function refusals(probes: readonly NativeBpfProbe[], facts: MachineFacts): readonly Refusal[] {
  const byReason = new Map<string, Refusal>()
  for (const probe of probes) {
    if (probe.error === '') continue
    const reason = reasonOf(probe, facts)
    const known = byReason.get(reason.why)
    byReason.set(reason.why, { ...reason, probes: [...(known?.probes ?? []), probe] })
  }
  return [...byReason.values()]
}

function refusalFinding(subject: string, { probes, why, fix }: Refusal): Finding {
  const needs = probes.map(({ need }) => need)
  const state = needs.includes('sampling') ? 'missing' : needs.includes('bpf') ? 'degraded' : 'info'
  const errors = new Set(probes.map(({ error, step }) => `${error} at ${step}`))
  const optional = state === 'info' ? '; Sonde does without' : ''
  return {
    subject,
    state,
    says: `not ${namesText(probes)} (${[...errors].join(', ')})${optional}`,
    why,
    ...(fix === undefined ? {} : { fix }),
  }
}

const MOST_NAMES = 4

/** What one thing is for; of many, the first. --json and --verbose have them all. */
function namesText(probes: readonly NativeBpfProbe[]): string {
  const [first, ...others] = probes
  if (first !== undefined && others.length === 0)
    return first.kind === 'event' ? first.serves : `${first.name}, for ${first.serves}`
  const shown = probes.slice(0, MOST_NAMES).map(nameOf).join(', ')
  return probes.length > MOST_NAMES ? `${shown} and ${probes.length - MOST_NAMES} more` : shown
}
