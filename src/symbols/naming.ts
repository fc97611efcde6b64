// What is asked of the addon, and its answers as values.

import type { NativeNameResult } from '../native/binding.ts'

/** A function as its symbol table spells it and as a person reads it. */
export interface NamedFunction {
  readonly function: string
  readonly systemName: string
}

/** The distinct functions of an answer, by the numbers in its `name` column (0 is none). */
export function functionsOf(
  result: Pick<NativeNameResult, 'functions' | 'systemNames'>,
): readonly (NamedFunction | undefined)[] {
  const functions = result.functions.map((name, index) => ({
    function: name,
    systemName: result.systemNames[index] ?? name,
  }))
  return [undefined, ...functions]
}

/** Where to look a frame's address up: a return address lies behind its call, which may be the function's last byte. */
export const lookedUp = (address: bigint, flags: number): bigint =>
  (flags & 1) !== 0 && address > 0n ? address - 1n : address
