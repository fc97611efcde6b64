// Records, which come in order of time, cut into windows.

import type { Image } from '../../core/process.ts'
import type { SessionInfo } from '../../core/profile.ts'
import type { SampleRecord, TimedRecord } from '../../formats/perf-data/file-records.ts'
import type { PerfDataFile } from '../../formats/perf-data/reader.ts'
import { eventOfId } from '../../formats/perf-data/record-reader.ts'
import type { StackNotes } from '../../formats/perf-data/stack-notes-reader.ts'
import type { NativeRecordedUnwinder } from '../../native/binding.ts'
import { RecordedBuildIds } from './build-ids.ts'
import { CounterValues } from './counter-values.ts'
import { ReplayedProcesses, type SvmaOf } from './processes.ts'
import { mappingsFor } from './watched-mappings.ts'
import { ReplayWindow, type ReplayWindowOptions } from './window.ts'

export interface WindowsOptions {
  readonly sessions: readonly SessionInfo[]
  readonly notes: StackNotes | undefined
  /** Reads program headers of local files; without it frames of files are given by their offset in the file. */
  readonly svmaOf?: SvmaOf
  /** Unwinds stacks that samples bring as bytes. */
  readonly unwinder: NativeRecordedUnwinder | undefined
  /** A window ends after this time of the recording, or with this many samples: memory stays flat. */
  readonly windowNs?: bigint
  readonly maxSamplesPerWindow?: number
}

const WINDOW_NS = 10_000_000_000n
const MAX_SAMPLES_PER_WINDOW = 200_000
/** Frames of distinct stacks: notes of a few bytes can make long ones. */
const MAX_FRAMES_PER_WINDOW = 4_000_000

export class Windows {
  readonly finished: SharedArrayBuffer[] = []
  /** Samples older than what had been passed on before them. */
  disordered = 0
  readonly #options: WindowsOptions
  readonly #counters: CounterValues
  readonly #unixOffset: bigint
  readonly #eventOfId: ReadonlyMap<bigint, number>
  readonly #stacks: Omit<ReplayWindowOptions, 'start'>
  /** Paths of all cgroups so far: a file says each when it is made. */
  readonly #cgroups = new Map<bigint, string>()
  #window: ReplayWindow | undefined
  #sequence = 0
  #latest = 0n

  constructor(file: PerfDataFile, options: WindowsOptions) {
    const { clock } = file.features
    const { sessions, notes, unwinder } = options
    this.#options = options
    this.#counters = new CounterValues(file.events)
    this.#unixOffset = clock === undefined ? 0n : clock.unix - clock.monotonic
    this.#eventOfId = eventOfId(file.events)
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
        for (const each of this.#counters.samplesOf(this.#inOrder(record))) window.add(each)
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

  /** What was left out of the samples passed on. */
  get strangers(): number {
    return this.#counters.strangers
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
