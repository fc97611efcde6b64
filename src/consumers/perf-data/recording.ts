// One perf.data file while it grows. At any moment the bytes on disk are a valid file: the header never speaks of data
// that are not there yet, and the features behind the data are disowned before new data overwrite them.

import { stackBytesOf } from '../../core/call-graph.ts'
import { isSameConfig, type ProfileBatch, type SessionInfo } from '../../core/profile.ts'
import { sampledImages } from '../../core/sampled-images.ts'
import { sessionIdsOf } from '../../core/window-view.ts'
import {
  type BuildIdEntry,
  encodeFeatures,
  type Features,
  layOutFeatures,
} from '../../formats/perf-data/features.ts'
import { dataOffset, encodeHead, fileEventOf } from '../../formats/perf-data/header.ts'
import { featuresOf } from '../../formats/perf-data/host-features.ts'
import { moveTimes } from '../../formats/perf-data/other-clock.ts'
import { finishedRound, kernelRecords } from '../../formats/perf-data/records.ts'
import { type NoteRuns, StackNotesWriter } from '../../formats/perf-data/stack-notes-writer.ts'
import { noticeRecords, type ProcessRecords, processRecords } from '../../formats/perf-data/window.ts'
import { type PackOptions, packed } from './packing.ts'
import type { PartFile } from './part-file.ts'

/** Objects named in the BUILD_ID table; the ids of further ones travel with their mappings only. */
const MAX_BUILD_IDS = 8192

/** What the table of features has for each. */
const FEATURE_ENTRY_BYTES = 16

/** What a file holds. A new value for each flush, so that a flush that fails changes nothing. */
interface Contents {
  readonly sessions: readonly SessionInfo[]
  readonly dataBytes: number
  readonly samples: number
  readonly firstSample: bigint
  readonly lastSample: bigint
  /** The wall clock and the file's at one moment. */
  readonly clock: NonNullable<Features['clock']>
  readonly buildIds: ReadonlyMap<string, BuildIdEntry>
  /** Sequence of the newest window whose process records are in the file. */
  readonly sequence: number
}

/** What is behind the header for some contents. */
interface Tail {
  readonly bytes: Uint8Array
  readonly features: readonly number[]
}

const NO_TAIL: Tail = { bytes: new Uint8Array(0), features: [] }

/** By which the times of a file go. */
export interface FileClock {
  /** CLOCK_*; undefined: the samples' own. */
  readonly id: number | undefined
  /** That clock minus CLOCK_MONOTONIC, in a batch's window. */
  readonly offsetIn: (batch: ProfileBatch) => bigint
}

export interface RecordingOptions {
  /** What made it. */
  readonly version: string
  readonly clock: FileClock
}

export class Recording {
  #part: PartFile
  readonly #version: string
  /** Sessions of the window that began the file; there is room for as many. */
  readonly #sessionIds: ReadonlySet<number>
  readonly #startedAt: bigint
  readonly #dataOffset: number
  readonly #notes = new StackNotesWriter()
  readonly #config: SessionInfo['config']
  readonly #clock: FileClock
  #contents: Contents | undefined
  #bytesOnDisk = 0
  #sealedBytes = 0

  constructor(part: PartFile, batch: ProfileBatch, { version, clock }: RecordingOptions) {
    this.#part = part
    this.#version = version
    this.#clock = clock
    this.#sessionIds = new Set(sessionIdsOf(batch.buffer))
    this.#config = batch.session.config
    this.#startedAt = batch.window.start
    this.#dataOffset = dataOffset(this.#sessionIds.size)
  }

  get path(): string {
    return this.#part.target
  }

  get bytes(): number {
    return this.#bytesOnDisk
  }

  /** Of the file once it is sealed, at most. */
  get sealedBytes(): number {
    return this.#sealedBytes
  }

  /** The configuration that all of it is of. */
  get config(): SessionInfo['config'] {
    return this.#config
  }

  get samples(): number {
    return this.#contents?.samples ?? 0
  }

  get isEmpty(): boolean {
    return this.#contents === undefined
  }

  /** How long it has been recording when `batch` comes, by the clock of the samples: the wall clock may step. */
  ageNs(batch: ProfileBatch): bigint {
    return batch.window.start - this.#startedAt
  }

  /** Whether the batch's window has the sessions that this file was begun for. */
  suits(batch: ProfileBatch): boolean {
    const ids = sessionIdsOf(batch.buffer)
    if (ids.length !== this.#sessionIds.size || ids.some((id) => !this.#sessionIds.has(id))) return false
    const known = this.#contents?.sessions.find(({ id }) => id === batch.session.id)
    return known === undefined || known === batch.session || describesSame(known, batch.session)
  }

  /** What `samples`, the encoded ones of `batch` by the file's clock, need around them to be understood in this file. */
  async recordsWith(samples: Uint8Array, batch: ProfileBatch): Promise<readonly Uint8Array[]> {
    const options = { processes: this.#processRecordsFor(batch), snapshotTime: this.#snapshotTimeFor(batch) }
    const [before, behind] = [await processRecords(batch, options), noticeRecords(batch)]
    const offset = this.#clock.offsetIn(batch)
    for (const records of [before, behind]) if (offset !== 0n) moveTimes(records, offset)
    return [before, samples, behind]
  }

  #processRecordsFor(batch: ProfileBatch): ProcessRecords {
    const last = this.#contents?.sequence
    if (last === batch.window.sequence) return 'none'
    return last !== undefined && last + 1 === batch.window.sequence ? 'events' : 'snapshot'
  }

  /** The time of a snapshot's records: before everything at the file's beginning, at the window's start later on. */
  #snapshotTimeFor({ window, samples }: ProfileBatch): bigint {
    if (this.#contents === undefined) return 0n
    const first = samples.time[0]
    if (first !== undefined && first < window.start) return first
    return window.start
  }

  /** What `append` will write for `records`, those of `batch`, and the size of the file then. */
  async plan(batch: ProfileBatch, records: readonly Uint8Array[]): Promise<Flush> {
    const before = this.#contents
    const front =
      before === undefined
        ? kernelRecords(batch.session.host)
        : before.sequence === batch.window.sequence
          ? new Uint8Array(0)
          : finishedRound()
    const data = [front, ...records]
    const contents = grown(before, batch, { bytes: bytesOf(data), clock: this.#clock })
    const tail = this.#tailOf(contents)
    const size = this.#dataOffset + contents.dataBytes + tail.bytes.length
    const notes = await this.#notes.plan(batch)
    const sealedSize = size + this.#notes.bytesWith(notes) + FEATURE_ENTRY_BYTES
    return { chunks: [...data, tail.bytes], contents, tail, notes, size, sealedSize }
  }

  /** The batch brought no records, so there is nothing to write; its window is in the file all the same. */
  noteEmpty(batch: ProfileBatch): void {
    if (this.#contents !== undefined)
      this.#contents = grown(this.#contents, batch, { bytes: 0, clock: this.#clock })
  }

  /**
   * Writes and makes it valid. When anything fails, or `signal` aborts before the header speaks of the new data, the
   * file is what it was before.
   */
  async append(flush: Flush, signal?: AbortSignal): Promise<void> {
    const end = this.#dataOffset + (this.#contents?.dataBytes ?? 0)
    try {
      if (this.#contents !== undefined) await this.#writeHead(this.#contents, NO_TAIL)
      let position = end
      for (const chunk of flush.chunks) {
        await this.#part.write(chunk, position)
        position += chunk.length
      }
      signal?.throwIfAborted()
      await this.#writeHead(flush.contents, flush.tail)
    } catch (error) {
      await this.#rollBack()
      throw error
    }
    this.#contents = flush.contents
    this.#notes.append(flush.notes)
    this.#bytesOnDisk = flush.size
    this.#sealedBytes = flush.sealedSize
  }

  /** Samples whose stack has no note, for want of room. */
  get untold(): number {
    return this.#notes.untold
  }

  /**
   * Adds what is known of the stacks; nothing is appended afterwards. Once, because it would be written anew with every
   * flush otherwise. When it fails the file is what it was before.
   */
  async seal(): Promise<void> {
    const contents = this.#contents
    const stackNotes = this.#notes.finish(contents?.sessions ?? [])
    if (contents === undefined || stackNotes === undefined) return
    const end = this.#dataOffset + contents.dataBytes
    try {
      const tail = this.#tailOf(contents, stackNotes)
      await this.#writeHead(contents, NO_TAIL)
      await this.#part.write(tail.bytes, end)
      await this.#writeHead(contents, tail)
      this.#bytesOnDisk = end + tail.bytes.length
    } catch (error) {
      await this.#rollBack()
      throw error
    }
  }

  /** Back to the contents of the last flush that worked; its features are restored where there is room for them. */
  async #rollBack(): Promise<void> {
    const contents = this.#contents
    const end = contents === undefined ? 0 : this.#dataOffset + contents.dataBytes
    await this.#part.truncate(end)
    this.#bytesOnDisk = end
    if (contents === undefined) return
    await this.#writeHead(contents, NO_TAIL)
    try {
      const tail = this.#tailOf(contents)
      await this.#part.write(tail.bytes, end)
      await this.#writeHead(contents, tail)
      this.#bytesOnDisk = end + tail.bytes.length
    } catch {
      // The disk is full. Without features the file is valid still, and the next flush writes them anew.
      await this.#part.truncate(end)
    }
  }

  #writeHead(contents: Contents, tail: Tail): Promise<void> {
    const { sessions, dataBytes } = contents
    const events = sessions.map((session) => fileEventOf(this.#described(session)))
    return this.#part.write(
      encodeHead({ events, room: this.#sessionIds.size, dataBytes, features: tail.features }),
      0,
    )
  }

  /** As the file's times are. */
  #described(session: SessionInfo): SessionInfo {
    const { id } = this.#clock
    return id === undefined ? session : { ...session, clock: { id, tellsUnixTime: true } }
  }

  #tailOf(contents: Contents, stackNotes?: Uint8Array): Tail {
    const { sessions, firstSample, lastSample, clock } = contents
    const buildIds = [...contents.buildIds.values()]
    const version = this.#version
    const blobs = encodeFeatures(
      featuresOf({
        sessions: sessions.map((session) => this.#described(session)),
        firstSample,
        lastSample,
        clock,
        buildIds,
        version,
        stackNotes,
      }),
    )
    const bytes = layOutFeatures(blobs, this.#dataOffset + contents.dataBytes)
    return { bytes, features: blobs.map(({ bit }) => bit) }
  }

  /** Writes it again, compressed: only `finish` is of use afterwards. When it fails the file is what it was before. */
  async compress(options: PackOptions): Promise<void> {
    const { part, bytes } = await packed(this.#part, options)
    this.#part = part
    this.#bytesOnDisk = bytes
  }

  /** Gives the file its final name. */
  async finish(target?: string): Promise<void> {
    await this.#part.finish(target)
  }

  async discard(): Promise<void> {
    await this.#part.discard()
  }

  /** Leaves the `.part` for the next start, which finishes it. */
  async abandon(): Promise<void> {
    await this.#part.abandon()
  }

  isInPlace(): Promise<boolean> {
    return this.#part.isInPlace()
  }
}

/** One flush, ready to be written. */
export interface Flush {
  readonly chunks: readonly Uint8Array[]
  readonly contents: Contents
  readonly tail: Tail
  readonly notes: NoteRuns
  /** Of the file afterwards. */
  readonly size: number
  /** Of the file once it is sealed, at most. */
  readonly sealedSize: number
}

const bytesOf = (chunks: readonly Uint8Array[]): number =>
  chunks.reduce((total, { length }) => total + length, 0)

function grown(
  before: Contents | undefined,
  batch: ProfileBatch,
  { bytes, clock }: { readonly bytes: number; readonly clock: FileClock },
): Contents {
  const { window, session, samples } = batch
  const sessions = before?.sessions ?? []
  const offset = clock.offsetIn(batch)
  const [firstTime, lastTime] = [samples.time[0], samples.time[samples.length - 1]]
  const start = window.start + offset
  const first = firstTime === undefined ? (before?.firstSample ?? start) : firstTime + offset
  const last = lastTime === undefined ? (before?.lastSample ?? start) : lastTime + offset
  return {
    sessions: sessions.some(({ id }) => id === session.id) ? sessions : [...sessions, session],
    dataBytes: (before?.dataBytes ?? 0) + bytes,
    samples: (before?.samples ?? 0) + samples.length,
    firstSample: before !== undefined && before.firstSample < first ? before.firstSample : first,
    lastSample: before !== undefined && before.lastSample > last ? before.lastSample : last,
    clock: before?.clock ?? { unix: window.unixStart, monotonic: start },
    buildIds: before?.sequence === window.sequence ? before.buildIds : withBuildIds(before?.buildIds, batch),
    sequence: window.sequence,
  }
}

/** Those of the files that were sampled, as perf has them. */
function withBuildIds(
  before: ReadonlyMap<string, BuildIdEntry> | undefined,
  batch: ProfileBatch,
): ReadonlyMap<string, BuildIdEntry> {
  const known = new Map(before)
  for (const { buildId, path } of sampledImages(batch)) {
    const key = `${buildId} ${path}`
    if (buildId === '' || known.has(key) || known.size >= MAX_BUILD_IDS) continue
    known.set(key, { buildId, path, kernel: false })
  }
  return known
}

function describesSame(a: SessionInfo, b: SessionInfo): boolean {
  const sameRate =
    a.rate.by === 'frequency'
      ? b.rate.by === 'frequency' && a.rate.hertz === b.rate.hertz
      : b.rate.by === 'period' && a.rate.period === b.rate.period
  const sameStacks = a.maxStack === b.maxStack && stackBytesOf(a.callGraph) === stackBytesOf(b.callGraph)
  const sameSamples = a.event.name === b.event.name && a.tellsCgroups === b.tellsCgroups
  return sameRate && sameStacks && sameSamples && a.inherit === b.inherit && isSameConfig(a, b)
}
