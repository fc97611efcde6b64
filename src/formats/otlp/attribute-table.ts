import type { Writer } from 'protobufjs/minimal.js'
import { ANY_VALUE, DICTIONARY, KEY_VALUE_AND_UNIT, writeMessage, writeString, writeUint } from './fields.ts'
import type { StringTable } from './string-table.ts'

/** Attributes of samples, locations and mappings, each once. Index 0 is "not set". */
export class AttributeTable {
  readonly #strings: StringTable
  readonly #values: 'typed' | 'strings'
  readonly #indices = new Map<string, number>()
  readonly #rows: { readonly key: number; readonly value: string | number }[] = []

  constructor(strings: StringTable, values: 'typed' | 'strings') {
    this.#strings = strings
    this.#values = values
  }

  /** Nothing is known where the text is empty: undefined. */
  text(key: string, value: string): number | undefined {
    return value === '' ? undefined : this.#index(key, value)
  }

  number(key: string, value: number): number {
    return this.#index(key, this.#values === 'typed' ? value : String(value))
  }

  write(dictionary: Writer): void {
    writeMessage(dictionary, DICTIONARY.attributes, () => undefined)
    for (const row of this.#rows) {
      writeMessage(dictionary, DICTIONARY.attributes, (attribute) => {
        writeUint(attribute, KEY_VALUE_AND_UNIT.key, row.key)
        writeMessage(attribute, KEY_VALUE_AND_UNIT.value, (value) => writeValue(value, row.value))
      })
    }
  }

  #index(key: string, value: string | number): number {
    const content = `${key}\0${typeof value}\0${value}`
    const known = this.#indices.get(content)
    if (known !== undefined) return known
    const index = this.#rows.push({ key: this.#strings.index(key), value })
    this.#indices.set(content, index)
    return index
  }
}

/** AnyValue. A number that is 0 is written: an AnyValue without a field is no value. */
function writeValue(writer: Writer, value: string | number): void {
  if (typeof value === 'string') writeString(writer, ANY_VALUE.string, value)
  else writer.uint32(ANY_VALUE.int << 3).int64(value)
}
