// What a command says at its end.

import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { FileCounts } from '../base/finished-files.ts'
import { AgentError, errnoOf, messageOf } from '../core/errors.ts'
import { exactJson } from '../core/exact-json.ts'
import type { Counts, RunEnd, Summary } from '../core/summary.ts'
import { sentText } from './sent-text.ts'
import type { Tally } from './tally.ts'
import { bytes, counted, integer, printable, styleFor } from './terminal.ts'

/** A line for a person, on standard error. */
export function say(command: string, text: string): void {
  const style = styleFor(process.stderr)
  process.stderr.write(`${style.bold(`sonde ${command}:`)} ${printable(text)}\n`)
}

/** What a perf.data file knows of: it has no record for ticks that were missed. */
export const IN_RINGS = ' in rings'

/** `0 lost`, or `12 lost (10 missed, 2 ring_full)`; `where` stands behind `lost`. */
export function lossText(lost: Counts, where: typeof IN_RINGS | '' = ''): string {
  const total = Object.values(lost).reduce((sum, count) => sum + count, 0)
  const reasons = Object.entries(lost).map(([reason, count]) => `${integer(count)} ${reason}`)
  return `${integer(total)} lost${where}${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}`
}

/** `, 34 left out (34 filtered)`: samples that were not wanted; nothing where there are none. */
export function leftOutText(leftOut: Counts): string {
  const reasons = Object.entries(leftOut).filter(([, count]) => count > 0)
  if (reasons.length === 0) return ''
  const total = reasons.reduce((sum, [, count]) => sum + count, 0)
  return `, ${integer(total)} left out (${reasons.map(([reason, count]) => `${integer(count)} ${reason}`).join(', ')})`
}

/** As it would be typed here; in a container, whose working directory is the root, as it is. */
export function shortPath(path: string): string {
  const here = relative('', path)
  return here.startsWith('..') || path === `/${here}` ? path : here
}

/** `1,234 samples, 0 lost. Wrote perf.data (58.3 kB).` */
export function closingLine(tally: Tally, end: RunEnd, where: typeof IN_RINGS | '' = ''): string {
  const outcomes = [...end.consumers.values()].map(({ outcome }) => outcome)
  const writers = outcomes.filter(({ delivery }) => delivery === undefined)
  const files = writers.flatMap((outcome) => outcome.files)
  const gone = writers.map((outcome) => outcome.gone ?? NONE).reduce(sumOf, NONE)
  const size = writers.reduce((sum, outcome) => sum + outcome.bytes, 0) - gone.bytes
  const sent = outcomes.flatMap((outcome) => sentText(outcome) ?? []).map((text) => `Sent ${text}`)
  const nothing = sent.length > 0 || gone.files > 0 ? [] : ['Wrote no file']
  const wrote = files.length === 0 ? nothing : [`Wrote ${files.map(shortPath).join(', ')} (${bytes(size)})`]
  const deleted = gone.files === 0 ? [] : [goneText(gone, files.length > 0 ? 'older file' : 'file')]
  const why = files.length === 0 && gone.files === 0 && tally.taken === 0 ? ': nothing was sampled' : ''
  const samples = `${counted(tally.taken, 'sample')}, ${lossText(tally.lost, where)}${leftOutText(tally.leftOut)}`
  return `${samples}. ${[...wrote, ...deleted, ...sent].join('. ')}${why}.`
}

const NONE: FileCounts = { files: 0, bytes: 0 }

const sumOf = (one: FileCounts, other: FileCounts): FileCounts => ({
  files: one.files + other.files,
  bytes: one.bytes + other.bytes,
})

/** `4 older files (265 kB) were deleted`, by limits or by somebody. */
export const goneText = ({ files, bytes: size }: FileCounts, what: 'older file' | 'file'): string =>
  `${counted(files, what)} (${bytes(size)}) ${files === 1 ? 'was' : 'were'} deleted`

/** @throws AgentError */
export function writeSummary(path: string | undefined, summary: () => Summary): void {
  if (path === undefined) return
  try {
    writeFileSync(path, exactJson(summary()))
  } catch (error) {
    const reason = errnoOf(error) ?? messageOf(error)
    throw new AgentError('CLI.OUTPUT', `Cannot write the summary ${path}: ${reason}.`, { cause: error })
  }
}

const REMARKS_SHOWN = 5

/** What a reader should know, and no more of it than a screen shows. */
export function sayRemarks(command: string, remarks: readonly string[]): void {
  for (const remark of remarks.slice(0, REMARKS_SHOWN)) say(command, remark)
  const more = remarks.length - REMARKS_SHOWN
  if (more > 0) say(command, `… and ${integer(more)} more like these`)
}
