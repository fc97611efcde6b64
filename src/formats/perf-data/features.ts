// The feature sections of perf.data, as a table that the writer and the reader share: bit, perf's HEADER_* name, and how
// the blob is written and read.

import { decodeAttr, type EventAttr, encodeAttr } from './attr.ts'
import { type ByteOrder, ByteReader, ByteWriter, bytesOfHex, hexOf, paddedText, textOf } from './bytes.ts'
import type { FileEvent } from './header.ts'
import { ATTR_BYTES, BUILD_ID_BYTES, CLOCK_MONOTONIC, MISC, RECORD_HEADER_BYTES } from './layout.ts'
import { STACK_NOTES_BIT } from './stack-notes.ts'
import { tracingData } from './tracing-data.ts'

/** An object of the BUILD_ID table. */
export interface BuildIdEntry {
  readonly buildId: string
  readonly path: string
  readonly kernel: boolean
}

/** What two clocks said at one moment, ns. */
export interface ClockMoment {
  readonly unix: bigint
  /** The clock of the samples. */
  readonly monotonic: bigint
  /** Which one that is (clockid_t); absent: CLOCK_MONOTONIC. */
  readonly clockId?: number
}

/** What the features say, each absent where the file does not have it. */
export interface Features {
  readonly buildIds?: readonly BuildIdEntry[]
  readonly hostname?: string
  readonly osRelease?: string
  readonly version?: string
  readonly arch?: string
  readonly cpus?: { readonly available: number; readonly online: number }
  readonly cpuDescription?: string
  readonly cpuId?: string
  readonly totalMemoryKb?: bigint
  readonly commandLine?: readonly string[]
  readonly events?: readonly FileEvent[]
  /** PMUs of the machine, by the types of their events. */
  readonly pmus?: ReadonlyMap<number, string>
  /** Monotonic ns of the first and the last sample. */
  readonly sampleTime?: { readonly first: bigint; readonly last: bigint }
  /** Resolution in ns. */
  readonly clockResolution?: bigint
  /** The same moment on the wall clock and on the clock of the samples, ns. */
  readonly clock?: ClockMoment
  /** What StackNotesWriter made, and `readStackNotes` reads. */
  readonly stackNotes?: Uint8Array
}

/** One row of the table. */
interface Feature {
  readonly bit: number
  readonly name: string
  /** Undefined where `features` does not state it. */
  readonly write: (features: Features) => Uint8Array | undefined
  readonly read: (reader: ByteReader) => Features
}

function feature<Key extends keyof Features>(row: {
  readonly bit: number
  readonly name: string
  readonly key: Key
  readonly write: (writer: ByteWriter, value: NonNullable<Features[Key]>) => unknown
  readonly read: (reader: ByteReader) => NonNullable<Features[Key]>
}): Feature {
  return {
    bit: row.bit,
    name: row.name,
    write(features) {
      const value = features[row.key]
      if (value === undefined) return undefined
      const writer = new ByteWriter()
      row.write(writer, value)
      return writer.finish()
    },
    read: (reader) => ({ [row.key]: row.read(reader) }),
  }
}

/** perf pads strings to this. */
const STRING_MULTIPLE = 64
const MAX_STRING_BYTES = 1 << 16

const writeString = (writer: ByteWriter, text: string): unknown => {
  const bytes = paddedText(text, STRING_MULTIPLE, MAX_STRING_BYTES)
  return writer.u32(bytes.length).bytes(bytes)
}
const readString = (reader: ByteReader): string => textOf(reader.bytes(reader.u32()))

/** In ascending order of bits: the order of the table in the file. */
const FEATURES: readonly Feature[] = [
  {
    bit: 1,
    name: 'TRACING_DATA',
    write: ({ events }) => tracingData(events ?? []),
    // The names of its events are in EVENT_DESC, too.
    read: () => ({}),
  },
  feature({ bit: 2, name: 'BUILD_ID', key: 'buildIds', write: writeBuildIds, read: readBuildIds }),
  feature({ bit: 3, name: 'HOSTNAME', key: 'hostname', write: writeString, read: readString }),
  feature({ bit: 4, name: 'OSRELEASE', key: 'osRelease', write: writeString, read: readString }),
  feature({ bit: 5, name: 'VERSION', key: 'version', write: writeString, read: readString }),
  feature({ bit: 6, name: 'ARCH', key: 'arch', write: writeString, read: readString }),
  feature({
    bit: 7,
    name: 'NRCPUS',
    key: 'cpus',
    write: (writer, { available, online }) => writer.u32(available).u32(online),
    read: (reader) => ({ available: reader.u32(), online: reader.u32() }),
  }),
  feature({ bit: 8, name: 'CPUDESC', key: 'cpuDescription', write: writeString, read: readString }),
  feature({ bit: 9, name: 'CPUID', key: 'cpuId', write: writeString, read: readString }),
  feature({
    bit: 10,
    name: 'TOTAL_MEM',
    key: 'totalMemoryKb',
    write: (writer, kilobytes) => writer.u64(kilobytes),
    read: (reader) => reader.u64(),
  }),
  feature({ bit: 11, name: 'CMDLINE', key: 'commandLine', write: writeStrings, read: readStrings }),
  feature({ bit: 12, name: 'EVENT_DESC', key: 'events', write: writeEvents, read: readEvents }),
  feature({ bit: 16, name: 'PMU_MAPPINGS', key: 'pmus', write: writePmus, read: readPmus }),
  feature({
    bit: 21,
    name: 'SAMPLE_TIME',
    key: 'sampleTime',
    write: (writer, { first, last }) => writer.u64(first).u64(last),
    read: (reader) => ({ first: reader.u64(), last: reader.u64() }),
  }),
  feature({
    bit: 23,
    name: 'CLOCKID',
    key: 'clockResolution',
    write: (writer, resolution) => writer.u64(resolution),
    read: (reader) => reader.u64(),
  }),
  feature({ bit: 29, name: 'CLOCK_DATA', key: 'clock', write: writeClock, read: readClock }),
  feature({
    bit: STACK_NOTES_BIT,
    name: 'of stack notes',
    key: 'stackNotes',
    write: (writer, notes) => writer.bytes(notes),
    read: (reader) => reader.bytes(reader.remaining),
  }),
]

function writeStrings(writer: ByteWriter, texts: readonly string[]): void {
  writer.u32(texts.length)
  for (const text of texts) writeString(writer, text)
}

function readStrings(reader: ByteReader): string[] {
  return boundedArray(reader.u32(), reader, () => readString(reader))
}

function writePmus(writer: ByteWriter, pmus: ReadonlyMap<number, string>): void {
  writer.u32(pmus.size)
  for (const [type, name] of pmus) writeString(writer.u32(type), name)
}

function readPmus(reader: ByteReader): ReadonlyMap<number, string> {
  return new Map(boundedArray(reader.u32(), reader, () => [reader.u32(), readString(reader)]))
}

function writeClock(writer: ByteWriter, { unix, monotonic, clockId = CLOCK_MONOTONIC }: ClockMoment): void {
  writer.u32(1).u32(clockId).u64(unix).u64(monotonic)
}

function readClock(reader: ByteReader): ClockMoment {
  reader.u32()
  const clockId = reader.u32() | 0
  const moment = { unix: reader.u64(), monotonic: reader.u64() }
  return clockId === CLOCK_MONOTONIC ? moment : { ...moment, clockId }
}

function writeBuildIds(writer: ByteWriter, entries: readonly BuildIdEntry[]): void {
  for (const { buildId, path, kernel } of entries) {
    const id = bytesOfHex(buildId).subarray(0, BUILD_ID_BYTES)
    const name = paddedText(path, STRING_MULTIPLE, MAX_STRING_BYTES / 2)
    const size = RECORD_HEADER_BYTES + 4 + BUILD_ID_BYTES + 4 + name.length
    writer
      .u32(0)
      .u16((kernel ? MISC.KERNEL : MISC.USER) | MISC.BUILD_ID_SIZE)
      .u16(size)
    writer
      .u32(0xffff_ffff)
      .bytes(id)
      .zeros(BUILD_ID_BYTES - id.length)
      .u8(id.length)
      .zeros(3)
      .bytes(name)
  }
}

function readBuildIds(reader: ByteReader): BuildIdEntry[] {
  const entries: BuildIdEntry[] = []
  while (reader.remaining >= RECORD_HEADER_BYTES + MIN_BUILD_ID_BYTES) {
    reader.u32()
    const misc = reader.u16()
    const body = reader.bytes(reader.u16() - RECORD_HEADER_BYTES)
    entries.push(readBuildId(misc, new ByteReader(body, reader.order)))
  }
  return entries
}

/** pid, id and its size */
const MIN_BUILD_ID_BYTES = 4 + BUILD_ID_BYTES + 4

/** The body of one entry, which in pipe mode is a record. */
export function readBuildId(misc: number, entry: ByteReader): BuildIdEntry {
  entry.u32()
  const id = entry.bytes(BUILD_ID_BYTES)
  const stated = entry.u8()
  const isStated = (misc & MISC.BUILD_ID_SIZE) !== 0 && stated <= BUILD_ID_BYTES
  entry.bytes(3)
  return {
    buildId: hexOf(id.subarray(0, isStated ? stated : likelyLength(id))),
    path: textOf(entry.bytes(entry.remaining)),
    kernel: (misc & MISC.CPUMODE_MASK) === MISC.KERNEL,
  }
}

/** perf before 5.11 did not say how long an id is: shorter ones than its 20 bytes end in zeros, no whole one in so many. */
function likelyLength(id: Uint8Array): number {
  const length = id.findLastIndex((byte) => byte !== 0) + 1
  return length <= BUILD_ID_BYTES - 4 ? length : BUILD_ID_BYTES
}

function writeEvents(writer: ByteWriter, events: readonly FileEvent[]): void {
  writer.u32(events.length).u32(ATTR_BYTES)
  for (const { attr, name, ids } of events) {
    writer.bytes(encodeAttr(attr)).u32(ids.length)
    writeString(writer, name)
    for (const id of ids) writer.u64(id)
  }
}

function readEvents(reader: ByteReader): FileEvent[] {
  const count = reader.u32()
  const attrBytes = reader.u32()
  return boundedArray(count, reader, () => {
    const attr: EventAttr = decodeAttr(reader.bytes(attrBytes), reader.order)
    const idCount = reader.u32()
    const name = readString(reader)
    return { attr, name, ids: boundedArray(idCount, reader, () => reader.u64()) }
  })
}

/** `count` comes from the file: more elements than bytes cannot be. */
function boundedArray<Element>(count: number, reader: ByteReader, read: () => Element): Element[] {
  if (count > reader.remaining)
    throw new RangeError(`${count} elements stated where ${reader.remaining} bytes are left`)
  return Array.from({ length: count }, read)
}

/** The blob of one feature, and the bit it belongs to. */
export interface FeatureBlob {
  readonly bit: number
  readonly bytes: Uint8Array
}

/** Blobs of all features that `features` states, in the order of their bits. */
export function encodeFeatures(features: Features): FeatureBlob[] {
  return FEATURES.flatMap(({ bit, write }) => {
    const bytes = write(features)
    return bytes === undefined ? [] : [{ bit, bytes }]
  })
}

/** What stands behind the data of a file: the table of the blobs, then the blobs. `offset`: where it begins. */
export function layOutFeatures(blobs: readonly FeatureBlob[], offset: number): Uint8Array {
  const writer = new ByteWriter()
  let at = offset + blobs.length * 16
  for (const { bytes } of blobs) {
    writer.u64(BigInt(at)).u64(BigInt(bytes.length))
    at += bytes.length
  }
  for (const { bytes } of blobs) writer.bytes(bytes)
  return writer.finish()
}

/**
 * What the blobs say. A feature that is unknown is ignored; one that cannot be read is told to `problem` and left out.
 */
export function decodeFeatures(
  blobs: readonly FeatureBlob[],
  problem: (text: string) => void,
  order: ByteOrder = 'little',
): Features {
  let features: Features = {}
  for (const { bit, bytes } of blobs) {
    const known = FEATURES.find((entry) => entry.bit === bit)
    if (known === undefined) continue
    try {
      features = { ...features, ...known.read(new ByteReader(bytes, order)) }
    } catch {
      problem(`feature ${known.name} is damaged and was left out`)
    }
  }
  return features
}
