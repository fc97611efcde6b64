// A perf.data file or stream as a source: the batches that the live sampler emitted when it was recorded.

import { messageOf } from '../core/errors.ts'
import type { HostInfo } from '../core/host.ts'
import type { ProfileBatch, SessionInfo } from '../core/profile.ts'
import { batchesOf } from '../core/window-view.ts'
import type { FileRecord } from '../formats/perf-data/file-records.ts'
import { openPerfData, type PerfDataFile } from '../formats/perf-data/reader.ts'
import { type PackedRecord, piecesOf, RecordReader } from '../formats/perf-data/record-reader.ts'
import { readStackNotes, type StackNotes } from '../formats/perf-data/stack-notes-reader.ts'
import type { NativeRecordedUnwinder } from '../native/binding.ts'
import { DeferredChains } from './replay/deferred-chains.ts'
import { openFileSource } from './replay/file-source.ts'
import { OrderedRecords } from './replay/ordered-records.ts'
import type { SvmaOf } from './replay/processes.ts'
import { sessionsOf } from './replay/session-of.ts'
import { type ByteStream, readPipeHead } from './replay/stream-source.ts'
import { Unpacker } from './replay/unpacker.ts'
import { Windows } from './replay/windows.ts'

export type { SvmaOf } from './replay/processes.ts'

export interface ReplayOptions {
  /** Takes the batches of a window. The next one is not made before it has resolved. */
  readonly emit: (batches: readonly ProfileBatch[]) => Promise<void>
  /** Reads program headers of local files; without it frames of files are given by their offset in the file. */
  readonly svmaOf?: SvmaOf
  /** Unwinds the stacks that samples bring as bytes; without it their user part is their leaf. Asked once, and closed. */
  readonly openUnwinder?: (host: HostInfo) => NativeRecordedUnwinder
  readonly signal?: AbortSignal
  /** A window ends after this time of the recording, or with this many samples: memory stays flat. */
  readonly windowNs?: bigint
  readonly maxSamplesPerWindow?: number
}

/** Where the bytes of records come from. */
interface Input {
  readonly file: PerfDataFile
  /** The data, once. */
  readonly pieces: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  readonly close: () => void
}

/** An open file. What it tells about sessions and host is known before it is run. */
export class Replay {
  readonly sessions: readonly SessionInfo[]
  readonly #input: Input
  readonly #notes: StackNotes | undefined
  readonly #problems: Set<string>
  readonly #damage = new Set<string>()

  private constructor(input: Input) {
    const { file } = input
    this.#input = input
    this.#problems = new Set(file.problems)
    const { stackNotes } = file.features
    this.#notes = stackNotes && readStackNotes(stackNotes, (text) => this.#problems.add(text))
    this.sessions = sessionsOf(file, this.#notes)
  }

  /** @throws AgentError where the file cannot be read at all */
  static open(path: string): Replay {
    const source = openFileSource(path)
    try {
      const file = openPerfData(source)
      return new Replay({ file, pieces: () => piecesOf(file), close: () => source.close() })
    } catch (error) {
      source.close()
      throw error
    }
  }

  /**
   * A pipe, read as it comes.
   * @throws AgentError where it cannot be read at all
   */
  static async openStream(stream: ByteStream): Promise<Replay> {
    try {
      const { file, pieces } = await readPipeHead(stream)
      return new Replay({ file, pieces: () => pieces, close: () => stream.close() })
    } catch (error) {
      stream.close()
      throw error
    }
  }

  /** What is to be said of the recording, a sentence each; complete when `run` has resolved. */
  get problems(): readonly string[] {
    return [...this.#problems]
  }

  /** What of the recording could not be read, a sentence each; the rest was. Complete when `run` has resolved. */
  get damage(): readonly string[] {
    return [...this.#damage]
  }

  /** Emits the windows of the whole file. Once. */
  async run(options: ReplayOptions): Promise<void> {
    const unwinder = this.#openUnwinder(options)
    try {
      await this.#run(options, unwinder)
    } finally {
      unwinder?.close()
    }
  }

  /** Where no sample brings its stack, there is nothing to unwind. */
  #openUnwinder({ openUnwinder }: ReplayOptions): NativeRecordedUnwinder | undefined {
    const brings = this.#input.file.events.find(({ attr }) => attr.sampleStackUser > 0)
    const session = this.sessions[0]
    if (brings === undefined || session === undefined) return undefined
    const { host } = session
    return openUnwinder?.({ ...host, arch: host.arch || machineOf(brings.attr.sampleRegsUser) })
  }

  async #run(options: ReplayOptions, unwinder: NativeRecordedUnwinder | undefined): Promise<void> {
    const { signal } = options
    const windows = new Windows(this.#input.file, {
      ...options,
      sessions: this.sessions,
      notes: this.#notes,
      unwinder,
    })
    const ordered = new OrderedRecords((record) => windows.add(record))
    const deferred = new DeferredChains()
    for await (const records of this.#records(signal)) {
      for (const record of records) {
        if (record.kind === 'round') ordered.round()
        else if (record.kind === 'deferred') deferred.chain(record)
        else {
          if (record.kind === 'sample') deferred.sample(record)
          ordered.push(record)
        }
        if (windows.finished.length > 0) await this.#emit(windows, options)
      }
    }
    ordered.end()
    windows.end()
    await this.#emit(windows, options)
    if (windows.disordered > 0) {
      this.#problems.add(
        `${windows.disordered} samples are out of order and were moved to where they were found`,
      )
    }
    if (deferred.missing > 0) {
      this.#problems.add(`${deferred.missing} samples lack their user stack: its record was lost`)
    }
    if (windows.strangers > 0)
      this.#damage.add(
        `${windows.strangers} counter values of events that the file does not describe were left out`,
      )
  }

  /** All records, in stretches that are run to their end before the next one. */
  async *#records(signal: AbortSignal | undefined): AsyncGenerator<Iterable<FileRecord>> {
    const unpacker = new Unpacker()
    const reader = new RecordReader(this.#input.file, {
      problem: (text, gravity) => (gravity === 'damage' ? this.#damage : this.#problems).add(text),
    })
    try {
      for await (const piece of this.#input.pieces()) {
        signal?.throwIfAborted()
        const records = reader.records(piece)
        for (let packed = firstPacked(records); ; packed = firstPacked(records)) {
          yield packed.before
          const { record } = packed
          if (record === undefined) break
          const bytes = await unpacker.unpack(record.bytes).catch((error: unknown) => {
            reader.breakOff(`the compressed record at byte ${record.at} is damaged: ${messageOf(error)}`)
          })
          if (bytes === undefined) break
          yield reader.unpacked(bytes, record)
        }
        if (reader.isBroken) break
      }
      reader.end()
    } finally {
      unpacker.close()
    }
  }

  async #emit(windows: Windows, { emit, signal }: ReplayOptions): Promise<void> {
    for (const buffer of windows.finished.splice(0)) {
      signal?.throwIfAborted()
      await emit(batchesOf(buffer, this.sessions))
    }
  }

  /** Safe twice. */
  close(): void {
    this.#input.close()
  }
}

/** By which registers samples bring, for files that do not say it: those of aarch64 are 33, and of x86-64 none stands so high. */
const machineOf = (registers: bigint): string => (registers >> 24n === 0n ? 'x86_64' : 'aarch64')

/** What stands before the next compressed record, and that. */
function firstPacked(records: Iterator<FileRecord | PackedRecord>): {
  readonly before: readonly FileRecord[]
  readonly record: PackedRecord | undefined
} {
  const before: FileRecord[] = []
  for (let next = records.next(); next.done !== true; next = records.next()) {
    if (next.value.kind === 'packed') return { before, record: next.value }
    before.push(next.value)
  }
  return { before, record: undefined }
}
