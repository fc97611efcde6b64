// What a person is told of how far stacks can be trusted.

import type { Counts, StackCounts, StackSummary } from '../core/summary.ts'
import { counted, integer } from './terminal.ts'

export const sumOfCounts = (counts: Counts): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)

/** Samples with a user part: what shares are of. */
export const samplesWithUserPart = ({ complete, unverified, broken }: StackCounts): number =>
  complete + unverified + sumOfCounts(broken)

/** Never rounded up: 100.0 % is all of them. */
export function completeShare(stacks: StackCounts): string {
  const samples = samplesWithUserPart(stacks)
  return samples === 0 ? '–' : `${(Math.floor((1000 * stacks.complete) / samples) / 10).toFixed(1)} %`
}

/** `12 [truncated: stack bytes], 3 [broken: bad frame pointer]`; most frequent first, and no more than `most` of them. */
export function reasonsText(broken: Counts, most: number): string {
  const reasons = Object.entries(broken).sort(([, a], [, b]) => b - a)
  const shown = reasons.slice(0, most).map(([reason, count]) => `${integer(count)} ${reason}`)
  const more = reasons.slice(most).reduce((sum, [, count]) => sum + count, 0)
  return [...shown, ...(more > 0 ? [`${integer(more)} for other reasons`] : [])].join(', ')
}

const LANGUAGES_SHOWN = 4
const REASONS_SHOWN = 3

/** `98.7 % complete (native 99.1 %, python 99.9 %); broken: 12 [truncated: stack bytes]`. Undefined where nothing is to be said. */
export function stackText(stacks: StackSummary): string | undefined {
  const samples = samplesWithUserPart(stacks)
  if (samples === 0) return undefined
  if (stacks.unverified === samples) return `${counted(samples, 'stack')} by frame pointers, unverified`
  const languages = Object.entries(stacks.languages)
    .slice(0, LANGUAGES_SHOWN)
    .map(([language, counts]) => `${language} ${completeShare(counts)}`)
  const broken = reasonsText(stacks.broken, REASONS_SHOWN)
  return [
    `${completeShare(stacks)} complete (${languages.join(', ')})`,
    ...(stacks.unverified > 0 ? [`unverified: ${integer(stacks.unverified)}`] : []),
    ...(broken === '' ? [] : [`broken: ${broken}`]),
  ].join('; ')
}
