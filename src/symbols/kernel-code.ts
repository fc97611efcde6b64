// Names of code that the kernel made at run time, as it told them while the window lasted.

import type { KernelSymbolEvent } from '../core/kernel-code.ts'
import type { Rows } from '../core/process.ts'
import type { NamedAddress } from './name-cache.ts'

const PAGE = 4096n
/** A BPF program has a million instructions at most, and none of the kernel's makes more of them than fit here. */
const MAX_PAGES = 4096n

/**
 * What the events of a window say of an address. A program that has gone since is in no list of the kernel any more; where
 * one came in another's place the frame does not tell whose it is, so that neither names it.
 */
export class KernelCode {
  readonly #byPage = new Map<bigint, KernelSymbolEvent[]>()

  constructor(events: Rows<KernelSymbolEvent>) {
    for (const event of events) {
      const first = event.start / PAGE
      const last = (event.start + BigInt(event.length)) / PAGE
      for (let page = first; page <= last && page - first < MAX_PAGES; page++) {
        const others = this.#byPage.get(page) ?? []
        others.push(event)
        this.#byPage.set(page, others)
      }
    }
  }

  /** Undefined: nothing happened there. Null: more than one program was there. */
  at(address: bigint): NamedAddress | null | undefined {
    const there = (this.#byPage.get(address / PAGE) ?? []).filter(
      ({ start, length }) => address >= start && address < start + BigInt(length),
    )
    const [first, ...others] = there
    if (first === undefined) return undefined
    if (others.some(({ start, name }) => start !== first.start || name !== first.name)) return null
    const named = { function: first.name, systemName: first.name }
    return { named, offset: Number(address - first.start) }
  }
}
