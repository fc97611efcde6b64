// Doctor's findings for a person: a line each, and below it why and what would change it.

import type { Diagnosis } from '../sampler/diagnosis/diagnosis.ts'
import type { Finding, FindingState } from '../sampler/diagnosis/finding.ts'
import { printable, type Style } from './terminal.ts'

/** One thing that was tried, as far as it is printed. */
export interface TriedThing {
  readonly kind: string
  readonly name: string
  readonly serves: string
  readonly error: string
  readonly step: string
  readonly log: string
}

export interface DoctorTextOptions {
  /** What was tried, where all of it is to be printed. */
  readonly probes: readonly TriedThing[]
  readonly style: Style
}

export function doctorText(diagnosis: Diagnosis, { probes, style }: DoctorTextOptions): string {
  const findings = diagnosis.groups.flatMap((group) => group.findings)
  const width = Math.max(...findings.map(({ subject }) => subject.length))
  const parts = diagnosis.groups.map((group) =>
    [style.bold(group.title), ...group.findings.map((finding) => findingText(finding, width, style))].join(
      '\n',
    ),
  )
  const tried = probes.length === 0 ? [] : [probeText(probes, style)]
  return `${[...parts, ...tried, verdict(findings)].join('\n\n')}\n`
}

const STATE_WIDTH = 'degraded'.length

function findingText({ subject, state, says, why, fix }: Finding, width: number, style: Style): string {
  const indent = ' '.repeat(STATE_WIDTH + 4)
  const lines = [
    `  ${painted(state, style)}  ${subject.padEnd(width)}  ${printable(says)}`,
    ...(why === undefined ? [] : [`${indent}${style.dim('why:')} ${printable(why)}`]),
    ...(fix === undefined ? [] : [`${indent}${style.dim('to change:')} ${printable(fix)}`]),
  ]
  return lines.join('\n')
}

function painted(state: FindingState, style: Style): string {
  const text = state.padEnd(STATE_WIDTH)
  switch (state) {
    case 'ok':
      return text
    case 'info':
      return style.dim(text)
    case 'degraded':
      return style.yellow(text)
    case 'missing':
      return style.red(text)
  }
}

function probeText(probes: readonly TriedThing[], style: Style): string {
  const width = Math.max(...probes.map(({ name }) => name.length))
  const kinds = Math.max(...probes.map(({ kind }) => kind.length))
  const lines = probes.flatMap(({ kind, name, serves, error, step, log }) => [
    `  ${kind.padEnd(kinds)}  ${name.padEnd(width)}  ${error === '' ? 'ok' : `${error} at ${step}`}, for ${serves}`,
    ...log
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => style.dim(`      ${printable(line)}`)),
  ])
  return [style.bold('Everything tried'), ...lines].join('\n')
}

function verdict(findings: readonly Finding[]): string {
  const count = (state: FindingState): number => findings.filter((finding) => finding.state === state).length
  const parts = [
    count('missing') === 0 ? '' : `${count('missing')} missing`,
    count('degraded') === 0 ? '' : `${count('degraded')} degraded`,
  ].filter((part) => part !== '')
  return parts.length === 0
    ? 'Everything that Sonde needs works.'
    : `Of ${findings.length} findings: ${parts.join(', ')}.`
}
