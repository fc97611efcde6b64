// Durations and sizes as people write them in configuration and on the command line: `1h30m`, `500ms`, `100MiB`.

import * as z from 'zod'
import { type Milliseconds, milliseconds } from './units.ts'

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/y

/** `1h`, `1h30m`, `0.5s`, `250ms`, `2d`; `0` needs no unit. Undefined where the text is none of these. */
export function parseDuration(text: string): Milliseconds | undefined {
  if (text === '0') return milliseconds(0)
  let total = 0
  let position = 0
  while (position < text.length) {
    DURATION_PART.lastIndex = position
    const part = DURATION_PART.exec(text)
    if (part === null) return undefined
    total += Number(part[1]) * (DURATION_UNITS_MS[part[2] ?? ''] ?? Number.NaN)
    position = DURATION_PART.lastIndex
  }
  return position > 0 && Number.isFinite(total) ? milliseconds(Math.round(total)) : undefined
}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

/** `100MiB`, `1.5GiB`, `64kB`, `4096`: whole bytes. Undefined where the text is none of these. */
export function parseByteSize(text: string): number | undefined {
  const parts = /^(\d+(?:\.\d+)?)\s?([A-Za-z]*)$/.exec(text)
  if (parts === null) return undefined
  const bytes = Math.round(Number(parts[1]) * (BYTE_UNITS[parts[2] ?? ''] ?? Number.NaN))
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** Milliseconds of `1h`, `30s`, `1h30m`; 0 where `0` is written. A number without a unit is an error that says so. */
export const durationSchema = z.union([z.string(), z.number()]).transform((value, context) => {
  const parsed = parseDuration(String(value))
  if (parsed !== undefined) return parsed
  context.addIssue({
    code: 'custom',
    message: `${JSON.stringify(value)} is not a duration: write a number and a unit (ms, s, m, h, d), such as 30s or 1h30m`,
  })
  return z.NEVER
})

/** Bytes of `100MiB`, `1GB`, or of a whole number. */
export const byteSizeSchema = z.union([z.string(), z.number()]).transform((value, context) => {
  const parsed = parseByteSize(String(value))
  if (parsed !== undefined) return parsed
  context.addIssue({
    code: 'custom',
    message: `${JSON.stringify(value)} is not a size: write bytes, or a number and a unit (KiB, MiB, GiB, kB, MB, GB), such as 100MiB`,
  })
  return z.NEVER
})

/** Permission bits as chmod takes them: `"0600"`, or the octal number of YAML `0o600`. */
export const fileModeSchema = z.union([z.string(), z.number()]).transform((value, context) => {
  const bits =
    typeof value === 'number'
      ? value
      : /^0?o?[0-7]{3}$/.test(value)
        ? Number.parseInt(value.replace('o', ''), 8)
        : -1
  if (Number.isInteger(bits) && bits >= 0 && bits <= 0o777) return bits
  context.addIssue({
    code: 'custom',
    message: `${JSON.stringify(value)} is not a file mode: write three octal digits in quotes, such as "0600"`,
  })
  return z.NEVER
})
