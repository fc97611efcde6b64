// A recording that is complete, written again with COMPRESSED records. zstd works on libuv's threads; memory holds a mebibyte of it at a time.

import { constants, createZstdCompress, type ZstdCompress } from 'node:zlib'
import { ByteReader } from '../../formats/perf-data/bytes.ts'
import {
  compressedFeature,
  compressedRecord,
  kernelRecordBytes,
  stretchesOf,
} from '../../formats/perf-data/compression.ts'
import { type FeatureBlob, layOutFeatures } from '../../formats/perf-data/features.ts'
import { FILE_HEADER_BYTES } from '../../formats/perf-data/layout.ts'
import { featureSections, readHeader } from '../../formats/perf-data/reader.ts'
import type { PartFile, TryLock } from './part-file.ts'

const PIECE_BYTES = 2 ** 20
const COMPRESSED_BIT = 27
const DATA_SIZE_AT = 48
const BITMAP_AT = 72

export interface PackOptions {
  readonly level: number
  readonly tryLock: TryLock
}

/** Compresses what `part` holds, and returns what is in its place then. When it fails, `part` is as it was. */
export async function packed(
  part: PartFile,
  { level, tryLock }: PackOptions,
): Promise<{ readonly part: PartFile; readonly bytes: number }> {
  const to = await part.beside(tryLock)
  try {
    const bytes = await pack(part, to, level)
    return { part: await to.takeThePlaceOf(part), bytes }
  } catch (error) {
    await to.discard().catch(() => undefined)
    throw error
  }
}

/** Writes into `to` what `from` holds. Whoever reads both reads the same records. Returns the bytes of `to`. */
export async function pack(from: PartFile, to: PartFile, level: number): Promise<number> {
  const head = await from.read(0, FILE_HEADER_BYTES)
  const { data, features } = readHeader(head)
  const tableAt = data.offset + data.size
  const sections = featureSections(
    { features },
    new ByteReader(await from.read(tableAt, features.length * 16)),
  )
  const blobs: FeatureBlob[] = []
  for (const [index, { offset, size }] of sections.entries())
    blobs.push({ bit: features[index] ?? 0, bytes: await from.read(offset, size) })

  await to.write(await from.read(0, data.offset), 0)
  const dataEnd = await packData(from, to, { data, level })
  const ratio = data.size / (dataEnd - data.offset)
  const described = [...blobs, { bit: COMPRESSED_BIT, bytes: compressedFeature(level, ratio) }].sort(
    (one, other) => one.bit - other.bit,
  )
  const tail = layOutFeatures(described, dataEnd)
  await to.write(tail, dataEnd)
  await to.write(headWords(head, dataEnd - data.offset), DATA_SIZE_AT)
  return dataEnd + tail.length
}

/** From the data's size to the first word of the features, with what has changed. */
function headWords(head: Uint8Array, dataBytes: number): Uint8Array {
  const words = head.slice(DATA_SIZE_AT, BITMAP_AT + 8)
  const view = new DataView(words.buffer)
  view.setBigUint64(0, BigInt(dataBytes), true)
  const bitmapAt = BITMAP_AT - DATA_SIZE_AT
  view.setBigUint64(bitmapAt, view.getBigUint64(bitmapAt, true) | (1n << BigInt(COMPRESSED_BIT)), true)
  return words
}

interface DataOptions {
  readonly data: { readonly offset: number; readonly size: number }
  readonly level: number
}

/** Returns where it ends. */
async function packData(from: PartFile, to: PartFile, { data, level }: DataOptions): Promise<number> {
  const stream = new FlushedZstd(level)
  try {
    const plainBytes = kernelRecordBytes(await from.read(data.offset, Math.min(PIECE_BYTES, data.size)))
    await to.write(await from.read(data.offset, plainBytes), data.offset)
    let at = data.offset + plainBytes
    for (let read = at; read < data.offset + data.size; ) {
      const piece = await from.read(read, Math.min(PIECE_BYTES, data.offset + data.size - read))
      const stretches = stretchesOf(piece)
      const whole = stretches.at(-1)?.to ?? 0
      if (whole === 0) throw new Error(`there is no whole record at byte ${read}`)
      const packed: Uint8Array[] = []
      for (const { from: start, to: end, isTooLarge } of stretches) {
        const plain = piece.subarray(start, end)
        packed.push(isTooLarge ? plain : compressedRecord(await stream.next(plain)))
      }
      const bytes = Buffer.concat(packed)
      await to.write(bytes, at)
      at += bytes.length
      read += whole
    }
    return at
  } finally {
    stream.close()
  }
}

/** One zstd frame that never ends, of which each piece can be read when it is there. */
class FlushedZstd {
  readonly #stream: ZstdCompress

  constructor(level: number) {
    this.#stream = createZstdCompress({
      flush: constants.ZSTD_e_flush,
      params: { [constants.ZSTD_c_compressionLevel]: level },
      // What one piece becomes is read when it is complete: until then nothing waits for a reader.
      readableHighWaterMark: PIECE_BYTES,
    } as Parameters<typeof createZstdCompress>[0])
  }

  next(plain: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#stream.once('error', reject)
      this.#stream.write(plain, (error) => {
        this.#stream.off('error', reject)
        if (error) reject(error)
        else resolve((this.#stream.read() as Buffer | null) ?? Buffer.alloc(0))
      })
    })
  }

  close(): void {
    this.#stream.destroy()
  }
}
