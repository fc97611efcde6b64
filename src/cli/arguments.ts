// The values of options, as people write them.

import { UsageError } from '../core/errors.ts'
import { type Milliseconds, milliseconds } from '../core/units.ts'

const UNIT_MS: Readonly<Record<string, number>> = {
  '': 1000,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** `30s`, `1m`, `500ms`, `1h30m`; a bare number is seconds. */
export function durationOf(text: string, option: string): Milliseconds {
  const spelled = /^\d+(\.\d+)?$/.test(text) ? `${text}s` : text
  const parts = [...spelled.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  const whole = parts.map(([part]) => part).join('')
  const total = parts.reduce(
    (sum, [, value, unit]) => sum + Number(value) * (UNIT_MS[unit ?? ''] ?? Number.NaN),
    0,
  )
  if (parts.length === 0 || whole !== spelled || total <= 0 || total > MAX_DURATION_MS) {
    throw new UsageError(
      `${option} ${text}: expected a duration above 0 and up to 24 days, such as 30s, 1m or 500ms (a bare number is seconds).`,
    )
  }
  return milliseconds(total)
}

/** 24 days: a timer holds 2^31 ms, which is 20 hours more. */
const MAX_DURATION_MS = 24 * 86_400_000

export function positiveInteger(text: string, option: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value > 0 && Number.isSafeInteger(value)) return value
  throw new UsageError(`${option} ${text}: expected a whole number above 0.`)
}

/** `-e a,b -e c`: lists, as perf takes them. */
export const listOf = (values: readonly string[]): readonly string[] =>
  values.flatMap((value) => value.split(',').map((part) => part.trim()))

/** `-p 1,2` */
export const idsOf = (values: readonly string[], option: string): readonly number[] => [
  ...new Set(listOf(values).map((text) => positiveInteger(text, option))),
]
