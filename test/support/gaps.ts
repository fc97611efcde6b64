// The gap method (test/workloads/gaps.c): what each sample took from the program that it was taken of.

import { readFileSync } from 'node:fs'

/** Start and end, CLOCK_MONOTONIC ns, which a number holds exactly. In order of time. */
type Gap = readonly [number, number]

const readGaps = (file: string): Gap[] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number) as unknown as Gap)

/** The gap that the time is in. */
function gapAt(gaps: readonly Gap[], time: number): Gap | undefined {
  let [from, until] = [0, gaps.length]
  while (from < until) {
    const middle = (from + until) >> 1
    if ((gaps[middle]?.[1] ?? 0) < time) from = middle + 1
    else until = middle
  }
  const gap = gaps[from]
  return gap !== undefined && gap[0] <= time ? gap : undefined
}

/** Lengths of the gaps that contain a sample's time, µs. Times are of CLOCK_MONOTONIC, ns. */
export function gapsWith(gapsFile: string, times: readonly bigint[]): number[] {
  const gaps = readGaps(gapsFile)
  return times.flatMap((time) => {
    const gap = gapAt(gaps, Number(time))
    return gap === undefined ? [] : [(gap[1] - gap[0]) / 1e3]
  })
}

const SHIFT_STEP_NS = 2_000
const MOST_SHIFT_NS = 5_000_000
const COMPARED_TIMES = 500
/** Longer ones are another process's turn. */
const LONGEST_INTERRUPT_NS = 300_000

/**
 * Unix times as CLOCK_MONOTONIC, shifted so that the most of them lie in gaps: another program's idea of how far the clocks
 * are apart is its own.
 */
export function monotonicTimes(gapsFile: string, unixTimes: readonly bigint[]): bigint[] {
  const gaps = readGaps(gapsFile).filter(([start, end]) => end - start < LONGEST_INTERRUPT_NS)
  const unixNow = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6))
  const distance = unixNow - process.hrtime.bigint()
  const times = unixTimes.map((time) => time - distance)
  const every = Math.ceil(times.length / COMPARED_TIMES)
  const compared = times.filter((_, index) => index % every === 0).map(Number)
  let best = { hits: -1, shift: 0 }
  for (let shift = -MOST_SHIFT_NS; shift <= MOST_SHIFT_NS; shift += SHIFT_STEP_NS) {
    const hits = compared.filter((time) => gapAt(gaps, time + shift) !== undefined).length
    if (hits > best.hits) best = { hits, shift }
  }
  return times.map((time) => time + BigInt(best.shift))
}

/** The value below which this part of them lies. */
export const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN

export const median = (values: readonly number[]): number => quantile(values, 0.5)
