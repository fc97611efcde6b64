// A perf.data file as a source: the batches that the live sampler emitted when the file was recorded.

import { zstdDecompressSync } from 'node:zlib'
import type { HostInfo } from '../core/host.ts'
import type { Image } from '../core/process.ts'
import type { ProfileBatch, SessionInfo } from '../core/profile.ts'
import { batchesOf } from '../core/window-view.ts'
import { readRecords, type SampleRecord, type TimedRecord } from '../formats/perf-data/file-records.ts'
import { openPerfData, type PerfDataFile } from '../formats/perf-data/reader.ts'
import { readStackNotes, type StackNotes } from '../formats/perf-data/stack-notes-reader.ts'
import type { NativeRecordedUnwinder } from '../native/binding.ts'
import { RecordedBuildIds } from './replay/build-ids.ts'
import { openFileSource } from './replay/file-source.ts'
import { OrderedRecords } from './replay/ordered-records.ts'
import { ReplayedProcesses, type SvmaOf } from './replay/processes.ts'
import { sessionsOf } from './replay/session-of.ts'
import { mappingsFor } from './replay/watched-mappings.ts'
import { ReplayWindow, type ReplayWindowOptions } from './replay/window.ts'

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

const WINDOW_NS = 10_000_000_000n
const MAX_SAMPLES_PER_WINDOW = 200_000
/** Frames of distinct stacks: notes of a few bytes can make long ones. */
const MAX_FRAMES_PER_WINDOW = 4_000_000
/** perf packs at most this into one compressed record. */
const MAX_DECOMPRESSED_BYTES = 64 * 2 ** 20

/** An open file. What it tells about sessions and host is known before it is run. */
export class Replay {
  readonly sessions: readonly SessionInfo[]
  readonly #file: PerfDataFile
  readonly #notes: StackNotes | undefined
  readonly #problems: Set<string>
  readonly #close: () => void

  private constructor(file: PerfDataFile, close: () => void) {
    this.#file = file
    this.#close = close
    this.#problems = new Set(file.problems)
    const { stackNotes } = file.features
    this.#notes = stackNotes && readStackNotes(stackNotes, (text) => this.#problems.add(text))
    this.sessions = sessionsOf(file, this.#notes)
  }

  /** @throws AgentError where the file cannot be read at all */
  static open(path: string): Replay {
    const source = openFileSource(path)
    try {
      return new Replay(openPerfData(source), () => source.close())
    } catch (error) {
      source.close()
      throw error
    }
  }

  /** What was damaged and left out, a sentence each; complete when `run` has resolved. */
  get problems(): readonly string[] {
    return [...this.#problems]
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
    const brings = this.#file.events.find(({ attr }) => attr.sampleStackUser > 0)
    const session = this.sessions[0]
    if (brings === undefined || session === undefined) return undefined
    const { host } = session
    return openUnwinder?.({ ...host, arch: host.arch || machineOf(brings.attr.sampleRegsUser) })
  }

  async #run(options: ReplayOptions, unwinder: NativeRecordedUnwinder | undefined): Promise<void> {
    const windows = new Windows(
      this.#file,
      { sessions: this.sessions, notes: this.#notes, unwinder },
      options,
    )
    const records = readRecords(this.#file, {
      problem: (text) => this.#problems.add(text),
      decompress: (bytes) => zstdDecompressSync(bytes, { maxOutputLength: MAX_DECOMPRESSED_BYTES }),
    })
    const ordered = new OrderedRecords((record) => windows.add(record))
    for (const record of records) {
      if (record.kind === 'round') ordered.round()
      else ordered.push(record)
      if (windows.finished.length > 0) await this.#emit(windows, options)
    }
    ordered.end()
    windows.end()
    await this.#emit(windows, options)
    if (windows.disordered > 0) {
      this.#problems.add(
        `${windows.disordered} samples are out of order and were moved to where they were found`,
      )
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
    this.#close()
  }
}

/** By which registers samples bring, for files that do not say it: those of aarch64 are 33, and of x86-64 none stands so high. */
const machineOf = (registers: bigint): string => (registers >> 24n === 0n ? 'x86_64' : 'aarch64')

/** Cuts records, which come in order of time, into windows. */
class Windows {
  readonly finished: SharedArrayBuffer[] = []
  /** Samples older than what had been passed on before them. */
  disordered = 0
  readonly #options: ReplayOptions
  readonly #unixOffset: bigint
  readonly #eventOfId: ReadonlyMap<bigint, number>
  readonly #stacks: Omit<ReplayWindowOptions, 'start'>
  /** Paths of all cgroups so far: a file says each when it is made. */
  readonly #cgroups = new Map<bigint, string>()
  #window: ReplayWindow | undefined
  #sequence = 0
  #latest = 0n

  constructor(
    file: PerfDataFile,
    {
      sessions,
      notes,
      unwinder,
    }: {
      readonly sessions: readonly SessionInfo[]
      readonly notes: StackNotes | undefined
      readonly unwinder: NativeRecordedUnwinder | undefined
    },
    options: ReplayOptions,
  ) {
    const { clock } = file.features
    this.#options = options
    this.#unixOffset = clock === undefined ? 0n : clock.unix - clock.monotonic
    this.#eventOfId = new Map(file.events.flatMap(({ ids }, index) => ids.map((id) => [id, index] as const)))
    // Sonde's own files say it with each mapping.
    const buildIds = new RecordedBuildIds(notes === undefined ? (file.features.buildIds ?? []) : [])
    const factsOf = (image: Image) => {
      const runtime = notes?.runtimeOf(image) ?? 'unknown'
      const buildId = image.buildId || buildIds.of(image)
      return { ...notes?.identityOf(image), ...(runtime === 'unknown' ? {} : { runtime }), buildId }
    }
    const svmaOf = (image: Image, offset: bigint) =>
      notes?.svmaOf(image, offset) ?? options.svmaOf?.(image, offset)
    this.#stacks = {
      processes: new ReplayedProcesses(svmaOf, factsOf, unwinder && mappingsFor(unwinder)),
      maxStacks: sessions.map(({ maxStack }) => maxStack),
      tellCgroups: sessions.map(({ tellsCgroups }) => tellsCgroups),
      cgroups: this.#cgroups,
      notes,
      unwinder,
    }
  }

  add(record: TimedRecord): void {
    if (record.time === 0n && record.kind !== 'sample' && this.#window === undefined) {
      this.#learn(record)
      return
    }
    const window = this.#windowFor(record.time)
    switch (record.kind) {
      case 'lost':
      case 'throttle':
      case 'unthrottle':
        window.addNotice(this.#eventOfId.get(record.id) ?? 0, record)
        break
      case 'ksymbol':
        window.addKernelSymbol(record)
        break
      case 'cgroup':
        this.#cgroups.set(record.cgroup, record.path)
        break
      case 'sample':
        window.add(this.#inOrder(record))
        break
      case 'comm':
      case 'mmap':
      case 'fork':
      case 'exit':
        window.add(record)
        break
    }
    if (record.time > this.#latest) this.#latest = record.time
  }

  /** What stands before all time is the state at the start of the first window. */
  #learn(record: TimedRecord): void {
    const { processes } = this.#stacks
    if (record.kind === 'comm') processes.comm(record)
    if (record.kind === 'mmap' && !record.kernel && !record.data) processes.mmap(record)
    if (record.kind === 'fork') processes.fork(record)
    if (record.kind === 'cgroup') this.#cgroups.set(record.cgroup, record.path)
  }

  /** A sample that comes late gets the time of the newest one: columns are in order of time. */
  #inOrder(record: SampleRecord): SampleRecord {
    if (record.time >= this.#latest) return record
    this.disordered++
    return { ...record, time: this.#latest, fields: { ...record.fields, time: this.#latest } }
  }

  #windowFor(time: bigint): ReplayWindow {
    const { windowNs = WINDOW_NS, maxSamplesPerWindow = MAX_SAMPLES_PER_WINDOW } = this.#options
    const current = this.#window
    if (current !== undefined) {
      const fits = current.samples < maxSamplesPerWindow && current.frames < MAX_FRAMES_PER_WINDOW
      if (time - current.start < windowNs && fits) return current
      this.#finish(current, time > this.#latest ? time : this.#latest)
    }
    const start = time > this.#latest ? time : this.#latest
    this.#window = new ReplayWindow({ start, ...this.#stacks })
    return this.#window
  }

  #finish(window: ReplayWindow, end: bigint): void {
    this.finished.push(window.build({ end, unixOffset: this.#unixOffset, sequence: this.#sequence++ }))
  }

  end(): void {
    if (this.#window !== undefined) this.#finish(this.#window, this.#latest)
    this.#window = undefined
  }
}
