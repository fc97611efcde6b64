const CHUNK_BYTES = 64 * 1024

/** Text on its way to UTF-8 bytes, a piece at a time: a file of many megabytes is never one string. */
export class TextWriter {
  readonly #encoder = new TextEncoder()
  #bytes = new Uint8Array(CHUNK_BYTES)
  #length = 0

  write(text: string): void {
    // A UTF-16 unit becomes three bytes at most.
    this.#makeRoom(text.length * 3)
    this.#length += this.#encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written
  }

  #makeRoom(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#length + more, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }

  /** What was written so far: bytes of its own, without spare room behind. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length)
  }
}
