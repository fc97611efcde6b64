// Arithmetic over sample columns, without an object per sample.

import type { ProfileBatch } from '../core/profile.ts'
import { MAX_ONE_IN } from '../core/sample-filter.ts'
import { fixedPeriodOf } from '../formats/profile/stood-for.ts'

/** Sums of 2^20 numbers below 2^32 are exact in a double. */
const EXACT_CHUNK = 2 ** 20

/** The exact sum. Halves are summed as numbers: reading an element as a bigint would allocate it. */
export function sumOf(values: BigUint64Array): bigint {
  const halves = new Uint32Array(values.buffer, values.byteOffset, values.length * 2)
  let total = 0n
  for (let from = 0; from < values.length; from += EXACT_CHUNK) {
    const to = Math.min(from + EXACT_CHUNK, values.length)
    let low = 0
    let high = 0
    for (let index = from; index < to; index++) {
      low += halves[2 * index] ?? 0
      high += halves[2 * index + 1] ?? 0
    }
    total += (BigInt(high) << 32n) + BigInt(low)
  }
  return total
}

/** How many samples each of a batch's stands for: one that was kept of N has N times the period, where that is fixed. */
export function standsFor({ session, samples: { value } }: ProfileBatch): (sample: number) => number {
  const period = fixedPeriodOf(session)
  if (period === undefined) return () => 1
  const halves = new Uint32Array(value.buffer, value.byteOffset, value.length * 2)
  return (sample) => {
    const weight = (halves[2 * sample] ?? 0) + (halves[2 * sample + 1] ?? 0) * 2 ** 32
    const samples = weight / period
    return Number.isInteger(samples) && samples > 1 && samples <= MAX_ONE_IN ? samples : 1
  }
}

/** How many of the batch's samples have each stack. */
export function samplesPerStack(batch: ProfileBatch): Float64Array {
  const counts = new Float64Array(batch.stacks.length)
  const counted = standsFor(batch)
  const { stack } = batch.samples
  for (let index = 0; index < stack.length; index++) {
    const at = stack[index] ?? 0
    counts[at] = (counts[at] ?? 0) + counted(index)
  }
  return counts
}

/** The weight of the batch's samples by stack, for display: a double is exact to 2^53. */
export function weightPerStack(batch: ProfileBatch): Float64Array {
  const { stack, value } = batch.samples
  const halves = new Uint32Array(value.buffer, value.byteOffset, value.length * 2)
  const weights = new Float64Array(batch.stacks.length)
  for (let index = 0; index < stack.length; index++) {
    const at = stack[index] ?? 0
    weights[at] = (weights[at] ?? 0) + (halves[2 * index] ?? 0) + (halves[2 * index + 1] ?? 0) * 2 ** 32
  }
  return weights
}
