// The frame of a perf.data file: header, events, features. Nothing in it is believed before it is checked against the
// file's size; what cannot be used is refused with a message, what can be done without is reported and left out.

import { decodeAttr } from './attr.ts'
import { type ByteOrder, ByteReader } from './bytes.ts'
import { decodeFeatures, type FeatureBlob, type Features } from './features.ts'
import type { FileEvent } from './header.ts'
import {
  BARE_FILE_HEADER_BYTES,
  FILE_HEADER_BYTES,
  MAGIC,
  MAGIC_OTHER_ENDIAN,
  MAGIC_V1,
  PIPE_HEADER_BYTES,
} from './layout.ts'
import { openPipe } from './pipe-head.ts'
import type { RawRecord } from './raw-records.ts'
import { type ByteSource, otherFormat, unreadable } from './source.ts'

export type { ByteSource } from './source.ts'

export interface Section {
  readonly offset: number
  readonly size: number
}

export interface FileHeader {
  /** Bytes of one entry of the attrs section. */
  readonly attrEntryBytes: number
  readonly attrs: Section
  readonly data: Section
  /** Feature bits that are set, ascending. */
  readonly features: readonly number[]
}

/** Everything about a file but its records. */
export interface PerfDataFile {
  readonly source: ByteSource
  readonly order: ByteOrder
  /** A stream says in records what a file has in sections. */
  readonly mode: 'file' | 'pipe'
  readonly events: readonly FileEvent[]
  /** As far as the source goes. */
  readonly data: Section
  readonly features: Features
  /** What was left out because the file ends too early or is damaged, for a person. */
  readonly damage: readonly string[]
  /** What else was left out, for a person. */
  readonly problems: readonly string[]
  /** Takes what a stream says about itself among its samples. */
  readonly takeLate?: (record: RawRecord) => void
}

/** Bounds on what a file may ask for. */
const MAX_ATTRS_BYTES = 16 * 2 ** 20
/** Of all events together. */
const MAX_IDS_BYTES = 16 * 2 ** 20
const MAX_FEATURE_BYTES = 64 * 2 ** 20
const MIN_ATTR_BYTES = 64
const MAX_EVENTS = 4096

/** The first FILE_HEADER_BYTES of a file whose magic has been checked. */
export function readHeader(bytes: Uint8Array, order: ByteOrder = 'little'): FileHeader {
  const reader = new ByteReader(bytes, order)
  reader.bytes(8) // magic
  const headerBytes = Number(reader.u64())
  const attrEntryBytes = Number(reader.u64())
  const section = (): Section => ({ offset: Number(reader.u64()), size: Number(reader.u64()) })
  const attrs = section()
  const data = section()
  section() // event_types
  const hasFeatures = headerBytes !== BARE_FILE_HEADER_BYTES
  return { attrEntryBytes, attrs, data, features: hasFeatures ? featureBits(reader) : [] }
}

/** Every perf sets it. */
const HOSTNAME_BIT = 3

/** The bitmap is made of words of the writer: 32-bit machines of the big-endian order have the halves the other way round. */
function featureBits(reader: ByteReader): number[] {
  const words = [reader.u64(), reader.u64(), reader.u64(), reader.u64()]
  const isSet = (all: readonly bigint[], bit: number) => ((all[bit >> 6] ?? 0n) >> BigInt(bit & 63)) & 1n
  const turned = words.map((word) => ((word & 0xffff_ffffn) << 32n) | (word >> 32n))
  const isTurned = reader.order === 'big' && !isSet(words, HOSTNAME_BIT) && isSet(turned, HOSTNAME_BIT)
  const all = isTurned ? turned : words
  return Array.from({ length: 256 }, (_, bit) => bit).filter((bit) => isSet(all, bit))
}

/** Where the features of a file end. `table`: the bytes behind the data, 16 for each feature. */
export function featuresEnd(header: FileHeader, table: Uint8Array): number {
  const start = header.data.offset + header.data.size + header.features.length * 16
  return featureSections(header, new ByteReader(table)).reduce(
    (end, { offset, size }) => Math.max(end, offset + size),
    start,
  )
}

/** The sections that a table of features speaks of, as many as it has whole. */
export function featureSections({ features }: Pick<FileHeader, 'features'>, table: ByteReader): Section[] {
  const count = Math.min(features.length, Math.floor(table.remaining / 16))
  return Array.from({ length: count }, () => ({ offset: Number(table.u64()), size: Number(table.u64()) }))
}

/**
 * Reads everything but the records.
 * @throws AgentError `PERF_DATA.UNREADABLE` where it is no perf.data, or one that cannot be read at all
 */
export function openPerfData(source: ByteSource): PerfDataFile {
  const damage: string[] = []
  const problems: string[] = []
  const head = source.read(0, FILE_HEADER_BYTES)
  const { order, mode } = kindOf(head, source)
  if (mode === 'pipe') return openPipe(source, order)
  const header = readHeader(head, order)
  const data = boundedData(header, source, damage)
  const parts = { header, source, order }
  const described = readFeatures(parts, { damage, problems })
  const events = readEvents(parts, described.events ?? [])
  return { source, order, mode, events, data, features: described, damage, problems }
}

interface Parts {
  readonly header: FileHeader
  readonly source: ByteSource
  readonly order: ByteOrder
}

/** What the first bytes say about the others. */
export function kindOf(head: Uint8Array, source: ByteSource): Pick<PerfDataFile, 'order' | 'mode'> {
  if (head.length < PIPE_HEADER_BYTES) throw otherFormat(source)
  const magic = new ByteReader(head).u64()
  if (magic === MAGIC_V1) throw unreadable(source, 'it is version 1 of perf.data, which perf left in 2010.')
  if (magic !== MAGIC && magic !== MAGIC_OTHER_ENDIAN) throw otherFormat(source)
  const order = magic === MAGIC ? 'little' : 'big'
  const reader = new ByteReader(head, order)
  reader.bytes(8)
  if (reader.u64() === BigInt(PIPE_HEADER_BYTES)) return { order, mode: 'pipe' }
  if (head.length < FILE_HEADER_BYTES) throw unreadable(source, 'it ends within its header.')
  return { order, mode: 'file' }
}

function boundedData({ data }: FileHeader, source: ByteSource, damage: string[]): Section {
  if (data.size === 0)
    throw unreadable(source, 'its data section is empty: the writer died before it wrote any samples.')
  if (data.offset < BARE_FILE_HEADER_BYTES || data.offset >= source.size) {
    throw unreadable(source, `its data would begin at byte ${data.offset} of ${source.size}.`)
  }
  const size = Math.min(data.size, source.size - data.offset)
  if (size < data.size) damage.push(`the file is cut off: ${data.size - size} bytes of its data are missing`)
  return { offset: data.offset, size }
}

function readFeatures(
  { header, source, order }: Parts,
  { damage, problems }: { readonly damage: string[]; readonly problems: string[] },
): Features {
  const tableAt = header.data.offset + header.data.size
  const table = source.read(tableAt, header.features.length * 16)
  const sections = featureSections(header, new ByteReader(table, order))
  if (sections.length < header.features.length) damage.push('the feature sections are cut off')
  // Each byte belongs to one of them: sections that overlap would be read as often as the file says.
  let unread = source.size
  const blobs = sections.flatMap(({ offset, size }, index): FeatureBlob[] => {
    const inside = size <= Math.min(MAX_FEATURE_BYTES, unread) && offset + size <= source.size
    if (inside) unread -= size
    else damage.push(`feature ${header.features[index]} lies outside the file`)
    return inside ? [{ bit: header.features[index] ?? 0, bytes: source.read(offset, size) }] : []
  })
  return decodeFeatures(blobs, (problem) => problems.push(problem), order)
}

function readEvents({ header, source, order }: Parts, described: readonly FileEvent[]): FileEvent[] {
  const { attrs, attrEntryBytes } = header
  const attrBytes = attrEntryBytes - 16
  const count = Math.floor(attrs.size / attrEntryBytes)
  const usable =
    attrBytes >= MIN_ATTR_BYTES && count > 0 && count <= MAX_EVENTS && attrs.size <= MAX_ATTRS_BYTES
  if (!usable || attrs.offset + attrs.size > source.size)
    throw unreadable(source, 'its list of events is damaged.')
  const reader = new ByteReader(source.read(attrs.offset, attrs.size), order)
  let idBytes = 0
  return Array.from({ length: count }, (_, index) => {
    const attr = decodeAttr(reader.bytes(attrBytes), order)
    const place = { offset: Number(reader.u64()), size: Number(reader.u64()) }
    idBytes += place.size
    if (idBytes > MAX_IDS_BYTES) throw unreadable(source, 'its list of event ids is damaged.')
    const ids = readIds(place, source, order)
    const name = described[index]?.name ?? ''
    return { attr, ids, name }
  })
}

function readIds({ offset, size }: Section, source: ByteSource, order: ByteOrder): bigint[] {
  if (offset + size > source.size) throw unreadable(source, 'its list of event ids is damaged.')
  const reader = new ByteReader(source.read(offset, size), order)
  return Array.from({ length: Math.floor(size / 8) }, () => reader.u64())
}
