// What names cost, in CPU time: reading a file's symbols, one look-up in a table that is warm, reading kallsyms, one window.

import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type {
  NativeNameRequest,
  NativeNameResult,
  NativeSymbols,
  NativeSymbolsOptions,
} from '../../src/native/binding.ts'
import { loadAddon } from '../../src/native/load.ts'
import { ALL_SOURCES, OWN_TABLES } from '../support/symbol-options.ts'

const LOOKUPS = 1_000_000
const WINDOW_FRAMES = 3000
const addon = loadAddon()

async function timed<Value>(
  work: () => Promise<Value>,
): Promise<{ readonly ms: number; readonly value: Value }> {
  const start = process.cpuUsage()
  const value = await work()
  const { user, system } = process.cpuUsage(start)
  return { ms: (user + system) / 1000, value }
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

function requestFor(
  path: string,
  addresses: BigUint64Array,
  pids: readonly number[] = [],
): NativeNameRequest {
  const { dev, ino } = statSync(path, { bigint: true })
  const device = ((dev >> 8n) << 32n) | (dev & 0xffn)
  return { kind: 0, path, buildId: '', contentHash: '', device, inode: ino, pids, addresses, addressSpace: 0 }
}

async function ask(
  symbols: NativeSymbols,
  path: string,
  addresses: BigUint64Array,
): Promise<NativeNameResult> {
  const [result] = await symbols.nameImages([requestFor(path, addresses)], 60_000)
  if (result === undefined || result.problem !== '') throw new Error(result?.problem ?? 'no result')
  return result
}

const nameNode = (symbols: NativeSymbols, addresses: BigUint64Array) =>
  ask(symbols, process.execPath, addresses)

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

await benchmarkImages()
await benchmarkIdentities()

const before = symbols.cacheBytes()
const kernel = await timed(() => symbols.nameKernel(BigUint64Array.of(0xffff_ffff_8100_0000n), 0n, false))
report('kallsyms: read', kernel.value.problem || `${kernel.ms.toFixed(0)} ms`)
report('bytes of the kernel’s table', `${((symbols.cacheBytes() - before) / 1024).toFixed(0)} KiB`)
const facts = await best(3, async () => addon.kernelFacts())
report('kernelFacts', `${facts.toFixed(2)} ms`)
symbols.close()

/** What a file costs when it is first asked about: time, and bytes of its tables. */
async function benchmarkImages(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-'))
  const make = (name: string, command: string, ...args: readonly string[]): string => {
    execFileSync(command, [...args, join(folder, name)], { stdio: 'ignore' })
    return join(folder, name)
  }
  try {
    const stripped = make('stripped', 'strip', process.execPath, '-o')
    const debug = make('debug', 'objcopy', '--only-keep-debug', process.execPath)
    const byId = join(folder, '.build-id', (buildId ?? '').slice(0, 2))
    mkdirSync(byId, { recursive: true })
    writeFileSync(join(folder, 'gigabyte'), '')
    truncateSync(join(folder, 'gigabyte'), 2 ** 30)
    const large = make(
      ...(['large', 'objcopy', '--add-section', `.debug_types=${join(folder, 'gigabyte')}`] as const),
      process.execPath,
    )
    const libc = readFileSync('/proc/self/maps', 'utf8').match(/\/\S*libc\.so\.6/)?.[0]
    const options = { ...ALL_SOURCES, debugDirectories: [folder] }
    await reportCold('libc, its own tables', libc, OWN_TABLES)
    await reportCold('libc with its debug file', libc, ALL_SOURCES)
    await reportCold('node', process.execPath, options)
    await reportCold('node, stripped', stripped, options)
    copyFileSync(debug, join(byId, `${(buildId ?? '').slice(2)}.debug`))
    await reportCold('node, stripped, with a debug file', stripped, options)
    await reportCold(`node with 1 GiB of DWARF (${statSync(large).size} bytes)`, large, options)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function reportCold(
  what: string,
  path: string | undefined,
  options: NativeSymbolsOptions,
): Promise<void> {
  if (path === undefined) return
  let bytes = 0
  const ms = await best(3, async () => {
    const opened = addon.openSymbols(options)
    await ask(opened, path, BigUint64Array.of(0n))
    bytes = opened.cacheBytes()
    opened.close()
  })
  report(`${what}: read, and its identity`, `${ms.toFixed(1)} ms, ${(bytes / 1024).toFixed(0)} KiB`)
}

/** What a window costs whose names are all known: each image is opened, and is what it was. */
async function benchmarkIdentities(): Promise<void> {
  const opened = addon.openSymbols(ALL_SOURCES)
  const images = [process.execPath, '/usr/bin/bash', '/usr/bin/gdb', '/usr/bin/objdump'].filter(existsSync)
  const requests = Array.from({ length: 100 }, (_, index) =>
    requestFor(images[index % images.length] ?? '', new BigUint64Array(0), [process.pid]),
  )
  await opened.nameImages(requests, 60_000)
  const ms = await best(5, () => opened.nameImages(requests, 60_000))
  report('an image whose names are known: opened and recognised', `${(ms * 10).toFixed(0)} µs`)
  opened.close()
}
