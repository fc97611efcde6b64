// A perf.data file as a source: the batches that the live sampler emitted when the file was recorded.

import { zstdDecompressSync } from 'node:zlib'
import { AgentError } from '../core/errors.ts'
import type { Image } from '../core/process.ts'
import type { ProfileBatch, SessionInfo } from '../core/profile.ts'
import {
  type RecordingMoment,
  type RecordingSelection,
  WHOLE_RECORDING,
} from '../core/recording-selection.ts'
import { batchesOf } from '../core/window-view.ts'
import {
  type KernelSymbolRecord,
  readRecords,
  type SampleRecord,
  type TimedRecord,
} from '../formats/perf-data/file-records.ts'
import { notWritten } from '../formats/perf-data/not-written.ts'
import { openPerfData, type PerfDataFile } from '../formats/perf-data/reader.ts'
import { readStackNotes } from '../formats/perf-data/stack-notes-reader.ts'
import { type FileSource, openFileSource } from './replay/file-source.ts'
import { GAP, JoinedFiles, type RecordedFile } from './replay/joined-files.ts'
import { ReplayedProcesses, type SvmaOf } from './replay/processes.ts'
import { checkFilter, ReplayFilter } from './replay/replay-filter.ts'
import { sessionsOf } from './replay/session-of.ts'
import { ReplayWindow, type ReplayWindowOptions } from './replay/window.ts'

export type { SvmaOf } from './replay/processes.ts'

export interface ReplayOptions {
  /** Takes the batches of a window. The next one is not made before it has resolved. */
  readonly emit: (batches: readonly ProfileBatch[]) => Promise<void>
  /** Reads program headers of local files; without it frames of files are given by their offset in the file. */
  readonly svmaOf?: SvmaOf
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
/** How far records may be from their order before what comes behind is not looked at any more. */
const DISORDER_NS = 1_000_000_000n
/** Later than every time. */
const FOREVER = 1n << 64n

/** Open files, of which one recording is made. What they tell about sessions and host is known before it is run. */
export class Replay {
  readonly #files: readonly RecordedFile[]
  readonly #joined: JoinedFiles
  readonly #selection: RecordingSelection
  readonly #problems: Set<string>
  readonly #close: () => void

  private constructor(
    files: readonly PerfDataFile[],
    { selection, close }: { readonly selection: RecordingSelection; readonly close: () => void },
  ) {
    this.#close = close
    this.#problems = new Set(files.flatMap(({ problems }) => problems))
    this.#files = files.map((file) => {
      const { stackNotes } = file.features
      const notes = stackNotes && readStackNotes(stackNotes, (text) => this.#problems.add(text))
      return { file, notes, sessions: sessionsOf(file, notes) }
    })
    this.#joined = new JoinedFiles(this.#files, selection.events)
    this.#selection = selection
    checkFilter(selection.filter, this.sessions)
  }

  /**
   * @throws AgentError where a file cannot be read at all, they are not of one machine, or they do not tell what the
   * selection asks for
   */
  static open(paths: string | readonly string[], selection: RecordingSelection = WHOLE_RECORDING): Replay {
    const sources: FileSource[] = []
    const close = () => {
      for (const source of sources) source.close()
    }
    try {
      const files = [paths].flat().map((path) => {
        const source = openFileSource(path)
        sources.push(source)
        return openPerfData(source)
      })
      return new Replay(files, { selection, close })
    } catch (error) {
      close()
      throw error
    }
  }

  get sessions(): readonly SessionInfo[] {
    return this.#joined.sessions
  }

  /** What is lost where its samples become a file of Sonde. */
  get notWritten(): readonly string[] {
    return notWritten(this.#files.flatMap(({ file }) => file.events))
  }

  /** What was damaged and left out, a sentence each; complete when `run` has resolved. */
  get problems(): readonly string[] {
    return [...this.#problems]
  }

  /** Emits the windows of the whole file. Once. */
  async run(options: ReplayOptions): Promise<void> {
    const windows = new Windows(this.#joined, { files: this.#files, selection: this.#selection, options })
    const records = this.#joined.records((file) =>
      readRecords(file, {
        problem: (text) => this.#problems.add(text),
        decompress: (bytes) => zstdDecompressSync(bytes, { maxOutputLength: MAX_DECOMPRESSED_BYTES }),
      }),
    )
    for (const record of records) {
      if (record === GAP) windows.restart()
      else windows.add(record)
      if (windows.finished.length > 0) await this.#emit(windows, options)
      if (windows.isOver) break
    }
    windows.end()
    await this.#emit(windows, options)
    if (this.#joined.overlaps)
      this.#problems.add('The recordings overlap: what two of them sampled at the same time counts twice')
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

/** Cuts records, which come in order of time, into windows. */
class Windows {
  readonly finished: SharedArrayBuffer[] = []
  /** Samples older than what had been passed on before them. */
  disordered = 0
  readonly #options: ReplayOptions
  readonly #unixOffset: bigint
  readonly #eventOfId: ReadonlyMap<bigint, number>
  readonly #newProcesses: () => ReplayedProcesses
  #stacks: Omit<ReplayWindowOptions, 'start'>
  readonly #filter: ReplayFilter | undefined
  readonly #from: bigint
  readonly #until: bigint
  /** Paths of all cgroups so far: a file says each when it is made. */
  readonly #cgroups = new Map<bigint, string>()
  /** From before the time that is wanted. */
  #earlySymbols: KernelSymbolRecord[] = []
  #window: ReplayWindow | undefined
  #sequence = 0
  #latest = 0n
  #newest = 0n

  constructor({ sessions, notes, eventOfId }: JoinedFiles, { files, selection, options }: WindowsContext) {
    const clock = files[0]?.file.features.clock
    this.#options = options
    this.#unixOffset = clock === undefined ? 0n : clock.unix - clock.monotonic
    this.#eventOfId = eventOfId
    const factsOf = (image: Image) => {
      const runtime = notes?.runtimeOf(image) ?? 'unknown'
      return { ...notes?.identityOf(image), ...(runtime === 'unknown' ? {} : { runtime }) }
    }
    const svmaOf = (image: Image, offset: bigint) =>
      notes?.svmaOf(image, offset) ?? options.svmaOf?.(image, offset)
    this.#newProcesses = () => new ReplayedProcesses(svmaOf, factsOf)
    this.#stacks = {
      processes: this.#newProcesses(),
      maxStacks: sessions.map(({ maxStack }) => maxStack),
      tellCgroups: sessions.map(({ tellsCgroups }) => tellsCgroups),
      cgroups: this.#cgroups,
      notes,
    }
    const momentOf = (moment: RecordingMoment) => clockTimeOf(moment, files)
    this.#from = selection.from === undefined ? 0n : momentOf(selection.from)
    this.#until = selection.until === undefined ? FOREVER : momentOf(selection.until)
    if (selection.filter.rules.length === 0) return
    const facts = {
      commOf: (pid: number, tid: number) => this.#stacks.processes.commOf(pid, tid),
      cgroups: this.#cgroups,
    }
    this.#filter = new ReplayFilter(selection.filter, facts)
  }

  /** Nothing more of what is wanted comes. */
  get isOver(): boolean {
    return this.#newest - this.#until > DISORDER_NS
  }

  add(record: TimedRecord): void {
    this.#newest = record.time
    if (record.kind === 'fork') this.#filter?.fork(record)
    const isState = record.time === 0n && record.kind !== 'sample' && this.#window === undefined
    if (isState || record.time < this.#from) {
      this.#learn(record)
      return
    }
    if (record.time > this.#until) return
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
        this.#addSample(window, this.#inOrder(record))
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

  #addSample(window: ReplayWindow, record: SampleRecord): void {
    const verdict = this.#filter?.judge(record.fields) ?? 1
    if (verdict === 1) window.add(record)
    else if (typeof verdict === 'string') window.addLeftOut(record.event, verdict)
    else {
      const { fields } = record
      window.add({ ...record, fields: { ...fields, period: fields.period * BigInt(verdict) } })
    }
  }

  /** What stands before the first window is the state at its start. */
  #learn(record: TimedRecord): void {
    const { processes } = this.#stacks
    if (record.kind === 'comm') processes.comm(record)
    if (record.kind === 'mmap' && !record.kernel && !record.data) processes.mmap(record)
    if (record.kind === 'fork') processes.fork(record)
    if (record.kind === 'exit') processes.exit(record)
    if (record.kind === 'cgroup') this.#cgroups.set(record.cgroup, record.path)
    if (record.kind === 'ksymbol') this.#earlySymbols.push(record)
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
    const window = new ReplayWindow({ start, ...this.#stacks })
    for (const symbol of this.#earlySymbols) window.addKernelSymbol(symbol)
    this.#earlySymbols = []
    this.#window = window
    return window
  }

  #finish(window: ReplayWindow, end: bigint): void {
    this.finished.push(window.build({ end, unixOffset: this.#unixOffset, sequence: this.#sequence++ }))
  }

  end(): void {
    if (this.#window !== undefined) this.#finish(this.#window, this.#latest)
    this.#window = undefined
  }

  /** Between two recordings anything may have happened: consumers see that a window is missing. */
  restart(): void {
    this.end()
    this.#sequence++
    this.#stacks = { ...this.#stacks, processes: this.#newProcesses() }
  }
}

type SampleTime = NonNullable<PerfDataFile['features']['sampleTime']>

interface WindowsContext {
  readonly files: readonly RecordedFile[]
  readonly selection: RecordingSelection
  readonly options: ReplayOptions
}

/** @throws AgentError where a share is asked for of a recording that does not say how long it is */
function clockTimeOf(moment: RecordingMoment, files: readonly RecordedFile[]): bigint {
  if ('at' in moment) return moment.at
  const times = files.map(({ file }) => file.features.sampleTime)
  const known = times.filter((time) => time !== undefined)
  if (known.length < times.length || known.length === 0) {
    throw new AgentError(
      'REPLAY.NO_SPAN',
      'Cannot tell a share of the time: the recording does not say when it began and ended. State seconds of its clock, as perf script shows them.',
    )
  }
  let [{ first, last }] = known as [SampleTime]
  for (const time of known) {
    if (time.first < first) first = time.first
    if (time.last > last) last = time.last
  }
  return first + BigInt(Math.round(Number(last - first) * moment.share))
}
