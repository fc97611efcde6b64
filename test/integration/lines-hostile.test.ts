// Damaged and hostile DWARF: the child may die of it, the agent does not, and everything is bounded and counted.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { NativeLineResult, NativeLines } from '../../src/native/binding.ts'
import { linesProgram, loadAddon } from '../../src/native/load.ts'
import { buildIdOf } from '../support/file-frames.ts'
import { addressesIn, functionsOf, lacks } from '../support/line-oracle.ts'
import { requestFor } from '../support/name-request.ts'
import { made } from '../support/workload.ts'

const MUTATIONS = 200
const LIMIT_MS = 3000

interface Range {
  readonly at: number
  readonly size: number
}

/** Where the sections of DWARF lie in the file. */
const dwarfOf = (file: string): readonly Range[] =>
  execFileSync('readelf', ['-SW', file], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const [, offset = '', size = ''] =
        /\.debug_\w+\s+\w+\s+[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+)/.exec(line) ?? []
      return size === '' ? [] : [{ at: Number(`0x${offset}`), size: Number(`0x${size}`) }]
    })

/** The same numbers in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** A copy of the file with some damage in its DWARF. */
function damaged(whole: Buffer, sections: readonly Range[], seed: number): Buffer {
  const copy = Buffer.from(whole)
  const random = numbers(seed)
  for (let count = 1 + random(24); count > 0; count--) {
    const section = sections[random(sections.length)] ?? { at: 0, size: 1 }
    const at = section.at + random(section.size)
    const length = 1 + random(Math.min(random(3) === 0 ? 512 : 4, section.at + section.size - at))
    if (random(3) === 0) copy.fill([0, 0xff, 0x7f, 0x80][random(4)] ?? 0, at, at + length)
    else for (let byte = at; byte < at + length; byte++) copy[byte] = random(256)
  }
  return copy
}

describe('hostile DWARF', { skip: lacks('nm', 'binutils') || lacks('g++', 'g++') }, () => {
  let folder: string
  let program: string
  let addresses: readonly bigint[]
  let lines: NativeLines

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-lines-'))
    program = made('lines-hostile', 'lines/inlined.cc', (source, target) => [
      ...['g++', '-O2', '-g', '-Wl,--build-id', '-o', target, source],
    ])
    addresses = addressesIn(functionsOf(program), 300)
    lines = open()
  })
  after(() => {
    lines.close()
    rmSync(folder, { recursive: true })
  })

  const open = () =>
    loadAddon().openLines({
      program: linesProgram(),
      sources: [],
      debugDirectories: [],
      maxCacheBytes: 8 << 20,
      maxChildBytes: 128 << 20,
      maxChildSeconds: 5,
    })

  const ask = async (path: string, reader = lines): Promise<NativeLineResult> => {
    const request = requestFor(path, addresses, { buildId: buildIdOf(program) })
    const [result] = await reader.findLines([request], LIMIT_MS)
    assert.ok(result)
    return result
  }

  test('damaged files cost their own lines only', async (t) => {
    const whole = readFileSync(program)
    const sections = dwarfOf(program)
    assert.ok(sections.length >= 5)
    const memory = process.memoryUsage().rss
    let answered = 0
    for (let seed = 0; seed < MUTATIONS; seed++) {
      const path = join(folder, `damaged-${seed}`)
      writeFileSync(path, damaged(whole, sections, seed))
      const result = await ask(path)
      assert.equal(result.offsets.length, addresses.length + 1)
      for (const index of result.function) assert.ok(index <= result.functions.length)
      if (result.line.length > 0) answered++
      rmSync(path)
    }
    const stats = lines.stats()
    t.diagnostic(`${answered} of ${MUTATIONS} gave lines; ${JSON.stringify(stats)}`)
    assert.equal(stats.children, MUTATIONS)
    assert.ok(answered > 0)
    assert.ok(process.memoryUsage().rss - memory < 100 << 20)
  })

  test('a file that is cut while it is read costs its own lines only', async (t) => {
    const whole = readFileSync(program)
    const reader = open()
    for (let turn = 0; turn < 30; turn++) {
      const path = join(folder, `cut-${turn}`)
      writeFileSync(path, whole)
      const asked = ask(path, reader)
      const cut = setTimeout(() => truncateSync(path, 4096), turn / 4)
      const result = await asked
      clearTimeout(cut)
      assert.equal(result.offsets.length, addresses.length + 1)
      rmSync(path)
    }
    t.diagnostic(JSON.stringify(reader.stats()))
    reader.close()
  })

  test('an undamaged file has its lines after all that', async () => {
    const result = await ask(program)
    assert.equal(result.problem, '')
    assert.ok(result.line.length > addresses.length)
  })
})
