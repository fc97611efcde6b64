// zstd as perf record -z writes it: one stream that goes on over all records, flushed at the end of each. Others write a
// frame a record, or several.

import { createZstdDecompress, type ZstdDecompress } from 'node:zlib'

/** perf packs at most this into one record. */
const MAX_UNPACKED_BYTES = 64 * 2 ** 20

export class Unpacker {
  #stream: ZstdDecompress | undefined
  /** Bytes that the engine had taken before the current piece. */
  #taken = 0

  /**
   * All that `bytes` add to what was unpacked before.
   * @throws Error where they are damaged, or more than any record holds
   */
  async unpack(bytes: Uint8Array): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let size = 0
    for (let rest = bytes; rest.length > 0; ) {
      const { produced, taken } = await this.#write(rest, MAX_UNPACKED_BYTES - size)
      for (const part of produced) {
        parts.push(part)
        size += part.length
      }
      if (taken === 0) throw new Error('nothing of it could be unpacked')
      rest = rest.subarray(taken)
    }
    return Buffer.concat(parts)
  }

  /** A stream ends itself where a frame ends and more follows: what it left is for a new one. */
  async #write(bytes: Uint8Array, room: number): Promise<{ produced: Uint8Array[]; taken: number }> {
    const stream = this.#open()
    const produced: Uint8Array[] = []
    const written = Promise.withResolvers<void>()
    let size = 0
    const take = (part: Uint8Array): void => {
      size += part.length
      if (size > room) stream.destroy(new Error(`more than ${MAX_UNPACKED_BYTES} bytes`))
      else produced.push(part)
    }
    stream.on('data', take)
    stream.once('error', written.reject)
    try {
      stream.write(bytes, (error) => (error ? written.reject(error) : written.resolve()))
      await written.promise
      const taken = stream.bytesWritten - this.#taken
      this.#taken = stream.bytesWritten
      if (taken < bytes.length) this.close()
      return { produced, taken }
    } catch (error) {
      this.close()
      throw error
    } finally {
      stream.removeListener('data', take)
      stream.removeListener('error', written.reject)
    }
  }

  #open(): ZstdDecompress {
    if (this.#stream !== undefined) return this.#stream
    const stream = createZstdDecompress()
    // A stream that was left behind may still fail.
    stream.on('error', () => undefined)
    this.#stream = stream
    this.#taken = 0
    return stream
  }

  /** Safe twice. */
  close(): void {
    this.#stream?.destroy()
    this.#stream = undefined
  }
}
