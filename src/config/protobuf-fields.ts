// The fields of a protobuf message, as they stand in its bytes.

export type ProtobufField = { readonly number: number } & (
  | { readonly wire: 'varint'; readonly value: bigint }
  | { readonly wire: 'bytes'; readonly value: Uint8Array }
  | { readonly wire: 'fixed64' | 'fixed32' }
)

/** Bytes that are no message; its message says where and why. */
export class ProtobufError extends Error {}

/** In their order. @throws ProtobufError */
export function protobufFields(bytes: Uint8Array): readonly ProtobufField[] {
  const fields: ProtobufField[] = []
  const reader = new FieldReader(bytes)
  while (!reader.atEnd) fields.push(reader.next())
  return fields
}

const MAX_FIELD_NUMBER = 2 ** 29 - 1
const MAX_VARINT_BYTES = 10

class FieldReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  next(): ProtobufField {
    const start = this.#at
    const tag = this.#varint()
    const number = Number(tag >> 3n)
    if (number === 0 || number > MAX_FIELD_NUMBER) throw this.#broken(`there is no field ${number}`, start)
    const wire = Number(tag & 7n)
    switch (wire) {
      case 0:
        return { number, wire: 'varint', value: this.#varint() }
      case 1:
        this.#take(8n)
        return { number, wire: 'fixed64' }
      case 2:
        return { number, wire: 'bytes', value: this.#take(this.#varint()) }
      case 5:
        this.#take(4n)
        return { number, wire: 'fixed32' }
      default:
        throw this.#broken(`field ${number} has wire type ${wire}, which proto3 has not`, start)
    }
  }

  #varint(): bigint {
    const start = this.#at
    let value = 0n
    for (let index = 0; index < MAX_VARINT_BYTES; index++) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) throw this.#broken('it ends within a number', start)
      this.#at++
      value |= BigInt(byte & 0x7f) << BigInt(7 * index)
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw this.#broken(`a number is longer than ${MAX_VARINT_BYTES} bytes`, start)
  }

  #take(length: bigint): Uint8Array {
    const left = this.#bytes.length - this.#at
    if (length > BigInt(left))
      throw this.#broken(`${length} bytes are announced and ${left} are left`, this.#at)
    const from = this.#at
    this.#at += Number(length)
    return this.#bytes.subarray(from, this.#at)
  }

  #broken(why: string, at: number): ProtobufError {
    return new ProtobufError(`${why} (at byte ${at})`)
  }
}
