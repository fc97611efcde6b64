// The table that a run ends with: a kernel a line.

import type { KernelLine } from './catalog.ts'
import type { Check } from './check.ts'
import type { Kernel } from './image.ts'
import { SAMPLERS, type Verdict } from './verdicts.ts'

export type KernelRow =
  | { readonly line: KernelLine; readonly outcome: 'skipped'; readonly reason: string }
  | {
      readonly line: KernelLine
      readonly outcome: 'booted'
      readonly kernel: Kernel
      readonly seconds: number
      readonly verdict: Verdict
    }

export function tableText(rows: readonly KernelRow[]): string {
  const head = ['kernel', 'boots', 'BTF', 'back-end', 'programs', 'objects', ...SAMPLERS, 'names', 'seconds']
  const booted = rows.filter((row) => row.outcome === 'booted')
  const cells = [head, ...booted.map((row) => cellsOf(row))]
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const text = cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const skipped = rows.flatMap((row) =>
    row.outcome === 'skipped' ? [`${row.line.name}: skipped: ${row.reason}`] : [],
  )
  return [...text, ...skipped].join('\n')
}

function cellsOf(row: KernelRow & { readonly outcome: 'booted' }): string[] {
  const { kernel, verdict, seconds } = row
  const about = (pattern: RegExp): string =>
    cellFor(verdict.checks.filter(({ subject }) => pattern.test(subject)))
  return [
    kernel.release,
    about(/^the guest /),
    verdict.btfBytes > 0 ? 'yes' : 'no',
    verdict.backEnd === '' ? '-' : verdict.backEnd,
    about(/^doctor: program /),
    about(/\.bpf\.o loads$/),
    ...SAMPLERS.map((sampler) => about(new RegExp(`^${sampler}: `))),
    about(/^the kernel’s functions/),
    `${seconds}`,
  ]
}

/** `ok`, `5 of 8` where the kernel lacks some that are not needed, `2 of 8 failed`, `-` where nothing was looked at. */
function cellFor(checks: readonly Check[]): string {
  const having = (wanted: Check['outcome']): number =>
    checks.filter(({ outcome }) => outcome === wanted).length
  if (checks.length === 0) return '-'
  if (having('failed') > 0) return `${having('failed')} of ${checks.length} failed`
  return having('skipped') > 0 ? `${having('ok')} of ${checks.length}` : 'ok'
}

export const checkText = ({ subject, outcome, detail }: Check): string =>
  `${outcome.padEnd(7)} ${subject}${detail === '' ? '' : `: ${detail}`}`
