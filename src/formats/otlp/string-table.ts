import type { Writer } from 'protobufjs/minimal.js'
import { DICTIONARY, writeElement } from './fields.ts'

/** Texts, each once; index 0 is the empty one. */
export class StringTable {
  readonly #indices = new Map<string, number>([['', 0]])

  index(text: string): number {
    const known = this.#indices.get(text)
    if (known !== undefined) return known
    const index = this.#indices.size
    this.#indices.set(text, index)
    return index
  }

  /** To be called last: what the other tables say is in it by then. */
  write(dictionary: Writer): void {
    for (const text of this.#indices.keys()) writeElement(dictionary, DICTIONARY.strings, text)
  }
}
