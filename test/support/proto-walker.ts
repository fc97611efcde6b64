// Reads protobuf without knowing any message: an independent judge of what our writers write.

export interface ProtoField {
  readonly field: number
  /** Wire type 0: the number. Wire type 2: the bytes. */
  readonly value: bigint | Uint8Array
}

export function protoFields(bytes: Uint8Array): ProtoField[] {
  const fields: ProtoField[] = []
  const reader = { bytes, at: 0 }
  while (reader.at < bytes.length) {
    const tag = varint(reader)
    const field = Number(tag >> 3n)
    if (field === 0) throw new Error(`field number 0 at ${reader.at}`)
    const wireType = Number(tag & 7n)
    if (wireType === 0) fields.push({ field, value: varint(reader) })
    else if (wireType === 2) {
      const length = Number(varint(reader))
      if (reader.at + length > bytes.length) throw new Error(`field ${field} ends behind its message`)
      fields.push({ field, value: bytes.subarray(reader.at, reader.at + length) })
      reader.at += length
    } else throw new Error(`wire type ${wireType} of field ${field}`)
  }
  return fields
}

function varint(reader: { readonly bytes: Uint8Array; at: number }): bigint {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.bytes[reader.at++]
    if (byte === undefined) throw new Error('a varint ends behind its message')
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return BigInt.asUintN(64, value)
  }
  throw new Error('a varint of more than ten bytes')
}

/** A message as an object of lists, by the names of its fields. */
export class ProtoMessage {
  readonly #fields: readonly ProtoField[]

  constructor(bytes: Uint8Array) {
    this.#fields = protoFields(bytes)
  }

  number(field: number): bigint {
    const value = this.#fields.findLast((candidate) => candidate.field === field)?.value ?? 0n
    if (typeof value !== 'bigint') throw new Error(`field ${field} is no number`)
    return value
  }

  /** Packed or not. */
  numbers(field: number): bigint[] {
    return this.#of(field).flatMap((value) => {
      if (typeof value === 'bigint') return [value]
      const reader = { bytes: value, at: 0 }
      const values: bigint[] = []
      while (reader.at < value.length) values.push(varint(reader))
      return values
    })
  }

  messages(field: number): ProtoMessage[] {
    return this.#bytes(field).map((value) => new ProtoMessage(value))
  }

  texts(field: number): string[] {
    return this.#bytes(field).map((value) => new TextDecoder('utf-8', { fatal: true }).decode(value))
  }

  #of(field: number): (bigint | Uint8Array)[] {
    return this.#fields.filter((candidate) => candidate.field === field).map(({ value }) => value)
  }

  #bytes(field: number): Uint8Array[] {
    return this.#of(field).map((value) => {
      if (typeof value === 'bigint') throw new Error(`field ${field} is a number`)
      return value
    })
  }
}
