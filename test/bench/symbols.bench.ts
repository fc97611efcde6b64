// What names cost: reading a file's symbols, one look-up in a table that is warm, reading kallsyms, one window.

import { execFileSync } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import type { NativeNameResult, NativeSymbols } from '../../src/native/binding.ts'
import { loadAddon } from '../../src/native/load.ts'
import { ALL_SOURCES } from '../support/symbol-options.ts'

const LOOKUPS = 1_000_000
const WINDOW_FRAMES = 3000
const addon = loadAddon()

async function timed<Value>(
  work: () => Promise<Value>,
): Promise<{ readonly ms: number; readonly value: Value }> {
  const start = performance.now()
  const value = await work()
  return { ms: performance.now() - start, value }
}

/** Repeats, and gives the best: the machine is shared. */
async function best(times: number, work: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < times; round++) least = Math.min(least, (await timed(work)).ms)
  return least
}

const report = (what: string, figure: string) => console.log(`${what.padEnd(58)} ${figure}`)
const buildId = /Build ID: ([0-9a-f]+)/.exec(
  execFileSync('readelf', ['-n', process.execPath], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }),
)?.[1]

/** Functions of the node binary, by nm. */
const functions = execFileSync('nm', ['--defined-only', process.execPath], {
  encoding: 'utf8',
  maxBuffer: 1 << 28,
})
  .split('\n')
  .flatMap((line) => /^([0-9a-f]{16}) [tTwW] /.exec(line)?.[1] ?? [])
  .map((address) => BigInt(`0x${address}`))

async function nameNode(symbols: NativeSymbols, addresses: BigUint64Array): Promise<NativeNameResult> {
  const [result] = await symbols.nameImages(
    [
      {
        kind: 0,
        path: process.execPath,
        buildId: buildId ?? '',
        contentHash: '',
        device: 0n,
        inode: 0n,
        pids: [],
        addresses,
        addressSpace: 0,
      },
    ],
    60_000,
  )
  if (result === undefined || result.problem !== '') throw new Error(result?.problem ?? 'no result')
  return result
}

const pick = (count: number, among: readonly bigint[]) =>
  BigUint64Array.from({ length: count }, () => among[Math.floor(Math.random() * among.length)] ?? 0n)

const cold = await best(5, async () => {
  const symbols = addon.openSymbols(ALL_SOURCES)
  await nameNode(symbols, BigUint64Array.of(functions[0] ?? 0n))
  symbols.close()
})
report(`node binary, ${functions.length} functions: read its symbols`, `${cold.toFixed(1)} ms`)

const symbols = addon.openSymbols(ALL_SOURCES)
const few = pick(500, functions)
const many = pick(LOOKUPS, [...few])
await nameNode(symbols, few)
const overhead = await best(3, () => nameNode(symbols, few))
const hot = await best(3, () => nameNode(symbols, many))
report(
  'a look-up, warm, with its share of the answer',
  `${(((hot - overhead) * 1e6) / LOOKUPS).toFixed(0)} ns`,
)
const window = await best(5, () => nameNode(symbols, pick(WINDOW_FRAMES, functions)))
report(`${WINDOW_FRAMES} addresses never asked before, names read and demangled`, `${window.toFixed(1)} ms`)
report('bytes of the table of the node binary', `${(symbols.cacheBytes() / 1024).toFixed(0)} KiB`)

const before = symbols.cacheBytes()
const kernel = await timed(() => symbols.nameKernel(BigUint64Array.of(0xffff_ffff_8100_0000n), 0n, false))
report('kallsyms: read', kernel.value.problem || `${kernel.ms.toFixed(0)} ms`)
report('bytes of the kernel’s table', `${((symbols.cacheBytes() - before) / 1024).toFixed(0)} KiB`)
const facts = await best(3, async () => addon.kernelFacts())
report('kernelFacts', `${facts.toFixed(2)} ms`)
symbols.close()
