// The frame of a perf.data file: header, events, features. Nothing in it is believed before it is checked against the
// file's size; what cannot be used is refused with a message, what can be done without is reported and left out.

import { AgentError } from '../../core/errors.ts'
import { decodeAttr } from './attr.ts'
import { ByteReader } from './bytes.ts'
import { decodeFeatures, type FeatureBlob, type Features } from './features.ts'
import type { FileEvent } from './header.ts'
import { FILE_HEADER_BYTES, MAGIC, MAGIC_OTHER_ENDIAN, MAGIC_V1, PIPE_HEADER_BYTES } from './layout.ts'

/** Bytes that can be read anywhere: a file, or memory. */
export interface ByteSource {
  /** For messages. */
  readonly name: string
  readonly size: number
  /** `length` bytes at `offset`; fewer only where the source ends. */
  read(offset: number, length: number): Uint8Array
}

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
  readonly events: readonly FileEvent[]
  /** As far as the source goes. */
  readonly data: Section
  readonly features: Features
  /** What was damaged and left out, for a person. */
  readonly problems: readonly string[]
}

/** Bounds on what a file may ask for. */
const MAX_ATTRS_BYTES = 16 * 2 ** 20
/** Of all events together. */
const MAX_IDS_BYTES = 16 * 2 ** 20
const MAX_FEATURE_BYTES = 64 * 2 ** 20
const MIN_ATTR_BYTES = 64
const MAX_EVENTS = 4096

/** The first FILE_HEADER_BYTES of a file whose magic has been checked. */
export function readHeader(bytes: Uint8Array): FileHeader {
  const reader = new ByteReader(bytes)
  reader.bytes(16) // magic, size
  const attrEntryBytes = Number(reader.u64())
  const section = (): Section => ({ offset: Number(reader.u64()), size: Number(reader.u64()) })
  const attrs = section()
  const data = section()
  section() // event_types
  const words = [reader.u64(), reader.u64(), reader.u64(), reader.u64()]
  const features = Array.from({ length: 256 }, (_, bit) => bit).filter(
    (bit) => ((words[bit >> 6] ?? 0n) >> BigInt(bit & 63)) & 1n,
  )
  return { attrEntryBytes, attrs, data, features }
}

/** Where the features of a file end. `table`: the bytes behind the data, 16 for each feature. */
export function featuresEnd(header: FileHeader, table: Uint8Array): number {
  const start = header.data.offset + header.data.size + header.features.length * 16
  return featureSections(header, table).reduce((end, { offset, size }) => Math.max(end, offset + size), start)
}

/** The sections that a table of features speaks of, as many as it has whole. */
export function featureSections({ features }: Pick<FileHeader, 'features'>, table: Uint8Array): Section[] {
  const reader = new ByteReader(table)
  const count = Math.min(features.length, Math.floor(table.length / 16))
  return Array.from({ length: count }, () => ({ offset: Number(reader.u64()), size: Number(reader.u64()) }))
}

/**
 * Reads everything but the records.
 * @throws AgentError `PERF_DATA.UNREADABLE` where it is no perf.data, or one that cannot be read at all
 */
export function openPerfData(source: ByteSource): PerfDataFile {
  const problems: string[] = []
  const head = source.read(0, FILE_HEADER_BYTES)
  checkMagic(head, source)
  const header = readHeader(head)
  const data = boundedData(header, source, problems)
  const described = readFeatures(header, source, problems)
  const events = readEvents(header, source, described.events ?? [])
  return { source, events, data, features: described, problems }
}

function unreadable(source: ByteSource, why: string): AgentError {
  return new AgentError('PERF_DATA.UNREADABLE', `Cannot read ${source.name}: ${why}`)
}

const otherFormat = (source: ByteSource): AgentError =>
  new AgentError(
    'PERF_DATA.OTHER_FORMAT',
    `Cannot read ${source.name}: it is not a perf.data file (${source.size} bytes).`,
  )

function checkMagic(head: Uint8Array, source: ByteSource): void {
  if (head.length < PIPE_HEADER_BYTES) throw otherFormat(source)
  const reader = new ByteReader(head)
  const magic = reader.u64()
  const size = reader.u64()
  if (magic === MAGIC_OTHER_ENDIAN) {
    throw unreadable(source, 'it was written on a machine of the other byte order. Convert it there.')
  }
  if (magic === MAGIC_V1) throw unreadable(source, 'it is version 1 of perf.data, which perf left in 2010.')
  if (magic !== MAGIC) throw otherFormat(source)
  if (size === BigInt(PIPE_HEADER_BYTES)) {
    throw unreadable(source, 'it is a pipe-mode stream. Make a file of it with perf inject -i FILE -o NEW.')
  }
  if (head.length < FILE_HEADER_BYTES) throw unreadable(source, 'it ends within its header.')
}

function boundedData({ data }: FileHeader, source: ByteSource, problems: string[]): Section {
  if (data.size === 0)
    throw unreadable(source, 'its data section is empty: the writer died before it wrote any samples.')
  if (data.offset < FILE_HEADER_BYTES || data.offset >= source.size) {
    throw unreadable(source, `its data would begin at byte ${data.offset} of ${source.size}.`)
  }
  const size = Math.min(data.size, source.size - data.offset)
  if (size < data.size)
    problems.push(`the file is cut off: ${data.size - size} bytes of its data are missing`)
  return { offset: data.offset, size }
}

function readFeatures(header: FileHeader, source: ByteSource, problems: string[]): Features {
  const tableAt = header.data.offset + header.data.size
  const sections = featureSections(header, source.read(tableAt, header.features.length * 16))
  if (sections.length < header.features.length) problems.push('the feature sections are cut off')
  // Each byte belongs to one of them: sections that overlap would be read as often as the file says.
  let unread = source.size
  const blobs = sections.flatMap(({ offset, size }, index): FeatureBlob[] => {
    const inside = size <= Math.min(MAX_FEATURE_BYTES, unread) && offset + size <= source.size
    if (inside) unread -= size
    else problems.push(`feature ${header.features[index]} lies outside the file`)
    return inside ? [{ bit: header.features[index] ?? 0, bytes: source.read(offset, size) }] : []
  })
  return decodeFeatures(blobs, (problem) => problems.push(problem))
}

function readEvents(header: FileHeader, source: ByteSource, described: readonly FileEvent[]): FileEvent[] {
  const { attrs, attrEntryBytes } = header
  const attrBytes = attrEntryBytes - 16
  const count = Math.floor(attrs.size / attrEntryBytes)
  const usable =
    attrBytes >= MIN_ATTR_BYTES && count > 0 && count <= MAX_EVENTS && attrs.size <= MAX_ATTRS_BYTES
  if (!usable || attrs.offset + attrs.size > source.size)
    throw unreadable(source, 'its list of events is damaged.')
  const reader = new ByteReader(source.read(attrs.offset, attrs.size))
  let idBytes = 0
  return Array.from({ length: count }, (_, index) => {
    const attr = decodeAttr(reader.bytes(attrBytes))
    const place = { offset: Number(reader.u64()), size: Number(reader.u64()) }
    idBytes += place.size
    if (idBytes > MAX_IDS_BYTES) throw unreadable(source, 'its list of event ids is damaged.')
    const ids = readIds(place, source)
    const name = described[index]?.name ?? ''
    return { attr, ids, name }
  })
}

function readIds({ offset, size }: Section, source: ByteSource): bigint[] {
  if (offset + size > source.size) throw unreadable(source, 'its list of event ids is damaged.')
  const reader = new ByteReader(source.read(offset, size))
  return Array.from({ length: Math.floor(size / 8) }, () => reader.u64())
}
