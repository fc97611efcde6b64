// Several recordings of one machine as one: their records in order of time, their equal events as one event.

import { AgentError } from '../../core/errors.ts'
import { exactJson } from '../../core/exact-json.ts'
import type { SessionInfo } from '../../core/profile.ts'
import type { TimedRecord } from '../../formats/perf-data/file-records.ts'
import type { PerfDataFile } from '../../formats/perf-data/reader.ts'
import { eventOfId } from '../../formats/perf-data/record-reader.ts'
import type { StackNotes } from '../../formats/perf-data/stack-notes-reader.ts'

/** One of the files. */
export interface RecordedFile {
  readonly file: PerfDataFile
  readonly notes: StackNotes | undefined
  /** By event. */
  readonly sessions: readonly SessionInfo[]
}

/** What is asked of the notes of all files. */
export type JoinedNotes = Pick<StackNotes, 'numberOf' | 'note' | 'runtimeOf' | 'identityOf' | 'svmaOf'>

/** Between recordings that do not overlap: what was known of processes is over, and what follows says it anew. */
export const GAP = 'gap'

export class JoinedFiles {
  readonly sessions: readonly SessionInfo[]
  readonly notes: JoinedNotes | undefined
  /** What stands for an event in the `id` of the records that `records` gives. */
  readonly eventOfId: ReadonlyMap<bigint, number>
  readonly #files: readonly RecordedFile[]
  /** Per file, from its events to `sessions`; undefined: not wanted. */
  readonly #places: readonly (readonly (number | undefined)[])[]
  #overlaps = false

  /**
   * @param events names of those that are wanted; none: all
   * @throws AgentError where the files are not of one machine and boot, or have no such event
   */
  constructor(files: readonly RecordedFile[], events: readonly string[] = []) {
    checkSameBoot(files)
    checkEvents(files, events)
    const sessions: SessionInfo[] = []
    const known = new Map<string, number>()
    this.#places = files.map((each) =>
      each.sessions.map((session) => {
        if (events.length > 0 && !events.includes(session.event.name)) return undefined
        const key = identityOf(session)
        const place = files.length === 1 ? undefined : known.get(key)
        if (place !== undefined) return place
        known.set(key, sessions.length)
        return sessions.push({ ...session, id: sessions.length }) - 1
      }),
    )
    this.#files = files
    this.sessions = sessions
    this.notes = joinedNotes(files.map(({ notes }) => notes))
    this.eventOfId = this.#isPlain
      ? new Map(files.flatMap(({ file }) => file.events).flatMap(({ ids }, at) => ids.map((id) => [id, at])))
      : new Map(sessions.map(({ id }) => [BigInt(id) + 1n, id]))
  }

  /** Whether what was sampled by two of them at the same time counts twice; known when all was read. */
  get overlaps(): boolean {
    return this.#overlaps
  }

  /** Nothing is to be changed about records. */
  get #isPlain(): boolean {
    return this.#files.length === 1 && this.#places.every((places) => !places.includes(undefined))
  }

  /** In stretches that are of one time or go on in it. `read`: the records of a file as they stand in it. */
  async *records(
    read: (file: PerfDataFile) => AsyncIterable<readonly TimedRecord[]>,
  ): AsyncGenerator<readonly (TimedRecord | typeof GAP)[]> {
    const stretches = this.#files.map(({ file }, number) =>
      this.#isPlain ? read(file) : this.#translated(read(file), number),
    )
    const [only] = stretches
    if (only !== undefined && stretches.length === 1) yield* only
    else yield* this.#merged(await Promise.all(stretches.map((records) => Stream.open(records))))
  }

  async *#merged(streams: readonly Stream[]): AsyncGenerator<readonly (TimedRecord | typeof GAP)[]> {
    const waiting = streams.toSorted((a, b) => compare(a.start, b.start))
    const open: Stream[] = []
    let isFirst = true
    let ready: (TimedRecord | typeof GAP)[] = []
    while (open.length + waiting.length > 0) {
      const oldest = open.reduce<Stream | undefined>(
        (least, each) => (least === undefined || each.time < least.time ? each : least),
        undefined,
      )
      const [next] = waiting
      if (next !== undefined && (oldest === undefined || next.start <= oldest.time)) {
        waiting.shift()
        if (oldest === undefined && !isFirst) ready.push(GAP)
        if (oldest !== undefined) this.#overlaps = true
        // In the midst of another recording it says what is so from here on.
        for (const record of next.state)
          ready.push(oldest === undefined ? record : { ...record, time: next.start })
        isFirst = false
        if (next.hasMore) open.push(next)
      } else if (oldest !== undefined) {
        ready.push(oldest.take())
        if (oldest.isEmpty) await oldest.refill()
        if (!oldest.hasMore) open.splice(open.indexOf(oldest), 1)
      }
      if (ready.length < MAX_READY) continue
      yield ready
      ready = []
    }
    yield ready
  }

  async *#translated(
    stretches: AsyncIterable<readonly TimedRecord[]>,
    number: number,
  ): AsyncGenerator<readonly TimedRecord[]> {
    const { file } = this.#files[number]!
    const eventOfFile = eventOfId(file.events)
    for await (const stretch of stretches) {
      yield stretch.flatMap((record) => this.#translatedRecord(record, number, eventOfFile) ?? [])
    }
  }

  /** Undefined where its event is not wanted. */
  #translatedRecord(
    record: TimedRecord,
    number: number,
    eventOfFile: ReadonlyMap<bigint, number>,
  ): TimedRecord | undefined {
    const places = this.#places[number]!
    const idOf = (event: number): bigint => BigInt(places[event] ?? 0) + 1n
    switch (record.kind) {
      case 'sample': {
        const event = places[record.event]
        if (event === undefined) return undefined
        const index = record.index * this.#files.length + number
        return { ...record, event, index, id: idOf(record.event) }
      }
      case 'lost':
      case 'throttle':
      case 'unthrottle': {
        const event = eventOfFile.get(record.id) ?? 0
        return places[event] === undefined ? undefined : { ...record, id: idOf(event) }
      }
      default:
        return record.id === 0n ? record : { ...record, id: idOf(eventOfFile.get(record.id) ?? 0) }
    }
  }
}

/** Records that are passed on together. */
const MAX_READY = 4096

/** The records of one file, with the oldest to come in sight. */
class Stream {
  /** What stands before all time. */
  readonly state: TimedRecord[] = []
  start = 0n
  readonly #stretches: AsyncIterator<readonly TimedRecord[]>
  #stretch: readonly TimedRecord[] = []
  #place = 0

  private constructor(stretches: AsyncIterable<readonly TimedRecord[]>) {
    this.#stretches = stretches[Symbol.asyncIterator]()
  }

  static async open(stretches: AsyncIterable<readonly TimedRecord[]>): Promise<Stream> {
    const stream = new Stream(stretches)
    await stream.refill()
    while (stream.hasMore && stream.time === 0n) {
      stream.state.push(stream.take())
      if (stream.isEmpty) await stream.refill()
    }
    stream.start = stream.time
    return stream
  }

  /** False at the end, once `refill` has resolved. */
  get hasMore(): boolean {
    return this.#place < this.#stretch.length
  }

  /** Whether `refill` is to be awaited before anything else is asked. */
  get isEmpty(): boolean {
    return !this.hasMore
  }

  get time(): bigint {
    return this.#stretch[this.#place]?.time ?? 0n
  }

  take(): TimedRecord {
    const record = this.#stretch[this.#place]
    if (record === undefined) throw new Error('no more records')
    this.#place++
    return record
  }

  async refill(): Promise<void> {
    for (;;) {
      const { value, done } = await this.#stretches.next()
      this.#stretch = done === true ? [] : value
      this.#place = 0
      if (done === true || this.#stretch.length > 0) return
    }
  }
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

/** Sessions that have it in common are one. */
const identityOf = ({
  event,
  rate,
  config,
  callGraph,
  stackParts,
  maxStack,
  inherit,
  tellsCgroups,
}: SessionInfo): string =>
  exactJson({ event, rate, config, callGraph, stackParts, maxStack, inherit, tellsCgroups })

/** Of several files: samples and notes are numbered so that each file's are its own. */
function joinedNotes(all: readonly (StackNotes | undefined)[]): JoinedNotes | undefined {
  const [only] = all
  if (all.length === 1) return only
  const known = all.filter((notes) => notes !== undefined)
  if (known.length === 0) return undefined
  const count = all.length
  return {
    numberOf(sample) {
      const file = sample % count
      const number = all[file]?.numberOf((sample - file) / count) ?? 0
      return number === 0 ? 0 : number * count + file
    },
    note: (number) =>
      number === 0 ? undefined : all[number % count]?.note((number - (number % count)) / count),
    runtimeOf: (image) =>
      known.map((notes) => notes.runtimeOf(image)).find((runtime) => runtime !== 'unknown') ?? 'unknown',
    identityOf: (image) => Object.assign({}, ...known.map((notes) => notes.identityOf(image))),
    svmaOf: (image, offset) =>
      known.map((notes) => notes.svmaOf(image, offset)).find((stated) => stated !== undefined),
  }
}

function checkEvents(files: readonly RecordedFile[], events: readonly string[]): void {
  const names = new Set(files.flatMap(({ sessions }) => sessions.map(({ event }) => event.name)))
  const unknown = events.find((event) => !names.has(event))
  if (unknown === undefined) return
  throw new AgentError(
    'REPLAY.NO_EVENT',
    `There is no event ${unknown} in it: it has ${[...names].join(', ')}.`,
  )
}

/** Clocks of one boot differ by what the wall clock was set meanwhile, which is seconds; those of two by how long the first one ran. */
const SAME_BOOT_NS = 60_000_000_000n

/** Numbers of processes and addresses of the kernel mean the same, and times lie on one clock. */
function checkSameBoot(files: readonly RecordedFile[]): void {
  const [first, ...others] = files
  for (const other of others) {
    const why = first === undefined ? undefined : difference(first, other)
    if (why === undefined) continue
    throw new AgentError(
      'REPLAY.NOT_ONE_MACHINE',
      `Cannot join ${first?.file.source.name} and ${other.file.source.name}: ${why}. ` +
        'Process numbers and times of one mean nothing in the other; convert each by itself, or compare them: sonde diff.',
    )
  }
}

function difference(one: RecordedFile, other: RecordedFile): string | undefined {
  const hosts = [one, other].map(({ sessions }) => sessions[0]?.host)
  const [a, b] = hosts
  if (a === undefined || b === undefined) return 'one of them has no events'
  if (a.hostname === '' || b.hostname === '') return 'one of them does not say of which machine it is'
  if (a.hostname !== b.hostname) return `they are of two machines, ${a.hostname} and ${b.hostname}`
  if (a.osRelease !== b.osRelease) return `they are of two kernels, ${a.osRelease} and ${b.osRelease}`
  if (one.sessions[0]?.clock?.id !== other.sessions[0]?.clock?.id) return 'their times are of two clocks'
  const [kernel, otherKernel] = [a.kernel?.text, b.kernel?.text]
  if (kernel !== undefined && otherKernel !== undefined && kernel !== otherKernel)
    return 'the machine was started anew between them'
  const [clock, otherClock] = [one.file.features.clock, other.file.features.clock]
  if (clock === undefined || otherClock === undefined) return undefined
  const drift = clock.unix - clock.monotonic - (otherClock.unix - otherClock.monotonic)
  return drift > SAME_BOOT_NS || drift < -SAME_BOOT_NS
    ? 'the machine was started anew between them'
    : undefined
}
