// The head of a perf.data file: header, ids, attrs. Its size follows from the number of events that it has room for, so
// that it can be written again in place while the data behind it grows.

import type { SessionInfo } from '../../core/profile.ts'
import { attrOf, type EventAttr, encodeAttr } from './attr.ts'
import { ByteWriter } from './bytes.ts'
import { ATTR_ENTRY_BYTES, CLOCK_MONOTONIC, FILE_HEADER_BYTES, MAGIC } from './layout.ts'

const ID_BYTES = 8

/** Where the data section begins in a file with room for `eventCount` events. */
export const dataOffset = (eventCount: number): number =>
  FILE_HEADER_BYTES + eventCount * (ID_BYTES + ATTR_ENTRY_BYTES)

/** The id by which records name their event: unique in the file, never 0 (which perf takes for "synthesised"). */
export const eventId = (session: SessionInfo): bigint => BigInt(session.id) + 1n

/** One event of a file. */
export interface FileEvent {
  readonly name: string
  readonly attr: EventAttr
  readonly ids: readonly bigint[]
}

/** @param clockid by which the file's times go */
export const fileEventOf = (session: SessionInfo, clockid: number = CLOCK_MONOTONIC): FileEvent => ({
  name: session.event.name,
  attr: { ...attrOf(session), clockid },
  ids: [eventId(session)],
})

export interface FileHead {
  readonly events: readonly FileEvent[]
  /** Events that there is room for, at least `events.length`. */
  readonly room: number
  /** Bytes of the data section that are on disk, whole records only. */
  readonly dataBytes: number
  /** Numbers of the features whose table follows the data. */
  readonly features: readonly number[]
}

/** `dataOffset(head.room)` bytes. One id per event. */
export function encodeHead(head: FileHead): Uint8Array {
  const idsOffset = FILE_HEADER_BYTES
  const attrsOffset = idsOffset + head.room * ID_BYTES
  const writer = new ByteWriter()
    .u64(MAGIC)
    .u64(BigInt(FILE_HEADER_BYTES))
    .u64(BigInt(ATTR_ENTRY_BYTES))
    .u64(BigInt(attrsOffset))
    .u64(BigInt(head.events.length * ATTR_ENTRY_BYTES))
    .u64(BigInt(dataOffset(head.room)))
    .u64(BigInt(head.dataBytes))
    .zeros(16) // event_types, obsolete
  for (const word of featureBitmap(head.features)) writer.u64(word)
  for (const event of head.events) writer.u64(event.ids[0] ?? 0n)
  writer.zeros((head.room - head.events.length) * ID_BYTES)
  head.events.forEach((event, index) => {
    writer
      .bytes(encodeAttr(event.attr))
      .u64(BigInt(idsOffset + index * ID_BYTES))
      .u64(BigInt(ID_BYTES))
  })
  return writer.zeros((head.room - head.events.length) * ATTR_ENTRY_BYTES).finish()
}

function featureBitmap(features: readonly number[]): bigint[] {
  const words = [0n, 0n, 0n, 0n]
  for (const bit of features) words[bit >> 6] = (words[bit >> 6] ?? 0n) | (1n << BigInt(bit & 63))
  return words
}
