// A call chain and its note, put together again: the frames as they were when they were recorded.

import type { FrameFunction } from '../../core/profile.ts'
import type { NoteFrame, StackNote } from '../../formats/perf-data/stack-notes.ts'
import type { Chain } from './chain.ts'

export interface AddressFrame {
  readonly kind: 'kernel' | 'user'
  readonly address: bigint
  readonly returnAddress: boolean
  /** Innermost first. */
  readonly functions?: readonly FrameFunction[]
}

export type ChainFrame = AddressFrame | NoteFrame

/** Leaf first. What a damaged note inserts behind the stack's end stands at its end. */
export function* notedChain({ kernel, user }: Chain, note: StackNote): Generator<ChainFrame> {
  const unusual = new Set(note.unusual)
  const functions = Map.groupBy(note.functions, (known) => known.place)
  let inserted = 0
  let place = 0
  const parts = [
    ['kernel', kernel],
    ['user', user],
  ] as const
  for (const [kind, addresses] of parts) {
    for (const [index, address] of addresses.entries()) {
      for (let next = note.inserted[inserted]; next !== undefined && next.place <= place; place++) {
        yield next.frame
        next = note.inserted[++inserted]
      }
      const known = functions.get(place)?.map((each) => each.function)
      const named = known === undefined ? {} : { functions: known }
      yield { kind, address, returnAddress: index > 0 !== unusual.has(place), ...named }
      place++
    }
  }
  for (const { frame } of note.inserted.slice(inserted)) yield frame
}
