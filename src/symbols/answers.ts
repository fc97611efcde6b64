// Answers of the addon, by address.

import type { NativeNameResult } from '../native/binding.ts'
import type { NamedAddress } from './name-cache.ts'
import { functionsOf, type NamedFunction } from './naming.ts'

/** `functions`: functionsOf the same result. */
export function answerAt(
  result: Pick<NativeNameResult, 'name' | 'offset'>,
  functions: readonly (NamedFunction | undefined)[],
  index: number,
): NamedAddress | null {
  const named = functions[result.name[index] ?? 0]
  return named === undefined ? null : { named, offset: result.offset[index] ?? 0 }
}

/** All of them. */
export function answersOf(result: NativeNameResult): readonly (NamedAddress | null)[] {
  const functions = functionsOf(result)
  return Array.from(result.name, (_, index) => answerAt(result, functions, index))
}
