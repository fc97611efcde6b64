// What an address stands for where both the symbol table and DWARF speak of it.

import type { FrameName } from '../core/symbolizer.ts'
import { NO_OFFSET } from '../native/binding.ts'
import type { NamedAddress } from './name-cache.ts'
import type { NamedFunction } from './naming.ts'

/** A place in one of the functions at an address. */
export interface Place {
  readonly named: NamedFunction | undefined
  /** '' and 0 where unknown. */
  readonly file: string
  readonly line: number
}

/** What DWARF says of one address. */
export interface AddressLines {
  /** Innermost function first; the last is the function that the others were inlined into. */
  readonly places: readonly Place[]
  /** As in NativeLineResult. */
  readonly fromStart: number
  readonly fromEntry: number
}

/**
 * The functions of a frame, innermost first. The symbol table names the outermost; DWARF's lines and inlined functions
 * count only where it speaks of the same function. Undefined where it has nothing to add.
 */
export function chainOf(
  symbol: NamedAddress | null,
  { places, fromStart, fromEntry }: AddressLines,
): readonly FrameName[] | undefined {
  const outermost = places.at(-1)
  if (outermost === undefined) return undefined
  const inlined = places.slice(0, -1).flatMap(({ named, file, line }) => nameAt(named, file, line, 0))
  if (symbol === null) {
    const own = nameAt(outermost.named, outermost.file, outermost.line, fromStart)
    return own.length > 0 && fromStart !== NO_OFFSET ? [...inlined, ...own] : undefined
  }
  const { named, offset } = symbol
  const same = fromStart === offset || fromEntry === offset || isSameFunction(named, outermost, fromStart)
  return same ? [...inlined, ...nameAt(named, outermost.file, outermost.line, offset)] : undefined
}

/** Assembly has lines and no function: then the symbol's is the only one. */
const isSameFunction = (symbol: NamedFunction, { named }: Place, fromStart: number): boolean =>
  named === undefined ? fromStart === NO_OFFSET : plainName(symbol.systemName) === plainName(named.systemName)

/** What compilers add to the name of a part or a copy of a function, and linkers to that of a version. */
const ADDITION = /(?:\.(?:cold|part|constprop|isra|lto_priv|llvm|localalias|__uniq|warm)\b.*|@.*)$/

const plainName = (name: string): string => name.replace(ADDITION, '')

const nameAt = (
  named: NamedFunction | undefined,
  file: string,
  line: number,
  offset: number,
): readonly FrameName[] =>
  named === undefined ? [] : [{ function: named.function, systemName: named.systemName, file, line, offset }]
