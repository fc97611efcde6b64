// elfutils' own server gives a stripped program of a recording its names back, in the window that lacks them.

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEBUGINFOD_DEFAULTS, DEFAULT_SYMBOL_POLICY } from '../../src/core/symbol-policy.ts'
import { FileFrames, namedFrames } from '../support/file-frames.ts'
import { addressesIn, functionsOf, lacks } from '../support/line-oracle.ts'
import { made } from '../support/workload.ts'

const PATIENCE_MS = 60_000

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

const statusOf = (url: string): Promise<number> =>
  new Promise((resolve) => {
    get(url, (response) => resolve(response.resume().statusCode ?? 0)).on('error', () => resolve(0))
  })

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const start = performance.now(); !(await holds()); await sleep(100)) {
    assert.ok(performance.now() - start < PATIENCE_MS, `not in time: ${what}`)
  }
}

const skip = lacks('debuginfod', 'debuginfod') || lacks('nm', 'binutils') || lacks('g++', 'g++')

describe('debuginfod', { skip }, () => {
  let folder: string
  let program: string
  let stripped: string
  let server: ChildProcess
  let url: string

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-debuginfod-'))
    program = made('lines-debuginfod', 'lines/inlined.cc', (source, target) => [
      ...['g++', '-O2', '-g', '-Wl,--build-id', '-o', target, source],
    ])
    mkdirSync(join(folder, 'served'))
    copyFileSync(program, join(folder, 'served', 'program'))
    stripped = join(folder, 'stripped')
    execFileSync('strip', ['-o', stripped, program])
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    server = spawn(
      'debuginfod',
      ['-F', '-p', String(port), '-d', ':memory:', '-t', '1', join(folder, 'served')],
      { stdio: 'ignore', env: { ...process.env, DEBUGINFOD_URLS: '' } },
    )
  })
  after(async () => {
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true })
  })

  test('gives a stripped program its names and lines back', async () => {
    const cacheDirectory = join(folder, 'cache')
    const addresses = addressesIn(functionsOf(program), 200)
    const frames = new FileFrames(stripped, {
      ...DEFAULT_SYMBOL_POLICY,
      lines: true,
      debuginfod: { ...DEBUGINFOD_DEFAULTS, urls: [url], cacheDirectory },
    })
    try {
      const kept = join(
        cacheDirectory,
        '.build-id',
        frames.buildId.slice(0, 2),
        `${frames.buildId.slice(2)}.debug`,
      )
      await until('the server knows the program', async () => {
        return (await statusOf(`${url}/buildid/${frames.buildId}/debuginfo`)) === 200
      })
      const without = await namedFrames(stripped, addresses, { ...DEFAULT_SYMBOL_POLICY, lines: true })
      const then = await frames.named(addresses)
      assert.ok(existsSync(kept))
      const names = (chains: typeof then.chains) => chains.filter((names) => names.length > 0).length
      assert.ok(names(without.chains) < names(then.chains))
      const whole = new FileFrames(program, { ...DEFAULT_SYMBOL_POLICY, lines: true })
      assert.deepEqual(then.chains, (await whole.named(addresses)).chains)
      whole.close()
    } finally {
      frames.close()
    }
  })
})
