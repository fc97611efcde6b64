// Records, which come in order of time, cut into windows.

import { AgentError } from '../../core/errors.ts'
import type { Image } from '../../core/process.ts'
import type { RecordingMoment, RecordingSelection } from '../../core/recording-selection.ts'
import type {
  KernelSymbolRecord,
  NoticeRecord,
  SampleRecord,
  TimedRecord,
} from '../../formats/perf-data/file-records.ts'
import type { PerfDataFile } from '../../formats/perf-data/reader.ts'
import type { NativeRecordedUnwinder } from '../../native/binding.ts'
import { RecordedBuildIds } from './build-ids.ts'
import type { JoinedFiles, RecordedFile } from './joined-files.ts'
import { ReplayedProcesses, type SvmaOf } from './processes.ts'
import { ReplayFilter } from './replay-filter.ts'
import { mappingsFor } from './watched-mappings.ts'
import { ReplayWindow, type ReplayWindowOptions } from './window.ts'

export interface WindowsOptions {
  /** Reads program headers of local files; without it frames of files are given by their offset in the file. */
  readonly svmaOf?: SvmaOf
  /** A window ends after this time of the recording, or with this many samples: memory stays flat. */
  readonly windowNs?: bigint
  readonly maxSamplesPerWindow?: number
}

interface WindowsContext {
  readonly files: readonly RecordedFile[]
  readonly selection: RecordingSelection
  readonly options: WindowsOptions
  readonly unwinder: NativeRecordedUnwinder | undefined
}

const WINDOW_NS = 10_000_000_000n
const MAX_SAMPLES_PER_WINDOW = 200_000
/** Frames of distinct stacks: notes of a few bytes can make long ones. */
const MAX_FRAMES_PER_WINDOW = 4_000_000
/** How far records may be from their order before what comes behind is not looked at any more. */
const DISORDER_NS = 1_000_000_000n
/** Later than every time. */
const FOREVER = 1n << 64n

export class Windows {
  readonly finished: SharedArrayBuffer[] = []
  /** Samples older than what had been passed on before them. */
  disordered = 0
  readonly #options: WindowsOptions
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
  /** perf sums up at the end, at no time, what was lost. */
  #earlyLosses: NoticeRecord[] = []
  #window: ReplayWindow | undefined
  #sequence = 0
  #latest = 0n
  #newest = 0n

  constructor(
    { sessions, notes, eventOfId }: JoinedFiles,
    { files, selection, options, unwinder }: WindowsContext,
  ) {
    const clock = files[0]?.file.features.clock
    this.#options = options
    this.#unixOffset = clock === undefined ? 0n : clock.unix - clock.monotonic
    this.#eventOfId = eventOfId
    const buildIds = new RecordedBuildIds(toldBuildIds(files))
    const factsOf = (image: Image) => {
      const runtime = notes?.runtimeOf(image) ?? 'unknown'
      const buildId = image.buildId || buildIds.of(image)
      return { ...notes?.identityOf(image), ...(runtime === 'unknown' ? {} : { runtime }), buildId }
    }
    const svmaOf = (image: Image, offset: bigint) =>
      notes?.svmaOf(image, offset) ?? options.svmaOf?.(image, offset)
    const watcher = unwinder && mappingsFor(unwinder)
    this.#newProcesses = () => new ReplayedProcesses(svmaOf, factsOf, watcher)
    this.#stacks = {
      processes: this.#newProcesses(),
      maxStacks: sessions.map(({ maxStack }) => maxStack),
      tellCgroups: sessions.map(({ tellsCgroups }) => tellsCgroups),
      cgroups: this.#cgroups,
      notes,
      unwinder,
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
    if (record.kind === 'lost' && record.time === 0n) this.#earlyLosses.push(record)
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
    for (const loss of this.#earlyLosses)
      window.addNotice(this.#eventOfId.get(loss.id) ?? 0, { ...loss, time: start })
    this.#earlyLosses = []
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
    this.#stacks.processes.forgetAll()
    this.#stacks = { ...this.#stacks, processes: this.#newProcesses() }
  }
}

/** Sonde's own files say it with each mapping. */
const toldBuildIds = (files: readonly RecordedFile[]) =>
  files.flatMap(({ file, notes }) => (notes === undefined ? (file.features.buildIds ?? []) : []))

type SampleTime = NonNullable<PerfDataFile['features']['sampleTime']>

/**
 * perf writes zeros where it did not look at the samples when it ended, as with --buildid-mmap.
 *
 * @throws AgentError where a share is asked for of a recording that does not say how long it is
 */
function clockTimeOf(moment: RecordingMoment, files: readonly RecordedFile[]): bigint {
  if ('at' in moment) return moment.at
  const known = files
    .flatMap(({ file: { features } }) => features.sampleTime ?? [])
    .filter(({ last }) => last > 0n)
  if (known.length < files.length || known.length === 0) {
    throw new AgentError(
      'REPLAY.NO_SPAN',
      'Cannot tell a share of the time: the recording does not say when it began and ended. State seconds of its clock, as perf script shows them.',
    )
  }
  let [{ first, last }] = known as [SampleTime]
  for (const time of known as SampleTime[]) {
    if (time.first < first) first = time.first
    if (time.last > last) last = time.last
  }
  return first + BigInt(Math.round(Number(last - first) * moment.share))
}
