// The records of a perf.data file or stream, one after another as they stand in it, read in pieces of bounded size.

import { ByteReader } from './bytes.ts'
import { decodeRecord, type FileRecord, type NoticeRecord, type SampleRecord } from './file-records.ts'
import type { FileEvent } from './header.ts'
import { ATTR_FLAG, FIRST_TOOL_RECORD, MISC, RECORD, recordName } from './layout.ts'
import { type RawRecord, RecordCutter, typeText } from './raw-records.ts'
import type { PerfDataFile } from './reader.ts'
import {
  readSample,
  readSampleId,
  type SampleFields,
  sampleIdBytes,
  sampleIdPlace,
  trailerIdPlace,
} from './sample-layout.ts'

/** `damage`: something that the file has was not read. `remark`: it was read as perf reads it. */
export type Gravity = 'damage' | 'remark'

export interface ReadOptions {
  /** Called with a sentence for what is damaged and was left out. */
  readonly problem: (text: string, gravity: Gravity) => void
}

/** What a record of zstd data holds. What it is unpacked to goes back into `RecordReader.unpacked`. */
export interface PackedRecord {
  readonly kind: 'packed'
  readonly bytes: Uint8Array
  readonly at: number
}

const PIECE_BYTES = 2 ** 20
/** Damaged records are told one by one up to this many, then counted. */
const MAX_TOLD = 3
/** Unknown types that are counted by themselves. */
const MAX_TYPES = 16

/** The pieces of a file's data, as long as it is not cut off. */
export function* piecesOf({ source, data }: PerfDataFile): Generator<Uint8Array> {
  const end = data.offset + data.size
  for (let at = data.offset; at < end; ) {
    const piece = source.read(at, Math.min(PIECE_BYTES, end - at))
    if (piece.length === 0) return
    yield piece
    at += piece.length
  }
}

/** All records that Sonde knows, up to the first compressed one. */
export function* readRecords(file: PerfDataFile, options: ReadOptions): Generator<FileRecord> {
  const reader = new RecordReader(file, options)
  for (const piece of piecesOf(file)) {
    for (const record of reader.records(piece)) {
      if (record.kind === 'packed') return
      yield record
    }
    if (reader.isBroken) break
  }
  reader.end()
}

/** Turns pieces of data into records. Stops at the first place where the chain of records is broken, and says so. */
export class RecordReader {
  readonly #file: PerfDataFile
  readonly #problem: ReadOptions['problem']
  readonly #decoder: RecordDecoder
  readonly #cutter: RecordCutter
  readonly #inner: RecordCutter
  #isBroken = false
  #malformed = 0
  readonly #steppedOver = new Map<number, number>()
  #otherTypes = 0
  #ended = false

  constructor(file: PerfDataFile, { problem }: ReadOptions) {
    this.#file = file
    this.#problem = problem
    this.#decoder = new RecordDecoder(file)
    this.#cutter = new RecordCutter(file.order, file.data.offset)
    this.#inner = new RecordCutter(file.order, 0)
  }

  /** Nothing more can be read. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** To be run to its end before the next piece, or what is unpacked, is taken. */
  *records(piece: Uint8Array): Generator<FileRecord | PackedRecord> {
    for (const raw of this.#cutter.records(piece)) {
      const packed = this.#packedIn(raw)
      const record = packed ?? this.#decoded(raw, raw.at)
      if (record !== undefined) yield record
      if (this.#isBroken) return
    }
    if (this.#cutter.broken !== undefined) this.breakOff(this.#cutter.broken)
  }

  *unpacked(bytes: Uint8Array, { at }: PackedRecord): Generator<FileRecord> {
    for (const raw of this.#inner.records(bytes)) {
      const record = this.#decoded(raw, at)
      if (record !== undefined) yield record
    }
    if (this.#inner.broken !== undefined)
      this.breakOff(`the compressed record at byte ${at} is damaged: ${this.#inner.broken}`)
  }

  /** Nothing more is read, because of `why`. */
  breakOff(why: string): void {
    this.#isBroken = true
    this.#problem(`${why}. What stands behind it could not be read`, 'damage')
  }

  /** No more pieces come. Says what was left out. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    if (!this.#isBroken) {
      const cut = this.#cutter.end()
      if (cut !== undefined) this.#problem(cut, 'damage')
      else if (this.#inner.end() !== undefined)
        this.#problem('the last compressed record is cut off', 'damage')
    }
    if (this.#malformed > MAX_TOLD) this.#problem(`${this.#malformed} records are malformed`, 'damage')
    const { strangers } = this.#decoder
    if (strangers > 0)
      this.#problem(`${strangers} samples of events that the file does not describe were left out`, 'damage')
    const stepped = [...this.#steppedOver].map(([type, count]) => `${count} of type ${typeText(type)}`)
    if (this.#otherTypes > 0) stepped.push(`${this.#otherTypes} of others`)
    if (stepped.length > 0) this.#problem(`records were stepped over: ${stepped.join(', ')}`, 'remark')
  }

  #countSteppedOver(type: number): void {
    const known = this.#steppedOver.get(type)
    if (known === undefined && this.#steppedOver.size >= MAX_TYPES) this.#otherTypes++
    else this.#steppedOver.set(type, (known ?? 0) + 1)
  }

  #packedIn({ type, body, at }: RawRecord): PackedRecord | undefined {
    if (type === RECORD.COMPRESSED) return { kind: 'packed', bytes: body, at }
    if (type !== RECORD.COMPRESSED2) return undefined
    const reader = new ByteReader(body, this.#file.order)
    const stated = body.length < 8 ? Number.POSITIVE_INFINITY : Number(reader.u64())
    if (stated <= reader.remaining) return { kind: 'packed', bytes: reader.bytes(stated), at }
    this.breakOff(`the COMPRESSED2 record at byte ${at} is damaged: it states more bytes than it has`)
    return undefined
  }

  /** Undefined where it says nothing to Sonde, or is malformed. */
  #decoded(raw: RawRecord, at: number): FileRecord | undefined {
    if (isSteppedOver(raw.type)) this.#countSteppedOver(raw.type)
    try {
      return this.#decoder.decode(raw)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#malformed++
      if (this.#malformed <= MAX_TOLD)
        this.#problem(
          `the record of type ${typeText(raw.type)} at byte ${at} is malformed and was left out`,
          'damage',
        )
      return undefined
    }
  }
}

/** What a reader of profiles would want to know of: data of a hardware trace, and what is newer than this program. */
const isSteppedOver = (type: number): boolean =>
  type === RECORD.AUXTRACE || type === RECORD.AUX || recordName(type) === undefined

/** Turns the bytes of one record into its values. */
class RecordDecoder {
  /** Samples whose id is none of the file's. */
  strangers = 0
  readonly #file: PerfDataFile
  readonly #first: FileEvent
  readonly #eventOfId: ReadonlyMap<bigint, number>
  readonly #sampleIdPlace: number | undefined
  readonly #trailerIdPlace: number | undefined
  readonly #asksForBuildIds: boolean
  #samples = 0
  /** Told by the rings, and by nothing else yet. */
  #lostInRings = 0

  constructor(file: PerfDataFile) {
    const [first] = file.events
    if (first === undefined) throw new Error('a file without events')
    this.#file = file
    this.#first = first
    this.#eventOfId = eventOfId(file.events)
    this.#asksForBuildIds = file.events.some(({ attr }) => (attr.flags & ATTR_FLAG.build_id) !== 0n)
    // Ids stand where the first event has them: files of several events agree on that, or nothing could read them.
    this.#sampleIdPlace = sampleIdPlace(first.attr.sampleType)
    this.#trailerIdPlace = trailerIdPlace(first.attr.sampleType)
  }

  /** Undefined for records that say nothing to Sonde. */
  decode(raw: RawRecord): FileRecord | undefined {
    if (raw.type === RECORD.SAMPLE) return this.#sample(raw)
    if (raw.type === RECORD.FINISHED_ROUND) return { kind: 'round' }
    if (raw.type >= FIRST_TOOL_RECORD) {
      this.#file.takeLate?.(raw)
      return undefined
    }
    const { order } = this.#file
    const sampleType = this.#trailerTypeOf(raw.body)
    const bodyEnd = raw.body.length - sampleIdBytes(sampleType)
    if (bodyEnd < 0) throw new RangeError('no room for the sample_id')
    const sampleId = readSampleId(new ByteReader(raw.body.subarray(bodyEnd), order), sampleType)
    const head = { type: raw.type, misc: raw.misc, asksForBuildIds: this.#asksForBuildIds }
    const record = decodeRecord(head, new ByteReader(raw.body.subarray(0, bodyEnd), order), sampleId)
    return record?.kind === 'lost' ? this.#lossOnce(record, raw.type) : record
  }

  /**
   * perf since 6.1 ends a file with how many samples each event has lost in all (LOST_SAMPLES), which the rings have told
   * of before (LOST): what remains of the former is what nobody has heard of.
   */
  #lossOnce(record: NoticeRecord, type: number): NoticeRecord | undefined {
    if (type === RECORD.LOST) {
      this.#lostInRings += record.count
      return record
    }
    const told = Math.min(record.count, this.#lostInRings)
    this.#lostInRings -= told
    return told === record.count ? undefined : { ...record, count: record.count - told }
  }

  /** The sample_type whose parts the trailer of a record has. */
  #trailerTypeOf(body: Uint8Array): bigint {
    const { attr } = this.#first
    if ((attr.flags & ATTR_FLAG.sample_id_all) === 0n) return 0n
    if (this.#file.events.length === 1 || this.#trailerIdPlace === undefined) return attr.sampleType
    const at = body.length - this.#trailerIdPlace
    if (at < 0) throw new RangeError('no room for the id')
    const id = new ByteReader(body.subarray(at), this.#file.order).u64()
    return this.#eventNamed(id)?.attr.sampleType ?? attr.sampleType
  }

  #eventNamed(id: bigint): FileEvent | undefined {
    const index = this.#eventOfId.get(id)
    return index === undefined ? undefined : this.#file.events[index]
  }

  #sample({ misc, body }: RawRecord): SampleRecord | undefined {
    const index = this.#samples++
    const event = this.#eventOfSample(body)
    if (event === undefined) {
      this.strangers++
      return undefined
    }
    const { attr } = this.#file.events[event] ?? this.#first
    const fields: SampleFields = readSample(new ByteReader(body, this.#file.order), attr)
    return {
      kind: 'sample',
      time: fields.time,
      id: fields.id,
      index,
      event,
      fields,
      cpumode: misc & MISC.CPUMODE_MASK,
    }
  }

  /** As perf does it: the only event needs no id, and what has none is the first one's. */
  #eventOfSample(body: Uint8Array): number | undefined {
    if (this.#file.events.length === 1 || this.#sampleIdPlace === undefined) return 0
    const id = new ByteReader(body.subarray(this.#sampleIdPlace), this.#file.order).u64()
    return id === 0n ? 0 : this.#eventOfId.get(id)
  }
}

/** Index of the event that each id of a file names. */
export const eventOfId = (events: readonly FileEvent[]): ReadonlyMap<bigint, number> =>
  new Map(events.flatMap(({ ids }, index) => ids.map((id) => [id, index] as const)))
