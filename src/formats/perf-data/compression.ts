// PERF_RECORD_COMPRESSED: what a data section's records look like as zstd. One zstd stream over all of them, flushed for each:
// what was said before is known, so that short records compress like long ones. perf's decompressor is such a stream.

import { ByteWriter } from './bytes.ts'
import { MAX_RECORD_BYTES, RECORD, RECORD_HEADER_BYTES } from './layout.ts'

/** Of a COMPRESSED record at most: with zstd's bound for what cannot be compressed it fits into one still, and comes out of it whole. */
export const MAX_PLAIN_BYTES = 60 * 1024

/** What a reader makes room for. */
const MMAP_BYTES = 64 * 1024
const ZSTD = 1
const VERSION = 1

/** HEADER_COMPRESSED: how a reader is to read. */
export const compressedFeature = (level: number, ratio: number): Uint8Array =>
  new ByteWriter()
    .u32(VERSION)
    .u32(ZSTD)
    .u32(level)
    .u32(Math.max(1, Math.round(ratio)))
    .u32(MMAP_BYTES)
    .finish()

/** A record with what the stream made of some plain records. */
export function compressedRecord(zstd: Uint8Array): Uint8Array {
  const size = RECORD_HEADER_BYTES + zstd.length
  if (size > MAX_RECORD_BYTES) throw new RangeError(`${zstd.length} bytes do not fit into a record`)
  return new ByteWriter().u32(RECORD.COMPRESSED).u16(0).u16(size).bytes(zstd).finish()
}

/** Bytes of the records that begin the data and say where the kernel lies: readers look for them before they unpack anything. */
export function kernelRecordBytes(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at + RECORD_HEADER_BYTES <= bytes.length && view.getUint32(at, true) === RECORD.MMAP)
    at += view.getUint16(at + 6, true)
  return Math.min(at, bytes.length)
}

/** A stretch of whole records. */
export interface Stretch {
  readonly from: number
  readonly to: number
  /** One record that is too large for a COMPRESSED one: it stays as it is. */
  readonly isTooLarge: boolean
}

/** `bytes` in stretches of at most MAX_PLAIN_BYTES; the record that is cut off at the end is in none. */
export function stretchesOf(bytes: Uint8Array): readonly Stretch[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const stretches: Stretch[] = []
  let from = 0
  const close = (to: number): void => {
    if (to > from) stretches.push({ from, to, isTooLarge: to - from > MAX_PLAIN_BYTES })
    from = to
  }
  let at = 0
  while (at + RECORD_HEADER_BYTES <= bytes.length) {
    const size = view.getUint16(at + 6, true)
    if (size < RECORD_HEADER_BYTES) throw new Error(`the record at ${at} says that it has ${size} bytes`)
    if (at + size > bytes.length) break
    if (at + size - from > MAX_PLAIN_BYTES) close(at)
    at += size
    if (at - from > MAX_PLAIN_BYTES) close(at)
  }
  close(at)
  return stretches
}
