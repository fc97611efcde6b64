import type { Writer } from 'protobufjs/minimal.js'
import type { OtlpEncoding } from '../../core/otlp-encoding.ts'
import type { Dictionary } from '../profile/dictionary.ts'
import { SequenceTable, unlimited } from '../profile/sequence-table.ts'
import { DICTIONARY, FUNCTION, writeMessage, writeUint } from './fields.ts'
import type { StringTable } from './string-table.ts'

/** Functions, each once: names that differ in their line are one. Index 0 is "not set". */
export class FunctionTable {
  readonly #dictionary: Dictionary
  readonly #strings: StringTable
  readonly #each: OtlpEncoding['functions']
  /** Name, system name and file of each, as indices of texts. */
  readonly #rows = new SequenceTable(unlimited())
  /** By the dictionary's number of a name; 0: not there yet. */
  readonly #ofName: Uint32Array
  readonly #key = new Uint32Array(3)

  /** `each`: how often a function stands there (OtlpEncoding.functions). */
  constructor(dictionary: Dictionary, strings: StringTable, each: OtlpEncoding['functions']) {
    this.#dictionary = dictionary
    this.#strings = strings
    this.#each = each
    this.#ofName = new Uint32Array(dictionary.nameCount)
  }

  index(name: number): number {
    const known = this.#ofName[name] as number
    if (known !== 0) return known
    const { function: text, systemName, file } = this.#dictionary.name(name)
    this.#key[0] = this.#strings.index(text)
    this.#key[1] = this.#strings.index(systemName)
    this.#key[2] = this.#strings.index(file)
    const index = (this.#rows.intern(this.#key, 3) + 1) * (this.#each === 'twice' ? 2 : 1)
    this.#ofName[name] = index
    return index
  }

  write(dictionary: Writer): void {
    writeMessage(dictionary, DICTIONARY.functions, () => undefined)
    for (let row = 0; row < this.#rows.length; row++) {
      if (this.#each === 'twice') this.#writeFunction(dictionary, row, 'without system name')
      this.#writeFunction(dictionary, row, 'whole')
    }
  }

  #writeFunction(dictionary: Writer, row: number, how: 'whole' | 'without system name'): void {
    writeMessage(dictionary, DICTIONARY.functions, (message) => {
      writeUint(message, FUNCTION.name, this.#rows.word(row, 0))
      if (how === 'whole') writeUint(message, FUNCTION.systemName, this.#rows.word(row, 1))
      writeUint(message, FUNCTION.filename, this.#rows.word(row, 2))
    })
  }
}
