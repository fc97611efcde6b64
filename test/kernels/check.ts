// One thing that was looked at, and what came of it.

export interface Check {
  readonly subject: string
  readonly outcome: 'ok' | 'failed' | 'skipped'
  /** A figure, or why not. */
  readonly detail: string
}

/** Ok with what `look` returns, or failed with what it throws. */
export function checked(subject: string, look: () => string | undefined): Check {
  try {
    return { subject, outcome: 'ok', detail: look() ?? '' }
  } catch (error) {
    return { subject, outcome: 'failed', detail: error instanceof Error ? error.message : String(error) }
  }
}

/** Throws with `problem` where a condition does not hold. */
export function demand(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new Error(problem)
}
