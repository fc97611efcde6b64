// What stands between the slashes of `pmu/term=value,…/`.

import { AgentError } from '../../core/errors.ts'

export interface Term {
  readonly name: string
  /** Undefined: the name alone. */
  readonly value: string | undefined
}

/** @throws AgentError `EVENT.UNKNOWN` */
export function termsOf(text: string, event: string): readonly Term[] {
  if (text.trim() === '') return []
  return text.split(',').map((part) => {
    const term = /^\s*([\w.@-]+)\s*(?:=\s*(.*?)\s*)?$/s.exec(part)
    if (term === null)
      throw new AgentError('EVENT.UNKNOWN', `'${part}' of '${event}' is no term: write NAME=VALUE.`)
    return { name: term[1] ?? '', value: term[2] }
  })
}

/** A number as perf takes it, decimal or hexadecimal; undefined where it is none. */
export const numberIn = (text: string): bigint | undefined =>
  /^(\d+|0x[0-9a-f]+)$/i.test(text) ? BigInt(text) : undefined
