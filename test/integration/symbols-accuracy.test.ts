// Names agree with what binutils says of the same files, address by address.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { NativeAddon, NativeNameResult, NativeSymbols } from '../../src/native/binding.ts'
import { loadAddon } from '../../src/native/load.ts'
import { OWN_TABLES } from '../support/symbol-options.ts'

const PROGRAM = `
  #include <map>
  #include <string>
  #include <vector>
  namespace shop { template <typename Item> struct Shelf { std::vector<Item> items; void __attribute__((noinline)) put(Item item) { items.push_back(item); } }; }
  static int __attribute__((noinline)) hidden(int depth) { return depth < 1 ? 0 : hidden(depth - 1) + 1; }
  int main(int count, char**) { shop::Shelf<std::string> shelf; shelf.put("a"); std::map<int, std::string> more{{count, "b"}}; return hidden(count) + more.size() + shelf.items.size(); }
`
const LOOKUPS = 4000

interface Symbol {
  readonly start: bigint
  readonly end: bigint
  readonly name: string
}

/** Whether a program of binutils can be run; the tests that judge by it are skipped otherwise. */
function lacks(program: string): string | false {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return false
  } catch {
    return `${program} is not installed (Debian: binutils, g++)`
  }
}

/** The functions nm lists, ascending. Those without a size too: they end where they begin. */
function functionsOf(file: string): readonly Symbol[] {
  const listings = [[], ['-D']].map((table) =>
    execFileSync('nm', ['-S', '--defined-only', ...table, file], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  )
  const symbols: Symbol[] = []
  for (const line of listings.join('').split('\n')) {
    const [, start, size = '0', name] = /^([0-9a-f]{16}) (?:([0-9a-f]{16}) )?[tTwWi] (.+)$/.exec(line) ?? []
    if (start === undefined || name === undefined) continue
    symbols.push({ start: BigInt(`0x${start}`), end: BigInt(`0x${start}`) + BigInt(`0x${size}`), name })
  }
  return symbols.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
}

/** A generator of numbers that are the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Addresses anywhere in the span of the functions, at their first and last bytes, and just behind them. */
function addressesIn(symbols: readonly Symbol[], count: number): bigint[] {
  const random = numbers(7)
  const first = symbols[0]?.start ?? 0n
  const span = (symbols.at(-1)?.end ?? 0n) - first
  return Array.from({ length: count }, (_, index) => {
    const symbol = symbols[random(symbols.length)] as Symbol
    switch (index % 4) {
      case 0:
        return symbol.start
      case 1:
        return symbol.end === symbol.start ? symbol.start : symbol.end - 1n
      case 2:
        return symbol.end
      default:
        return first + BigInt(random(Number(span)))
    }
  })
}

/** Says which functions cover an address, by their sizes. `reach` is the furthest end up to each function. */
class Oracle {
  readonly symbols: readonly Symbol[]
  readonly #reach: readonly bigint[]

  constructor(symbols: readonly Symbol[]) {
    this.symbols = symbols
    let furthest = 0n
    this.#reach = symbols.map(({ end }) => {
      furthest = end > furthest ? end : furthest
      return furthest
    })
  }

  covering(address: bigint): readonly Symbol[] {
    const found: Symbol[] = []
    for (let index = this.#lastFrom(address); index >= 0 && (this.#reach[index] ?? 0n) > address; index--) {
      const symbol = this.symbols[index]
      if (symbol !== undefined && address < symbol.end) found.unshift(symbol)
    }
    return found
  }

  startingAt(address: bigint): readonly Symbol[] {
    const found: Symbol[] = []
    for (let index = this.#lastFrom(address); this.symbols[index]?.start === address; index--) {
      found.push(this.symbols[index] as Symbol)
    }
    return found
  }

  /** The last symbol that begins at or before the address. */
  #lastFrom(address: bigint): number {
    let low = 0
    let high = this.symbols.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.symbols[middle]?.start ?? 0n) <= address) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

/** What is wrong with an answer; undefined where nothing is. */
function mistake(
  oracle: Oracle,
  address: bigint,
  answer: { name: string; offset: bigint } | undefined,
): string | undefined {
  const innermost = oracle.covering(address).at(-1)
  const at = `0x${address.toString(16)}`
  if (answer === undefined)
    return innermost === undefined ? undefined : `${at} has no name, nm: ${innermost.name}`
  const start = address - answer.offset
  const candidates = oracle.startingAt(start)
  if (!candidates.some(({ name }) => name.split('@')[0] === answer.name.split('@')[0])) {
    return `${at} is ${answer.name}+${answer.offset}, nm knows no such symbol there`
  }
  if (innermost !== undefined)
    return start === innermost.start ? undefined : `${at} is ${answer.name}, nm: ${innermost.name}`
  // Only routines that state no size may claim an address that no size covers.
  return candidates.some((symbol) => symbol.end === symbol.start)
    ? undefined
    : `${at} is ${answer.name}, behind its end`
}

const answerAt = (result: NativeNameResult, index: number) =>
  result.name[index] === 0
    ? undefined
    : {
        name: result.systemNames[(result.name[index] ?? 0) - 1] ?? '',
        offset: BigInt(result.offset[index] ?? 0),
      }

const buildIdOf = (file: string): string =>
  /Build ID: ([0-9a-f]+)/.exec(
    execFileSync('readelf', ['-n', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  )?.[1] ?? ''

/** A library of this process, as it is mapped. */
const mapped = (name: string): string | undefined =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .map((line) => line.slice(73).trim())
    .find((path) => path.includes(name))

describe('names by address', { skip: lacks('nm') || lacks('g++') }, () => {
  let addon: NativeAddon
  let symbols: NativeSymbols
  let folder: string

  before(() => {
    addon = loadAddon()
    symbols = addon.openSymbols(OWN_TABLES)
    folder = mkdtempSync(join(tmpdir(), 'sonde-symbols-'))
    writeFileSync(join(folder, 'shop.cc'), PROGRAM)
    execFileSync('g++', ['-O1', '-Wl,--build-id', '-o', join(folder, 'shop'), join(folder, 'shop.cc')])
    execFileSync('strip', ['-o', join(folder, 'stripped'), join(folder, 'shop')])
  })
  after(() => {
    symbols.close()
    rmSync(folder, { recursive: true })
  })

  async function lookUp(path: string, addresses: readonly bigint[]): Promise<NativeNameResult> {
    const [result] = await symbols.nameImages(
      [
        {
          kind: 0,
          path,
          buildId: buildIdOf(path),
          contentHash: '',
          device: 0n,
          inode: 0n,
          pids: [],
          addresses: BigUint64Array.from(addresses),
          addressSpace: 0,
        },
      ],
      20_000,
    )
    assert.ok(result)
    assert.equal(result.problem, '')
    return result
  }

  async function agreesWithNm(path: string, count: number): Promise<number> {
    const oracle = new Oracle(functionsOf(path))
    const addresses = addressesIn(oracle.symbols, count)
    const result = await lookUp(path, addresses)
    const mistakes = addresses.flatMap(
      (address, index) => mistake(oracle, address, answerAt(result, index)) ?? [],
    )
    assert.deepEqual(mistakes.slice(0, 5), [])
    return result.name.filter((name) => name !== 0).length
  }

  test('a C++ program agrees with nm', async () => {
    const named = await agreesWithNm(join(folder, 'shop'), LOOKUPS)
    assert.ok(named > LOOKUPS / 3, `only ${named} of ${LOOKUPS} addresses have a name`)
  })

  test('libc and libstdc++, which list exported functions only, agree with nm', async () => {
    const libraries = [mapped('libc.so.6'), mapped('libstdc++.so.6')].filter((path) => path !== undefined)
    assert.ok(libraries.length > 0)
    for (const library of libraries) assert.ok((await agreesWithNm(library, LOOKUPS)) > LOOKUPS / 3)
  })

  test('the node binary agrees with nm', async () => {
    assert.ok((await agreesWithNm(process.execPath, LOOKUPS)) > LOOKUPS / 3)
  })

  test('a stripped program names nothing that it does not export', async () => {
    const functions = functionsOf(join(folder, 'shop'))
    const hidden = functions.filter(({ name, start, end }) => name.includes('hidden') && start < end)
    assert.ok(hidden.length > 0)
    const result = await lookUp(
      join(folder, 'stripped'),
      hidden.map(({ start }) => start),
    )
    assert.deepEqual(result.functions, [])
  })

  test('C++ names read as c++filt reads them', { skip: lacks('c++filt') }, () => {
    const library = mapped('libstdc++.so.6') ?? process.execPath
    const names = [...functionsOf(join(folder, 'shop')), ...functionsOf(library)]
      .map(({ name }) => name.split('@')[0] ?? '')
      // std::string and its like: c++filt shortens them, the compiler's library spells them out.
      .filter((name) => name.startsWith('_Z') && !/S[abdios]/.test(name))
    const expected = execFileSync('c++filt', { input: names.join('\n'), encoding: 'utf8' }).split('\n')
    assert.ok(names.length > 500)
    const wrong = names.filter((name, index) => addon.demangle(name) !== expected[index])
    assert.deepEqual(wrong.slice(0, 5), [])
  })

  test('kernel functions agree with kallsyms', async (t) => {
    const lines = readFileSync('/proc/kallsyms', 'latin1').trim().split('\n')
    const starts = new Map<string, string[]>()
    for (const line of lines) {
      const [, address = '', name = ''] = /^([0-9a-f]{16}) [tTwW] (\S+)/.exec(line) ?? []
      starts.set(address, [...(starts.get(address) ?? []), name])
    }
    if (starts.size < 100) return t.skip('kallsyms hides its addresses: needs CAP_SYSLOG')
    const random = numbers(3)
    const sorted = [...starts.keys()].filter((address) => /[^0]/.test(address)).sort()
    const picked = Array.from({ length: 2000 }, () => sorted[random(sorted.length)] ?? '')
    const result = await symbols.nameKernel(
      BigUint64Array.from(picked, (address) => BigInt(`0x${address}`)),
      0n,
      false,
    )
    assert.equal(result.problem, '')
    const mistakes = picked.flatMap((address, index) => {
      const answer = answerAt(result, index)
      const known = starts.get(address) ?? []
      if (answer === undefined)
        return known.every((name) => /text|^_/.test(name)) ? [] : [`${address} ${known} has no name`]
      return answer.offset === 0n && known.includes(answer.name)
        ? []
        : [`${address} ${known} is ${answer.name}`]
    })
    assert.deepEqual(mistakes.slice(0, 5), [])
    const { text, textEnd } = addon.kernelFacts()
    assert.equal(text, BigInt(`0x${lines.find((line) => line.endsWith(' _text'))?.slice(0, 16)}`))
    assert.equal(textEnd, BigInt(`0x${lines.find((line) => line.endsWith(' _etext'))?.slice(0, 16)}`))
  })

  test('what a kernel of another boot was doing is named after the shift of its text', async () => {
    const { text } = addon.kernelFacts()
    if (text === 0n) return
    const here = await symbols.nameKernel(BigUint64Array.of(text + 0x1000n, text + 0x20_0000n), 0n, false)
    const moved = text - 0x1000_0000n
    const there = await symbols.nameKernel(
      BigUint64Array.of(moved + 0x1000n, moved + 0x20_0000n),
      moved,
      false,
    )
    assert.deepEqual(there, here)
  })
})
