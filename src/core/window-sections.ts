// The sections of a window buffer as typed arrays over it.

import type { Rows } from './process.ts'
import type { Strings } from './profile.ts'
import {
  HEADER_BYTES,
  SECTION_BYTES,
  SECTIONS,
  type SectionName,
  SHARED,
  WINDOW_MAGIC,
  WINDOW_VERSION,
} from './window-layout.ts'

export class Sections {
  readonly #buffer: SharedArrayBuffer
  readonly #places = new Map<string, { offset: number; count: number }>()

  constructor(buffer: SharedArrayBuffer) {
    this.#buffer = buffer
    const view = new DataView(buffer)
    const magic = view.getUint32(0, true)
    const version = view.getUint32(4, true)
    if (magic !== WINDOW_MAGIC || version !== WINDOW_VERSION) {
      throw new Error(`not a window buffer of version ${WINDOW_VERSION}: magic ${magic}, version ${version}`)
    }
    const sectionCount = view.getUint32(8, true)
    for (let index = 0; index < sectionCount; index++) {
      const at = HEADER_BYTES + index * SECTION_BYTES
      this.#places.set(`${view.getUint32(at, true)}/${view.getUint32(at + 4, true)}`, {
        offset: Number(view.getBigUint64(at + 8, true)),
        count: Number(view.getBigUint64(at + 16, true)),
      })
    }
  }

  has(name: SectionName, session: number): boolean {
    return this.#places.has(`${SECTIONS[name][0]}/${session}`)
  }

  sessionsOf(name: SectionName): number[] {
    const prefix = `${SECTIONS[name][0]}/`
    return [...this.#places.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => Number(key.slice(prefix.length)))
  }

  #place(name: SectionName, session: number) {
    return this.#places.get(`${SECTIONS[name][0]}/${session}`) ?? { offset: 0, count: 0 }
  }

  u8(name: SectionName, session: number = SHARED): Uint8Array {
    const { offset, count } = this.#place(name, session)
    return new Uint8Array(this.#buffer, offset, count)
  }

  u32(name: SectionName, session: number = SHARED): Uint32Array {
    const { offset, count } = this.#place(name, session)
    return new Uint32Array(this.#buffer, offset, count)
  }

  u64(name: SectionName, session: number = SHARED): BigUint64Array {
    const { offset, count } = this.#place(name, session)
    return new BigUint64Array(this.#buffer, offset, count)
  }
}

/** `column[index]` of an index known to be inside. */
export function cell<Value>(
  column: { readonly [index: number]: Value; readonly length: number },
  index: number,
): Value {
  const value = column[index]
  if (value === undefined) throw new RangeError(`index ${index} of a column of ${column.length}`)
  return value
}

export class WindowStrings implements Strings {
  readonly length: number
  readonly #offsets: Uint32Array
  readonly #bytes: Uint8Array
  readonly #decoded = new Map<number, string>()
  readonly #decoder = new TextDecoder()

  constructor(sections: Sections) {
    this.#offsets = sections.u32('stringOffsets')
    this.#bytes = sections.u8('stringBytes')
    this.length = Math.max(0, this.#offsets.length - 1)
  }

  at(index: number): string {
    const known = this.#decoded.get(index)
    if (known !== undefined) return known
    // TextDecoder refuses shared memory, so the bytes are copied first.
    const bytes = this.#bytes.slice(cell(this.#offsets, index), cell(this.#offsets, index + 1))
    const text = this.#decoder.decode(new Uint8Array(bytes))
    this.#decoded.set(index, text)
    return text
  }
}

/** Rows that are made once each. */
export class LazyRows<Row> implements Rows<Row> {
  readonly length: number
  readonly #make: (index: number) => Row
  readonly #made: Row[] = []

  constructor(length: number, make: (index: number) => Row) {
    this.length = length
    this.#make = make
  }

  at(index: number): Row {
    this.#made[index] ??= this.#make(index)
    return this.#made[index]
  }

  *[Symbol.iterator](): Iterator<Row> {
    for (let index = 0; index < this.length; index++) yield this.at(index)
  }
}
