// -D, as perf record takes it: when sampling begins, or in which times there is any.

import { UsageError } from '../core/errors.ts'
import type { Option, ParsedOptions } from './options.ts'

export const DELAY_OPTION: Option = {
  long: 'delay',
  short: 'D',
  value: 'MS',
  help: 'Begins so many milliseconds after the start; -1: when --control enables it; 10-20,30-40: samples in these times only',
}

/** Milliseconds after the start. */
export interface Stretch {
  readonly from: number
  /** Infinity: until the end. */
  readonly to: number
}

/**
 * When samples are taken: undefined: always; nothing: when somebody enables it.
 * @throws UsageError
 */
export function delayOf(options: ParsedOptions): readonly Stretch[] | undefined {
  const text = options.value(DELAY_OPTION.long)
  if (text === undefined || text === '0') return undefined
  if (text === '-1') return []
  if (/^\d{1,10}$/.test(text)) return [{ from: Number(text), to: Number.POSITIVE_INFINITY }]
  const stretches = text.split(',').map((part): Stretch | undefined => {
    const [, from, to] = /^(\d{1,10})-(\d{1,10})$/.exec(part) ?? []
    return from === undefined ? undefined : { from: Number(from), to: Number(to) }
  })
  const whole = stretches.filter((stretch) => stretch !== undefined)
  const rise = whole.flatMap(({ from, to }) => [from, to])
  const isAscending = rise.every((time, at) => at === 0 || time > (rise[at - 1] ?? 0))
  if (whole.length === stretches.length && isAscending) return whole
  throw new UsageError(
    `-D ${text}: expected milliseconds, -1, or ascending ranges of milliseconds such as 10-20,30-40.`,
  )
}

/** Calls what is due, in its time. Returns how to leave off. */
export function followDelay(
  stretches: readonly Stretch[],
  { enable, disable }: { readonly enable: () => void; readonly disable: () => void },
): () => void {
  const timers = stretches.flatMap(({ from, to }) => [
    setTimeout(enable, from),
    ...(to === Number.POSITIVE_INFINITY ? [] : [setTimeout(disable, to)]),
  ])
  return () => {
    for (const timer of timers) clearTimeout(timer)
  }
}
