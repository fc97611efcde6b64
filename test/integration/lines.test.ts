// Source lines and inlined functions agree with what LLVM and elfutils say of the same files.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import { DEFAULT_SYMBOL_POLICY } from '../../src/core/symbol-policy.ts'
import type { FrameName } from '../../src/core/symbolizer.ts'
import { buildIdOf, namedFrames } from '../support/file-frames.ts'
import {
  addressesIn,
  euAddr2line,
  functionsOf,
  type LineOracle,
  lacks,
  llvmSymbolizer,
  type OraclePlace,
  type SizedSymbol,
} from '../support/line-oracle.ts'
import { made } from '../support/workload.ts'

const ADDRESSES = 1500
const POLICY = { ...DEFAULT_SYMBOL_POLICY, lines: true }

interface Program {
  /**
   * eu-addr2line leaves inlined functions out where the compiler moved them to other units (LTO, Rust), and does not read
   * what clang writes without .debug_aranges.
   */
  readonly euReads?: boolean
  readonly name: string
  readonly compiler: string
  readonly source: string
  readonly flags: readonly string[]
}

const cc = (name: string, flags: readonly string[], compiler = 'g++'): Program => ({
  euReads: compiler === 'g++' && !flags.includes('-flto'),
  name,
  compiler,
  source: 'lines/inlined.cc',
  flags: ['-O2', '-g', '-Wl,--build-id', ...flags],
})

const plainProgram = cc('gcc, DWARF 5', ['-gdwarf-5'])
const PROGRAMS: readonly Program[] = [
  plainProgram,
  cc('gcc, DWARF 4', ['-gdwarf-4']),
  cc('gcc, DWARF 4 with type units', ['-gdwarf-4', '-fdebug-types-section']),
  cc('gcc, compressed by zlib', ['-gz=zlib']),
  cc('gcc, thrown away functions', ['-ffunction-sections', '-Wl,--gc-sections', '-no-pie']),
  cc('gcc, link-time optimised', ['-flto']),
  cc('clang, DWARF 5', ['-gdwarf-5'], 'clang++'),
  cc('clang, DWARF 4', ['-gdwarf-4'], 'clang++'),
  {
    euReads: true,
    name: 'C',
    compiler: 'gcc',
    source: 'unwind/libc_heavy.c',
    flags: ['-O2', '-g', '-Wl,--build-id', '-pthread'],
  },
  {
    name: 'Rust',
    compiler: 'rustc',
    source: 'unwind/mixed.rs',
    flags: ['--edition', '2021', '-O', '-g', '-Clink-arg=-Wl,--build-id'],
  },
]

const built = ({ name, compiler, source, flags }: Program): string =>
  made(`lines-${name.replaceAll(/[^A-Za-z0-9]+/g, '-')}`, source, (from, program) => [
    compiler,
    ...flags,
    '-o',
    program,
    from,
  ])

/** What is wrong with an answer; undefined where nothing is. */
class Judge {
  readonly #names = new Map<bigint, Set<string>>()

  constructor(symbols: readonly SizedSymbol[]) {
    for (const { start, name } of symbols) {
      this.#names.set(start, (this.#names.get(start) ?? new Set()).add(plain(name)))
    }
  }

  difference(
    address: bigint,
    ours: readonly FrameName[],
    theirs: readonly OraclePlace[],
  ): string | undefined {
    const known = theirs.some(({ line }) => line > 0)
    if (!known) return ours.every(({ line }) => line === 0) ? undefined : this.#text(address, ours, theirs)
    const same =
      ours.length === theirs.length &&
      ours.every((name, index) => {
        const place = theirs[index]
        const outermost = index === ours.length - 1
        return (
          place !== undefined &&
          name.line === place.line &&
          (name.file === place.file || place.line === 0) &&
          (outermost ? this.#isCalled(address, name, place) : name.systemName === place.function)
        )
      })
    return same ? undefined : this.#text(address, ours, theirs)
  }

  /** The symbol's name, or another of the same function. */
  #isCalled(address: bigint, { systemName, offset }: FrameName, place: OraclePlace): boolean {
    if (plain(systemName) === plain(place.function)) return true
    return this.#names.get(address - BigInt(offset))?.has(plain(systemName)) === true
  }

  #text(address: bigint, ours: readonly FrameName[], theirs: readonly OraclePlace[]): string {
    const line = (name: string, file: string, number: number) => `${name} ${file}:${number}`
    return [
      `0x${address.toString(16)}`,
      `ours: ${ours.map(({ systemName, file, line: at }) => line(systemName, file, at)).join(' < ')}`,
      `theirs: ${theirs.map((place) => line(place.function, place.file, place.line)).join(' < ')}`,
    ].join('\n  ')
  }
}

const plain = (name: string): string =>
  name.replace(/(?:\.(?:cold|part|constprop|isra|lto_priv)\b.*|@.*)$/, '')

/** Of the C library's start-up code, which has no DWARF: eu-addr2line gives it the line of what stands before it. */
const OF_LIBC =
  /^(?:_start|_init|_fini|_dl_relocate_static_pie|(?:de)?register_tm_clones|__do_global_dtors_aux|frame_dummy)$/

async function agreement(file: string, oracle: LineOracle): Promise<{ differences: string[]; of: number }> {
  const symbols = functionsOf(file)
  const asked = oracle === euAddr2line ? symbols.filter(({ name }) => !OF_LIBC.test(name)) : symbols
  const addresses = addressesIn(asked, ADDRESSES)
  const { chains, problems } = await namedFrames(file, addresses, POLICY)
  assert.deepEqual(problems, [])
  const theirs = oracle.placesOf(file, addresses)
  assert.equal(theirs.length, addresses.length)
  const judge = new Judge(symbols)
  const differences = addresses.flatMap(
    (address, index) => judge.difference(address, chains[index] ?? [], theirs[index] ?? []) ?? [],
  )
  return { differences, of: addresses.length }
}

describe('source lines and inlined functions', { skip: lacks('nm', 'binutils') }, () => {
  for (const program of PROGRAMS) {
    for (const oracle of program.euReads === true ? [llvmSymbolizer, euAddr2line] : [llvmSymbolizer]) {
      const skip =
        lacks(program.compiler, program.compiler) ||
        lacks(oracle.name, oracle === euAddr2line ? 'elfutils' : 'llvm')
      test(`${program.name}: as ${oracle.name} has them`, { skip }, async (t) => {
        const { differences, of } = await agreement(built(program), oracle)
        t.diagnostic(`${differences.length} of ${of} differ`)
        assert.ok(differences.length <= of / 100, differences.slice(0, 3).join('\n'))
      })
    }
  }

  /** Addresses of the program's functions, and what the symbolizer says of all of them. */
  const linesOf = async (file: string) =>
    await namedFrames(file, addressesIn(functionsOf(built(plainProgram)), 200), POLICY)

  test('DWARF that was split into other files is not followed, and that is said', async () => {
    const split = built(cc('split', ['-gsplit-dwarf']))
    const { chains, problems } = await linesOf(split)
    assert.deepEqual(problems, [`${split}: its DWARF is split into .dwo files, which are not followed`])
    assert.ok(chains.every((names) => names.every(({ line }) => line === 0)))
  })

  test('names that were moved to a shared file are left out, and that is said', {
    skip: lacks('dwz', 'dwz'),
  }, async () => {
    const files = ['one', 'two'].map((name) => `${built(plainProgram)}-${name}`)
    for (const file of files) copyFileSync(built(plainProgram), file)
    execFileSync('dwz', ['-m', `${files[0]}-shared`, ...files], { stdio: 'ignore' })
    const { chains, problems } = await linesOf(files[0] ?? '')
    assert.deepEqual(problems, [
      `${files[0]}: names are in another DWARF file (.gnu_debugaltlink), which is not followed`,
    ])
    assert.ok(chains.some((names) => (names.at(-1)?.line ?? 0) > 0))
  })

  test('DWARF in a separate debug file counts as the file’s own', async () => {
    const whole = built(plainProgram)
    const stripped = `${whole}-stripped`
    const id = buildIdOf(whole)
    const directory = `${whole}-debug`
    mkdirSync(`${directory}/.build-id/${id.slice(0, 2)}`, { recursive: true })
    const debugFile = `${directory}/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`
    execFileSync('objcopy', ['--only-keep-debug', whole, debugFile])
    execFileSync('objcopy', ['--strip-debug', whole, stripped])
    const addresses = addressesIn(functionsOf(whole), 300)
    const apart = await namedFrames(stripped, addresses, { ...POLICY, debugDirectories: [directory] })
    assert.deepEqual(apart, await namedFrames(whole, addresses, POLICY))
    assert.ok(apart.chains.some((names) => names.length > 1))
  })

  test('without being asked for there are none', async () => {
    const file = built(plainProgram)
    const { chains } = await namedFrames(file, addressesIn(functionsOf(file), 50), DEFAULT_SYMBOL_POLICY)
    assert.ok(chains.every((names) => names.length <= 1 && names.every(({ line }) => line === 0)))
  })
})
