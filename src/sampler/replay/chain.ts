// A call chain without its markers.

import type { SampleRecord } from '../../formats/perf-data/file-records.ts'
import { CONTEXT, MISC } from '../../formats/perf-data/layout.ts'

export interface Chain {
  readonly kernel: BigUint64Array
  readonly user: BigUint64Array
  /** Addresses of all contexts, those of guests and hypervisors among them, which belong to no process here. */
  readonly length: number
}

const NONE: BigUint64Array = new BigUint64Array(0)

/**
 * Parts a chain by its PERF_CONTEXT_* markers; words before the first one belong to `context`. The user's part is the
 * last one, and its words come from the process's memory: one that looks like a marker would otherwise turn what follows
 * into frames of the kernel.
 */
export function splitChain(words: BigUint64Array, context: bigint): Chain {
  let kernel: BigUint64Array = NONE
  let length = 0
  let current = context
  for (let start = 0; start < words.length; ) {
    const word = words[start] ?? 0n
    if (word >= CONTEXT.FIRST) {
      current = word
      start++
    }
    if (current === CONTEXT.USER) {
      const user = words.subarray(start)
      return { kernel, user, length: length + user.length }
    }
    const next = words.subarray(start).findIndex((each) => each >= CONTEXT.FIRST)
    const end = next < 0 ? words.length : start + next
    if (current === CONTEXT.KERNEL) kernel = words.subarray(start, end)
    length += end - start
    start = end
  }
  return { kernel, user: NONE, length }
}

/** A sample without a chain has its leaf at least. */
export function chainOf({ fields, cpumode }: SampleRecord): Chain {
  const words = fields.chain.length > 0 || fields.ip === 0n ? fields.chain : BigUint64Array.of(fields.ip)
  return splitChain(words, cpumode === MISC.KERNEL ? CONTEXT.KERNEL : CONTEXT.USER)
}
