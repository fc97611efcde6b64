// perf.data files or streams as a source: the batches that the live sampler emitted when they were recorded.

import type { HostInfo } from '../core/host.ts'
import type { ProfileBatch, SessionInfo } from '../core/profile.ts'
import { type RecordingSelection, WHOLE_RECORDING } from '../core/recording-selection.ts'
import { batchesOf } from '../core/window-view.ts'
import { notWritten } from '../formats/perf-data/not-written.ts'
import type { Gravity } from '../formats/perf-data/record-reader.ts'
import { readStackNotes } from '../formats/perf-data/stack-notes-reader.ts'
import type { NativeRecordedUnwinder } from '../native/binding.ts'
import { GAP, JoinedFiles, type RecordedFile } from './replay/joined-files.ts'
import { openFileInput, orderedRecords, type RecordingInput } from './replay/recording-input.ts'
import { checkFilter } from './replay/replay-filter.ts'
import { sessionsOf } from './replay/session-of.ts'
import { Windows, type WindowsOptions } from './replay/windows.ts'

export type { SvmaOf } from './replay/processes.ts'

export interface ReplayOptions extends WindowsOptions {
  /** Takes the batches of a window. The next one is not made before it has resolved. */
  readonly emit: (batches: readonly ProfileBatch[]) => Promise<void>
  /** Unwinds the stacks that samples bring as bytes; without it their user part is their leaf. Asked once, and closed. */
  readonly openUnwinder?: (host: HostInfo) => NativeRecordedUnwinder
  readonly signal?: AbortSignal
}

/** Open files, of which one recording is made. What they tell about sessions and host is known before it is run. */
export class Replay {
  readonly #inputs: readonly RecordingInput[]
  readonly #files: readonly RecordedFile[]
  readonly #joined: JoinedFiles
  readonly #selection: RecordingSelection
  readonly #problems: Set<string>
  readonly #damage: Set<string>

  /**
   * Closes the inputs where it throws, too.
   * @throws AgentError where they are not of one machine, or do not tell what the selection asks for
   */
  constructor(inputs: readonly RecordingInput[], selection: RecordingSelection = WHOLE_RECORDING) {
    this.#inputs = inputs
    try {
      this.#damage = new Set(inputs.flatMap(({ file }) => file.damage))
      this.#problems = new Set(inputs.flatMap(({ file }) => file.problems))
      this.#files = inputs.map(({ file }) => {
        const { stackNotes } = file.features
        const notes = stackNotes && readStackNotes(stackNotes, (text) => this.#problems.add(text))
        return { file, notes, sessions: sessionsOf(file, notes) }
      })
      this.#joined = new JoinedFiles(this.#files, selection.events)
      this.#selection = selection
      checkFilter(selection.filter, this.sessions)
    } catch (error) {
      closeAll(inputs)
      throw error
    }
  }

  /** @throws AgentError where a file cannot be read at all, and as the constructor does */
  static open(paths: string | readonly string[], selection?: RecordingSelection): Replay {
    const inputs: RecordingInput[] = []
    try {
      for (const path of [paths].flat()) inputs.push(openFileInput(path))
    } catch (error) {
      closeAll(inputs)
      throw error
    }
    return new Replay(inputs, selection)
  }

  get sessions(): readonly SessionInfo[] {
    return this.#joined.sessions
  }

  /** What is lost where its samples become a file of Sonde. */
  get notWritten(): readonly string[] {
    return notWritten(this.#files.flatMap(({ file }) => file.events))
  }

  /** What is to be said of the recording, a sentence each; complete when `run` has resolved. */
  get problems(): readonly string[] {
    return [...this.#problems]
  }

  /** What of the recording could not be read, a sentence each; the rest was. Complete when `run` has resolved. */
  get damage(): readonly string[] {
    return [...this.#damage]
  }

  /** Emits the windows of the whole recording. Once. */
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
    const events = this.#files.flatMap(({ file }) => file.events)
    const brings = events.find(({ attr }) => attr.sampleStackUser > 0)
    const session = this.sessions[0]
    if (brings === undefined || session === undefined) return undefined
    const { host } = session
    return openUnwinder?.({ ...host, arch: host.arch || machineOf(brings.attr.sampleRegsUser) })
  }

  async #run(options: ReplayOptions, unwinder: NativeRecordedUnwinder | undefined): Promise<void> {
    const { signal } = options
    const context = { files: this.#files, selection: this.#selection, options, unwinder }
    const windows = new Windows(this.#joined, context)
    const problem = (text: string, gravity: Gravity) => {
      if (gravity === 'damage') this.#damage.add(text)
      else this.#problems.add(text)
    }
    const inputOf = (file: RecordingInput['file']) => this.#inputs.find((input) => input.file === file)!
    const stretches = this.#joined.records((file) => orderedRecords(inputOf(file), { problem, signal }))
    for await (const stretch of stretches) {
      for (const record of stretch) {
        if (record === GAP) windows.restart()
        else windows.add(record)
        if (windows.finished.length > 0) await this.#emit(windows, options)
      }
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
    closeAll(this.#inputs)
  }
}

function closeAll(inputs: readonly RecordingInput[]): void {
  for (const input of inputs) input.close()
}

/** By which registers samples bring, for files that do not say it: those of aarch64 are 33, and of x86-64 none stands so high. */
const machineOf = (registers: bigint): string => (registers >> 24n === 0n ? 'x86_64' : 'aarch64')
