// What names of code made at run time cost: a perf-map of a million lines, read whole, again, and after it has grown; a window's
// look-ups in it.

import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { NativeJitNames } from '../../src/native/binding.ts'
import { loadAddon } from '../../src/native/load.ts'

const LINES = 1_000_000
const GROWTH = 10_000
const WINDOW_FRAMES = 1000
const START = 0x7f00_0000_0000n
const SIZE = 64n
const addon = loadAddon()
const path = `/tmp/perf-${process.pid}.map`

/** Lines as V8 writes them; `again` lays other code over the same memory. */
const linesOf = (from: number, count: number, again = '') =>
  Array.from({ length: count }, (_, index) => {
    const start = START + BigInt(from + index) * SIZE
    return `${start.toString(16)} ${SIZE.toString(16)} JS:*function${from + index}${again} file:///srv/app/lib/module.js:${index}:7\n`
  }).join('')

const pick = (count: number) =>
  BigUint64Array.from(
    { length: count },
    () => START + BigInt(LINES - 1 - Math.floor(Math.random() * LINES * 0.7)) * SIZE + 9n,
  )

async function ask(names: NativeJitNames, addresses: BigUint64Array): Promise<number> {
  const begin = performance.now()
  const now = addon.clock().monotonic
  const [result] = await names.name(
    [
      {
        source: 1,
        pid: process.pid,
        addresses,
        windowStart: now - 1_000_000_000n,
        windowEnd: now,
        began: 0n,
        ended: false,
        path: '',
        device: 0n,
        inode: 0n,
      },
    ],
    60_000,
  )
  const ms = performance.now() - begin
  if (result === undefined || result.functions.length === 0) throw new Error(result?.problem ?? 'no result')
  return ms
}

const report = (what: string, figure: string) => console.log(`${what.padEnd(62)} ${figure}`)
const inMs = (ms: number) => `${ms.toFixed(1)} ms`

process.on('exit', () => rmSync(path, { force: true }))
writeFileSync(path, '', { mode: 0o644 })
for (let from = 0; from < LINES; from += 100_000) appendFileSync(path, linesOf(from, 100_000))

let best = Number.POSITIVE_INFINITY
for (let round = 0; round < 3; round++) {
  const cold = addon.openJitNames({ maxCacheBytes: 64 << 20 })
  best = Math.min(best, await ask(cold, pick(1)))
  cold.close()
}
const bytes = LINES * linesOf(LINES / 2, 1).length
report(
  `perf-map of ${LINES} lines (${(bytes / 2 ** 20).toFixed(0)} MiB), read up to 64 MiB from its end`,
  inMs(best),
)

const names = addon.openJitNames({ maxCacheBytes: 64 << 20 })
const before = process.memoryUsage().rss
await ask(names, pick(1))
report('bytes kept of it', `${(names.cacheBytes() / 2 ** 20).toFixed(1)} MiB`)
report('resident memory more', `${((process.memoryUsage().rss - before) / 2 ** 20).toFixed(1)} MiB`)
report('asked again, nothing new', inMs(await ask(names, pick(1))))
const tail = () =>
  BigUint64Array.from({ length: WINDOW_FRAMES }, (_, index) => START + BigInt(LINES - 1 - index * 7) * SIZE)
report(`${WINDOW_FRAMES} frames of a window, each of another function`, inMs(await ask(names, tail())))
appendFileSync(path, linesOf(LINES, GROWTH))
report(`grown by ${GROWTH} lines of new memory`, inMs(await ask(names, pick(1))))
appendFileSync(path, linesOf(LINES - GROWTH, GROWTH, ' again'))
report(`grown by ${GROWTH} lines of memory used again`, inMs(await ask(names, pick(1))))
names.close()
