// Little perf.data made by hand, of either byte order: what no perf on this machine writes.

import type { ByteOrder } from '../../src/formats/perf-data/bytes.ts'

/** Appends values of the order. */
export class OrderedWriter {
  readonly #little: boolean
  #bytes = Buffer.alloc(0)

  constructor(order: ByteOrder) {
    this.#little = order === 'little'
  }

  #add(size: number, write: (view: DataView) => void): this {
    const bytes = Buffer.alloc(size)
    write(new DataView(bytes.buffer, bytes.byteOffset, size))
    return this.bytes(bytes)
  }

  u8(value: number): this {
    return this.#add(1, (view) => view.setUint8(0, value))
  }

  u16(value: number): this {
    return this.#add(2, (view) => view.setUint16(0, value, this.#little))
  }

  u32(value: number): this {
    return this.#add(4, (view) => view.setUint32(0, value, this.#little))
  }

  u64(value: bigint): this {
    return this.#add(8, (view) => view.setBigUint64(0, value, this.#little))
  }

  bytes(bytes: Uint8Array): this {
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    return this
  }

  /** NUL-padded to a multiple of 8. */
  text(text: string): this {
    return this.bytes(Buffer.from(text.padEnd(Math.ceil((text.length + 1) / 8) * 8, '\0'), 'latin1'))
  }

  finish(): Buffer {
    return this.#bytes
  }
}

export interface PlainEvent {
  readonly type?: number
  readonly config?: bigint
  readonly period?: bigint
  readonly sampleType: bigint
  readonly readFormat?: bigint
  /** Numbers of flags. */
  readonly flags?: readonly number[]
  readonly ids?: readonly bigint[]
  readonly attrBytes?: number
}

/** A perf.data stream of one byte order. */
export class PerfStream {
  readonly order: ByteOrder

  constructor(order: ByteOrder) {
    this.order = order
  }

  writer(): OrderedWriter {
    return new OrderedWriter(this.order)
  }

  header(): Buffer {
    return this.writer().u64(0x32454c4946524550n).u64(16n).finish()
  }

  record(type: number, body: Uint8Array, misc = 0): Buffer {
    return this.writer()
      .u32(type)
      .u16(misc)
      .u16(8 + body.length)
      .bytes(body)
      .finish()
  }

  attr(event: PlainEvent): Buffer {
    const { attrBytes = 112, flags = [] } = event
    const bits = Buffer.alloc(8)
    // A bit field of the other order begins at the other end of each byte.
    for (const flag of flags)
      bits[flag >> 3] =
        (bits[flag >> 3] ?? 0) | (this.order === 'little' ? 1 << (flag & 7) : 0x80 >> (flag & 7))
    const whole = this.writer()
      .u32(event.type ?? 1)
      .u32(attrBytes)
      .u64(event.config ?? 0n)
      .u64(event.period ?? 0n)
      .u64(event.sampleType)
      .u64(event.readFormat ?? 0n)
      .bytes(bits)
      .finish()
    return Buffer.concat([whole, Buffer.alloc(attrBytes)]).subarray(0, attrBytes)
  }

  /** HEADER_ATTR */
  event(event: PlainEvent): Buffer {
    const ids = this.writer()
    for (const id of event.ids ?? []) ids.u64(id)
    return this.record(64, Buffer.concat([this.attr(event), ids.finish()]))
  }
}
