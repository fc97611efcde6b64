/**
 * The promise's outcome, or after `ms` a rejection with `why`. The promise itself goes on, and what it rejects with later
 * is nobody's.
 */
export async function settledWithin<Value>(promise: Promise<Value>, ms: number, why: string): Promise<Value> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(why)), ms)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
