// What the native side is asked about a file, and whether its answer is nm's.

import assert from 'node:assert/strict'
import type { NativeNameRequest, NativeNameResult } from '../../src/native/binding.ts'
import { addressesIn, answerAt, functionsOf, mistake, Oracle } from './symbol-oracle.ts'

/** Unix ns. */
const NEVER_CHANGES = 2n ** 62n

/** About addresses as the file states them; `known` is what the kernel said of its mapping. */
export const requestFor = (
  path: string,
  addresses: readonly bigint[],
  known: Partial<NativeNameRequest> = {},
): NativeNameRequest => ({
  kind: 0,
  path,
  buildId: '',
  contentHash: '',
  device: 0n,
  inode: 0n,
  // Where no process leads to the file, it is known by its inode.
  seenHere: NEVER_CHANGES,
  pids: [],
  addresses: BigUint64Array.from(addresses),
  addressSpace: 0,
  ...known,
})

export interface NmQuestion {
  /** The file whose symbols nm reads. */
  readonly file: string
  /** How many addresses are picked. */
  readonly count: number
  /** Whether one that no symbol covers counts, too: stubs are behind the functions, and nm does not know them. */
  readonly uncovered: boolean
}

/** Each address has the name that nm gives it. Returns how many were asked about, and what they are called. */
export async function agreesWithNm(
  { file, count, uncovered }: NmQuestion,
  lookUp: (addresses: readonly bigint[]) => Promise<NativeNameResult>,
): Promise<{ readonly asked: number; readonly named: number }> {
  const oracle = new Oracle(functionsOf(file))
  const addresses = addressesIn(oracle.symbols, count).filter(
    (address) => uncovered || oracle.covering(address).length > 0,
  )
  const result = await lookUp(addresses)
  const mistakes = addresses.flatMap(
    (address, index) => mistake(oracle, address, answerAt(result, index)) ?? [],
  )
  assert.deepEqual(mistakes.slice(0, 5), [])
  return { asked: addresses.length, named: result.name.filter((name) => name !== 0).length }
}
