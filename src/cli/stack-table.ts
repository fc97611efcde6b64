// How far stacks can be trusted, as tables for the terminal: per language and per process, with why they end early.

import type { Counts, StackCounts, StackSummary } from '../core/summary.ts'
import { completeShare, samplesWithUserPart, sumOfCounts } from './stack-text.ts'
import { integer, printable, type Style, shortened } from './terminal.ts'

export interface StackTableOptions {
  readonly width: number
  readonly style: Style
}

/** Two tables with a head line each and an empty line between them. Empty where no sample has a user part. */
export function stackTables(stacks: StackSummary, options: StackTableOptions): string {
  if (samplesWithUserPart(stacks) === 0) return ''
  const languages = Object.entries(stacks.languages).map(([name, counts]): Row => ({ name, counts }))
  const processes = stacks.processes.map(
    ({ pid, comm, language, ...counts }): Row => ({
      name: `${String(pid).padStart(7)}  ${comm} (${language})`,
      counts,
    }),
  )
  return [
    tableOf('language', languages, options),
    tableOf('    pid  process (language)', processes, options),
  ].join('\n\n')
}

interface Row {
  readonly name: string
  readonly counts: StackCounts
}

type Cells = readonly [complete: string, samples: string, unverified: string, broken: string, name: string]

const NUMBERS_WIDTH = 8 + 10 + 12 + 9
const lineOf = ([complete, samples, unverified, broken, name]: Cells): string =>
  `${complete.padStart(8)}${samples.padStart(10)}${unverified.padStart(12)}${broken.padStart(9)}  ${name}`

function tableOf(title: string, rows: readonly Row[], { width, style }: StackTableOptions): string {
  const names = Math.max(32, width - NUMBERS_WIDTH - 2)
  const nameOf = (text: string): string => shortened(printable(text), names)
  const linesOf = ({ name, counts }: Row): string[] => [
    lineOf([
      completeShare(counts),
      integer(samplesWithUserPart(counts)),
      integer(counts.unverified),
      integer(sumOfCounts(counts.broken)),
      nameOf(name),
    ]),
    ...reasonsOf(counts.broken).map(([reason, count]) =>
      style.dim(lineOf(['', '', '', integer(count), nameOf(`  ${reason}`)])),
    ),
  ]
  const head = style.dim(lineOf(['complete', 'samples', 'unverified', 'broken', title]))
  return [head, ...rows.flatMap(linesOf)].join('\n')
}

/** Below each row; a module without unwind rows is a reason of its own, and a process may have many of them. */
const REASONS_SHOWN = 8

function reasonsOf(broken: Counts): readonly (readonly [reason: string, count: number])[] {
  const reasons = Object.entries(broken).sort(([, a], [, b]) => b - a)
  const others = reasons.slice(REASONS_SHOWN).reduce((sum, [, count]) => sum + count, 0)
  return [...reasons.slice(0, REASONS_SHOWN), ...(others > 0 ? [['other reasons', others] as const] : [])]
}
