// Names agree with what binutils says of the same files, address by address.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { NativeAddon, NativeNameResult, NativeSymbols } from '../../src/native/binding.ts'
import { loadAddon } from '../../src/native/load.ts'
import { agreesWithNm, requestFor } from '../support/name-request.ts'
import { OWN_TABLES } from '../support/symbol-options.ts'
import { answerAt, buildIdOf, functionsOf, lacks, numbers } from '../support/symbol-oracle.ts'

const PROGRAM = `
  #include <map>
  #include <string>
  #include <vector>
  namespace shop { template <typename Item> struct Shelf { std::vector<Item> items; void __attribute__((noinline)) put(Item item) { items.push_back(item); } }; }
  static int __attribute__((noinline)) hidden(int depth) { return depth < 1 ? 0 : hidden(depth - 1) + 1; }
  int main(int count, char**) { shop::Shelf<std::string> shelf; shelf.put("a"); std::map<int, std::string> more{{count, "b"}}; return hidden(count) + more.size() + shelf.items.size(); }
`
const LOOKUPS = 4000

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
    const request = requestFor(path, addresses, { buildId: buildIdOf(path) })
    const [result] = await symbols.nameImages([request], 20_000)
    assert.ok(result)
    assert.equal(result.problem, '')
    return result
  }

  const namedAsByNm = async (file: string): Promise<number> => {
    const question = { file, count: LOOKUPS, uncovered: true }
    return (await agreesWithNm(question, (addresses) => lookUp(file, addresses))).named
  }

  test('a C++ program agrees with nm', async () => {
    const named = await namedAsByNm(join(folder, 'shop'))
    assert.ok(named > LOOKUPS / 3, `only ${named} of ${LOOKUPS} addresses have a name`)
  })

  test('libc and libstdc++, which list exported functions only, agree with nm', async () => {
    const libraries = [mapped('libc.so.6'), mapped('libstdc++.so.6')].filter((path) => path !== undefined)
    assert.ok(libraries.length > 0)
    for (const library of libraries) assert.ok((await namedAsByNm(library)) > LOOKUPS / 3)
  })

  test('the node binary agrees with nm', async () => {
    assert.ok((await namedAsByNm(process.execPath)) > LOOKUPS / 3)
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
