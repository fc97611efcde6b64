// What other tools say of the source lines of addresses.

import { execFileSync } from 'node:child_process'

/** A place in one of the functions at an address, innermost first; 0 and '' where unknown. */
export interface OraclePlace {
  readonly function: string
  readonly file: string
  readonly line: number
}

export interface LineOracle {
  readonly name: string
  readonly placesOf: (file: string, addresses: readonly bigint[]) => readonly (readonly OraclePlace[])[]
}

/** LLVM's own DWARF reader. */
export const llvmSymbolizer: LineOracle = {
  name: 'llvm-symbolizer',
  placesOf: (file, addresses) =>
    parse(
      execFileSync(
        'llvm-symbolizer',
        ['--inlines', '--functions=linkage', '--no-demangle', '-a', `--obj=${file}`],
        inputOf(addresses),
      ),
    ),
}

/** libdw, as ours, by another way. */
export const euAddr2line: LineOracle = {
  name: 'eu-addr2line',
  placesOf: (file, addresses) =>
    parse(execFileSync('eu-addr2line', ['-i', '-f', '-a', '-e', file], inputOf(addresses))),
}

/** Why a program cannot be run, false where it can. */
export function lacks(program: string, debianPackage: string): string | false {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return false
  } catch {
    return `${program} is not installed (Debian: ${debianPackage})`
  }
}

const inputOf = (addresses: readonly bigint[]) => ({
  input: `${addresses.map((address) => `0x${address.toString(16)}`).join('\n')}\n`,
  encoding: 'utf8' as const,
  maxBuffer: 1 << 28,
})

/** Both write the address, and then a line with the function and one with the place for each function there. */
function parse(output: string): readonly (readonly OraclePlace[])[] {
  const places: OraclePlace[][] = []
  let name = ''
  for (const line of output.split('\n')) {
    if (/^0x[0-9a-f]+$/.test(line)) {
      places.push([])
      name = ''
    } else if (name === '') {
      name = line.replace(/ inlined at .*$/, '')
    } else {
      places.at(-1)?.push({ function: name === '??' ? '' : name, ...placeOf(line) })
      name = ''
    }
  }
  return places
}

function placeOf(text: string): Pick<OraclePlace, 'file' | 'line'> {
  const [, file = '??', line = '0'] = /^(.*?):(\d+)(?::\d+)?(?: \(.*\))?$/.exec(text) ?? []
  return { file: file === '??' ? '' : file, line: Number(line) }
}

export interface SizedSymbol {
  readonly start: bigint
  readonly size: number
  readonly name: string
}

/** The functions of a file that state a size. */
export function functionsOf(file: string): readonly SizedSymbol[] {
  const listing = execFileSync('nm', ['-S', '--defined-only', file], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return listing.split('\n').flatMap((line) => {
    const [, start, size = '0', name = ''] = /^([0-9a-f]{16}) ([0-9a-f]{16}) [tTwWi] (.+)$/.exec(line) ?? []
    return start === undefined ? [] : [{ start: BigInt(`0x${start}`), size: Number(`0x${size}`), name }]
  })
}

/** Addresses in functions, the same in every run. */
export function addressesIn(symbols: readonly SizedSymbol[], count: number): readonly bigint[] {
  let state = 7
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const addresses = Array.from({ length: count }, () => {
    const symbol = symbols[random(symbols.length)]
    return symbol === undefined ? 0n : symbol.start + BigInt(random(symbol.size))
  })
  return [...new Set(addresses)]
}
