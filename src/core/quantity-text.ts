// Durations and sizes as people write them, from what schemas have made of them.

import type * as z from 'zod'
import { byteSizeSchema, durationSchema, fileModeSchema } from './quantity-schema.ts'

type Unit = readonly [name: string, size: number]

const TIME_UNITS: readonly Unit[] = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
]
const BYTE_UNITS: readonly Unit[] = [
  ['TiB', 2 ** 40],
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
]

/** `1h30m`, `10s`, `250ms`; `0`. */
export function durationText(ms: number): string {
  let left = ms
  const parts = TIME_UNITS.map(([name, size]) => {
    const count = Math.floor(left / size)
    left -= count * size
    return count === 0 ? '' : `${count}${name}`
  })
  return parts.join('') || '0'
}

/** `64MiB`; bytes where no larger unit is exact. */
export function byteSizeText(bytes: number): string {
  const unit = BYTE_UNITS.find(([, size]) => bytes > 0 && bytes % size === 0)
  return unit === undefined ? String(bytes) : `${bytes / unit[1]}${unit[0]}`
}

/** `0600` */
export const fileModeText = (mode: number): string => `0${mode.toString(8).padStart(3, '0')}`

/** Whatever is refined or has a default is made of the same input. */
const TEXTS = new Map<unknown, (value: number) => string>([
  [durationSchema.def.in, durationText],
  [byteSizeSchema.def.in, byteSizeText],
  [fileModeSchema.def.in, fileModeText],
])

/** How people write what `schema` yields; undefined where it is no quantity. */
export function quantityText(schema: z.ZodType, value: unknown): string | undefined {
  const definition = schema.def as { readonly in?: unknown }
  return typeof value === 'number' ? TEXTS.get(definition.in)?.(value) : undefined
}
