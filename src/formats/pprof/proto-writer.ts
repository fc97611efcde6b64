/** Protobuf fields into a buffer that grows. For pprof's samples, which are many; pprof-format writes the rest. */
export class ProtoWriter {
  #bytes: Uint8Array
  #length = 0

  constructor(firstBytes = 0) {
    this.#bytes = new Uint8Array(Math.max(firstBytes, 256))
  }

  get length(): number {
    return this.#length
  }

  clear(): void {
    this.#length = 0
  }

  /** Field number and wire type. */
  tag(field: number, wireType: 0 | 2): void {
    this.varint((field << 3) | wireType)
  }

  varintField(field: number, value: number | bigint): void {
    this.tag(field, 0)
    this.varint(value)
  }

  /** A message, a string, or packed numbers. */
  bytesField(field: number, content: ProtoWriter): void {
    this.tag(field, 2)
    this.varint(content.#length)
    this.append(content)
  }

  append(other: ProtoWriter): void {
    this.#makeRoom(other.#length)
    this.#bytes.set(other.#bytes.subarray(0, other.#length), this.#length)
    this.#length += other.#length
  }

  /** An unsigned integer; a number must be exact. */
  varint(value: number | bigint): void {
    this.#makeRoom(10)
    let rest = value
    if (typeof rest === 'bigint') {
      if (rest > MAX_EXACT) {
        this.#wideVarint(rest)
        return
      }
      rest = Number(rest)
    }
    while (rest >= 0x8000_0000) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    // Most are small: 32-bit arithmetic from here on.
    let small = rest | 0
    while (small >= 0x80) {
      this.#bytes[this.#length++] = (small & 0x7f) | 0x80
      small >>>= 7
    }
    this.#bytes[this.#length++] = small
  }

  #wideVarint(value: bigint): void {
    let rest = BigInt.asUintN(64, value)
    while (rest >= 0x80n) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#bytes[this.#length++] = Number(rest)
  }

  #makeRoom(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#length + more, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }

  /** What was written; valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
}

const MAX_EXACT = BigInt(Number.MAX_SAFE_INTEGER)
