// Values into bytes, little-endian, and out of them, of either order, for everything that is small. (Samples are written
// another way.)

import { aligned8 } from './layout.ts'

const ENCODER = new TextEncoder()
const DECODER = new TextDecoder()

/** Appends values to memory that grows. */
export class ByteWriter {
  #view = new DataView(new ArrayBuffer(256))
  #length = 0

  get length(): number {
    return this.#length
  }

  #reserve(bytes: number): number {
    const at = this.#length
    this.#length = at + bytes
    if (this.#length > this.#view.byteLength) {
      const grown = new Uint8Array(Math.max(this.#length, this.#view.byteLength * 2))
      grown.set(new Uint8Array(this.#view.buffer))
      this.#view = new DataView(grown.buffer)
    }
    return at
  }

  u8(value: number): this {
    const at = this.#reserve(1)
    this.#view.setUint8(at, value)
    return this
  }

  u16(value: number): this {
    const at = this.#reserve(2)
    this.#view.setUint16(at, value, true)
    return this
  }

  u32(value: number): this {
    const at = this.#reserve(4)
    this.#view.setUint32(at, value, true)
    return this
  }

  u64(value: bigint): this {
    const at = this.#reserve(8)
    this.#view.setBigUint64(at, value, true)
    return this
  }

  /** A whole number from 0 on, seven bits a byte, the low ones first (LEB128). */
  varint(value: number): this {
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.u8((rest % 0x80) | 0x80)
    return this.u8(rest)
  }

  bytes(values: Uint8Array): this {
    const at = this.#reserve(values.length)
    new Uint8Array(this.#view.buffer).set(values, at)
    return this
  }

  zeros(count: number): this {
    this.#reserve(count)
    return this
  }

  /** Changes a u16 written before. */
  patchU16(at: number, value: number): void {
    this.#view.setUint16(at, value, true)
  }

  finish(): Uint8Array {
    return new Uint8Array(this.#view.buffer, 0, this.#length)
  }
}

export type ByteOrder = 'little' | 'big'

/** Takes values from bytes, in order; throws RangeError behind their end. */
export class ByteReader {
  readonly #view: DataView
  readonly #little: boolean
  position = 0

  constructor(bytes: Uint8Array, order: ByteOrder = 'little') {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#little = order === 'little'
  }

  get order(): ByteOrder {
    return this.#little ? 'little' : 'big'
  }

  get remaining(): number {
    return this.#view.byteLength - this.position
  }

  #take(bytes: number): number {
    const at = this.position
    if (bytes > this.remaining) throw new RangeError(`${bytes} bytes wanted where ${this.remaining} are left`)
    this.position = at + bytes
    return at
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), this.#little)
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), this.#little)
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), this.#little)
  }

  /** `count` values, in memory of their own. */
  u64s(count: number): BigUint64Array {
    // Checked before it is multiplied: a count from a file may be anything.
    if (count > this.remaining / 8)
      throw new RangeError(`${count} values where ${this.remaining} bytes are left`)
    const at = this.#take(count * 8)
    const start = this.#view.byteOffset + at
    const values = new BigUint64Array(this.#view.buffer.slice(start, start + count * 8) as ArrayBuffer)
    if (!this.#little)
      for (let index = 0; index < count; index++) values[index] = this.#view.getBigUint64(at + index * 8)
    return values
  }

  /** What ByteWriter.varint wrote; throws RangeError for more than an exact number holds. */
  varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a number too large to be exact')
      if (byte < 0x80) return value
    }
  }

  bytes(count: number): Uint8Array {
    const at = this.#take(count)
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, count)
  }
}

/** Bytes that `varint` writes for `value`. */
export function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

/**
 * Bytes of `text`, NUL-terminated and NUL-padded to a multiple of `multiple`. Text that needs more than `maxBytes` (NUL
 * included) is cut between characters.
 */
export function paddedText(text: string, multiple: number, maxBytes: number): Uint8Array {
  let bytes = ENCODER.encode(text)
  if (bytes.length > maxBytes - 1) {
    let end = maxBytes - 1
    while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
    bytes = bytes.subarray(0, end)
  }
  const padded = new Uint8Array(Math.ceil((bytes.length + 1) / multiple) * multiple)
  padded.set(bytes)
  return padded
}

/** The text before the first NUL, or all of it. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return DECODER.decode(end < 0 ? bytes : bytes.subarray(0, end))
}

export const bytesOfHex = (hex: string): Uint8Array =>
  Uint8Array.from({ length: hex.length >> 1 }, (_, index) =>
    Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16),
  )

export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** `bytes`, followed by zeros up to a multiple of 8. */
export function padded8(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(aligned8(bytes.length))
  result.set(bytes)
  return result
}
