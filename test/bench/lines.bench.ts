// What source lines cost: a program's first addresses (a process is started, its units are gone through), more of them, and
// those that are known.

import { resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { linesProgram, loadAddon } from '../../src/native/load.ts'
import { buildIdOf } from '../support/file-frames.ts'
import { addressesIn, functionsOf } from '../support/line-oracle.ts'
import { requestFor } from '../support/name-request.ts'

const file = resolve(process.argv[2] ?? 'build/native/sonde_core_tests')
const lines = loadAddon().openLines({
  program: linesProgram(),
  sources: [],
  debugDirectories: [],
  maxCacheBytes: 64 << 20,
  maxChildBytes: 512 << 20,
  maxChildSeconds: 120,
})

const functions = functionsOf(file)
const buildId = buildIdOf(file)

async function ask(what: string, addresses: readonly bigint[]): Promise<void> {
  const { cpuNs } = lines.stats()
  const start = performance.now()
  const [result] = await lines.findLines([requestFor(file, addresses, { buildId })], 240_000)
  const ms = performance.now() - start
  const cpuMs = (lines.stats().cpuNs - cpuNs) / 1e6
  const each = ((ms * 1000) / addresses.length).toFixed(1)
  console.log(
    `${what.padEnd(28)} ${ms.toFixed(0)} ms (child's CPU ${cpuMs.toFixed(0)} ms), ${each} µs each; ${result?.line.length ?? 0} places ${result?.problem ?? ''}`,
  )
}

const many = addressesIn(functions, 10_000)
await ask('1 address, file not cached', many.slice(0, 1))
await ask('1 address', many.slice(1, 2))
await ask('200 addresses', many.slice(2, 202))
await ask('5,000 addresses', many.slice(202, 5202))
await ask('the same', many.slice(202, 5202))
console.log(`kept: ${(lines.cacheBytes() / 2 ** 20).toFixed(1)} MiB`)
lines.close()
