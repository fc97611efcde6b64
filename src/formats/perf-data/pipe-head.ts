// What a stream says about itself: in records before its samples, where a file has sections.

import { decodeAttr } from './attr.ts'
import { type ByteOrder, ByteReader, textOf } from './bytes.ts'
import { type BuildIdEntry, decodeFeatures, type Features, readBuildId } from './features.ts'
import type { FileEvent } from './header.ts'
import { MISC, PIPE_HEADER_BYTES, RECORD } from './layout.ts'
import { type RawRecord, RecordCutter } from './raw-records.ts'
import type { PerfDataFile } from './reader.ts'
import { type ByteSource, unreadable } from './source.ts'

const PIECE_BYTES = 2 ** 16
const MAX_EVENTS = 4096
const MAX_BUILD_IDS = 2 ** 20
const MIN_ATTR_BYTES = 64
/** Who reads so many knows that the stream is damaged. */
const MAX_PROBLEMS = 20
/** PERF_EVENT_UPDATE__NAME */
const UPDATE_NAME = 2n

/** The last of these stands before anything that happened, in every stream. */
export function endsPipeHead({ type, misc }: Pick<RawRecord, 'type' | 'misc'>): boolean {
  switch (type) {
    case RECORD.SAMPLE:
    case RECORD.COMM:
    case RECORD.FORK:
    case RECORD.EXIT:
    case RECORD.COMPRESSED:
    case RECORD.COMPRESSED2:
    case RECORD.FINISHED_ROUND:
      return true
    case RECORD.MMAP:
    case RECORD.MMAP2:
      return (misc & MISC.CPUMODE_MASK) === MISC.USER
    default:
      return false
  }
}

/** Reads a stream up to its first sample. */
export function openPipe(source: ByteSource, order: ByteOrder): PerfDataFile {
  const head = new PipeHead(order)
  const cutter = new RecordCutter(order, PIPE_HEADER_BYTES)
  let end: number | undefined
  for (let at = PIPE_HEADER_BYTES; end === undefined && cutter.broken === undefined; ) {
    const piece = source.read(at, PIECE_BYTES)
    if (piece.length === 0) break
    for (const record of cutter.records(piece)) {
      if (endsPipeHead(record)) end ??= record.at
      if (end === undefined) head.take(record)
    }
    at += piece.length
  }
  if (head.events.length === 0) {
    const why = cutter.broken ?? cutter.end() ?? 'there is no HEADER_ATTR record before the first sample'
    throw unreadable(source, `it describes no event: ${why}.`)
  }
  const seen = end ?? source.size
  return {
    source,
    order,
    mode: 'pipe',
    events: head.events,
    data: { offset: PIPE_HEADER_BYTES, size: source.size - PIPE_HEADER_BYTES },
    features: head.features,
    damage: [],
    problems: head.problems,
    takeLate(record) {
      if (record.at >= seen) head.takeLate(record)
    },
  }
}

class PipeHead {
  readonly events: FileEvent[] = []
  readonly problems: string[] = []
  readonly #problem = (text: string): void => {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(text)
  }
  readonly #buildIds: BuildIdEntry[] = []
  readonly #order: ByteOrder
  #features: Features = {}

  constructor(order: ByteOrder) {
    this.#order = order
  }

  /** BUILD_ID records that come among the samples are added to its list. */
  get features(): Features {
    return { buildIds: this.#buildIds, ...this.#features }
  }

  take(record: RawRecord): void {
    try {
      this.#take(record)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#problem(`the record of type ${record.type} at byte ${record.at} is malformed`)
    }
  }

  /** Sessions are made of what stands before the samples: only build ids may follow. */
  takeLate({ type, misc, body }: RawRecord): void {
    if (type === RECORD.HEADER_BUILD_ID) this.#addBuildId(misc, new ByteReader(body, this.#order))
  }

  #take({ type, misc, body }: RawRecord): void {
    const reader = new ByteReader(body, this.#order)
    switch (type) {
      case RECORD.HEADER_ATTR:
        if (this.events.length < MAX_EVENTS) this.events.push(eventOf(reader, body))
        return
      case RECORD.EVENT_UPDATE:
        this.#update(reader)
        return
      case RECORD.HEADER_FEATURE:
        this.#addFeature(Number(reader.u64()), reader.bytes(reader.remaining))
        return
      case RECORD.HEADER_BUILD_ID:
        this.#addBuildId(misc, reader)
        return
    }
  }

  #update(reader: ByteReader): void {
    const [kind, id] = [reader.u64(), reader.u64()]
    if (kind !== UPDATE_NAME) return
    const name = textOf(reader.bytes(reader.remaining))
    this.#nameEvents(name, (event) => event.ids.includes(id))
  }

  #nameEvents(name: string, isMeant: (event: FileEvent, index: number) => boolean): void {
    const index = this.events.findIndex(isMeant)
    const event = this.events[index]
    if (event !== undefined && name !== '') this.events[index] = { ...event, name }
  }

  #addFeature(bit: number, bytes: Uint8Array): void {
    const told = decodeFeatures([{ bit, bytes }], this.#problem, this.#order)
    const { buildIds = [], events = [], ...others } = told
    this.#buildIds.push(...buildIds.slice(0, MAX_BUILD_IDS - this.#buildIds.length))
    events.forEach(({ name }, place) => {
      this.#nameEvents(name, (event, index) => index === place && event.name === '')
    })
    this.#features = { ...this.#features, ...others }
  }

  #addBuildId(misc: number, reader: ByteReader): void {
    if (this.#buildIds.length < MAX_BUILD_IDS) this.#buildIds.push(readBuildId(misc, reader))
  }
}

/** perf_event_attr of the size that it states, then the ids. */
function eventOf(reader: ByteReader, body: Uint8Array): FileEvent {
  reader.u32()
  const attrBytes = reader.u32() || MIN_ATTR_BYTES
  if (attrBytes < MIN_ATTR_BYTES) throw new RangeError(`an attr of ${attrBytes} bytes`)
  reader.position = 0
  const attr = decodeAttr(reader.bytes(attrBytes), reader.order)
  const count = Math.floor((body.length - attrBytes) / 8)
  return { attr, ids: [...reader.u64s(count)], name: '' }
}
