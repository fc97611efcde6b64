// Samples counted by reason.

import type { Counts } from './summary.ts'

export function increase(counts: Map<string, number>, reason: string, by: number): void {
  counts.set(reason, (counts.get(reason) ?? 0) + by)
}

/** Those that were counted, in the order of `reasons`: two of them compare. */
export const inOrder = (
  counts: ReadonlyMap<string, number> | undefined,
  reasons: readonly string[],
): Counts =>
  Object.fromEntries(
    reasons.flatMap((reason) => {
      const count = counts?.get(reason)
      return count === undefined ? [] : [[reason, count]]
    }),
  )
