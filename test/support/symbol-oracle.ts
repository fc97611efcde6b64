// What binutils says of a file's functions, to hold names against.

import { execFileSync } from 'node:child_process'
import type { NativeNameResult } from '../../src/native/binding.ts'

/** A function as nm lists it. */
export interface Symbol {
  readonly start: bigint
  readonly end: bigint
  readonly name: string
}

/** Whether a program of binutils can be run; the tests that judge by it are skipped otherwise. */
export function lacks(program: string): string | false {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return false
  } catch {
    return `${program} is not installed (Debian: binutils, g++)`
  }
}

/** The functions nm lists, ascending. Those without a size too: they end where they begin. */
export function functionsOf(file: string): readonly Symbol[] {
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
export function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Addresses anywhere in the span of the functions, at their first and last bytes, and just behind them. */
export function addressesIn(symbols: readonly Symbol[], count: number): bigint[] {
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
export class Oracle {
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
export function mistake(
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

export const answerAt = (result: NativeNameResult, index: number) =>
  result.name[index] === 0
    ? undefined
    : {
        name: result.systemNames[(result.name[index] ?? 0) - 1] ?? '',
        offset: BigInt(result.offset[index] ?? 0),
      }

export const buildIdOf = (file: string): string =>
  /Build ID: ([0-9a-f]+)/.exec(
    execFileSync('readelf', ['-n', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  )?.[1] ?? ''
