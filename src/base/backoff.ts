// How long to wait before the next attempt, so that the clients of a server that recovers do not come all at once.

export interface Backoff {
  /** The longest wait after the first failure. */
  readonly initialMs: number
  /** By which that grows with every further failure. */
  readonly factor: number
  readonly maxMs: number
}

/** Growth beyond this exponent says nothing any more, and could become infinite. */
const MAX_EXPONENT = 64

/**
 * Full jitter: a wait from nothing to a bound that grows with each failure.
 * @param failures in a row, from 1
 * @param random from 0 to below 1
 */
export function fullJitterMs(backoff: Backoff, failures: number, random: number): number {
  const exponent = Math.min(Math.max(failures - 1, 0), MAX_EXPONENT)
  return random * Math.min(backoff.maxMs, backoff.initialMs * backoff.factor ** exponent)
}
