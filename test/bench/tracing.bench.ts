// What spans cost where nobody takes them: that is how nearly everybody runs Sonde.

import { withSpan } from '../../src/core/tracing.ts'

const SPANS = 200_000
const work = async (): Promise<number> => 1

async function nanosecondsPer(call: () => Promise<unknown>): Promise<number> {
  const rounds: number[] = []
  for (let round = 0; round < 5; round++) {
    const began = process.cpuUsage()
    for (let index = 0; index < SPANS; index++) await call()
    const { user, system } = process.cpuUsage(began)
    rounds.push(((user + system) * 1_000) / SPANS)
  }
  return Math.min(...rounds)
}

const counts = { 'sonde.samples': 1, 'sonde.window': 2 }
const bare = await nanosecondsPer(work)
const spanned = await nanosecondsPer(() => withSpan('window', counts, work))
const { signal } = new AbortController()
const limited = await nanosecondsPer(() => withSpan('deliver', counts, work, { signal }))
console.log(`the work alone                    ${bare.toFixed(0)} ns of CPU`)
console.log(`within a span, without an SDK     ${spanned.toFixed(0)} ns`)
console.log(`… that a signal may end           ${limited.toFixed(0)} ns`)
console.log(`ten spans for each window of 10 s: ${((10 * (limited - bare)) / 1_000).toFixed(1)} µs`)
