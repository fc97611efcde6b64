// Collects the notes of a file's samples while the file grows, in bounded memory, already in the bytes they will have.

import { inTurns } from '../../base/turns.ts'
import { IMAGE_RUNTIMES, type ImageTable } from '../../core/process.ts'
import type { ProfileBatch, SessionInfo } from '../../core/profile.ts'
import { sampledImages, sampledMappings } from '../../core/sampled-images.ts'
import { ByteWriter, varintBytes } from './bytes.ts'
import { PART, STACK_NOTES_MAGIC, STACK_NOTES_VERSION } from './stack-notes.ts'
import { NO_NOTE, StackNotesDictionary } from './stack-notes-dictionary.ts'

/** The notes of one batch's samples: what `append` takes over when the samples are on disk. */
export interface NoteRuns {
  /** Pairs: note, number of samples. */
  readonly pairs: readonly number[]
  /** That they take in the file, at most. */
  readonly bytes: number
}

export interface StackNotesLimits {
  /** Of everything but the runs. Stacks that need more have no note. */
  readonly dictionaryBytes: number
  /** Of the runs. Samples behind them have no note. */
  readonly runBytes: number
}

/** A file of 100 MiB needs 2 to 4 MiB of them. */
const LIMITS: StackNotesLimits = { dictionaryBytes: 16 * 2 ** 20, runBytes: 16 * 2 ** 20 }

const NOT_YET = -1
const UNKNOWN_RUNTIME = IMAGE_RUNTIMES.indexOf('unknown')
const HEADER_BYTES = 16
const PART_HEADER_BYTES = 12

export class StackNotesWriter {
  readonly #limits: StackNotesLimits
  readonly #dictionary: StackNotesDictionary
  readonly #runs = new ByteWriter()
  #runCount = 0
  /** The last run, which the next samples may go on. */
  #open = { note: NO_NOTE, samples: 0 }
  #untold = 0

  constructor(limits: StackNotesLimits = LIMITS) {
    this.#limits = limits
    this.#dictionary = new StackNotesDictionary(limits.dictionaryBytes)
  }

  /** Samples that were appended and have no note, for want of room. */
  get untold(): number {
    return this.#untold
  }

  /** The size of the section with `runs`, at most. */
  bytesWith(runs: NoteRuns): number {
    return (
      HEADER_BYTES +
      Object.keys(PART).length * PART_HEADER_BYTES +
      this.#dictionary.bytes +
      this.#runs.length +
      2 * varintBytes(Number.MAX_SAFE_INTEGER) +
      runs.bytes
    )
  }

  /** Finds the notes of a batch's samples. Changes nothing that is told: the samples may yet fail to be written. */
  async plan(batch: ProfileBatch): Promise<NoteRuns> {
    this.#addRuntimes(batch.processes.images)
    this.#addSegments(batch)
    this.#addIdentities(batch)
    this.#dictionary.addConfig(batch.session)
    const { stack, length } = batch.samples
    const notes = await this.#notesOf(batch)
    const pairs: number[] = []
    let bytes = 0
    for (let from = 0; from < length; ) {
      const note = notes[stack[from]!]!
      let to = from + 1
      while (to < length && notes[stack[to]!] === note) to++
      pairs.push(note, to - from)
      bytes += varintBytes(note) + varintBytes(to - from)
      from = to
    }
    return { pairs, bytes }
  }

  /** Few images have one, and of all the machine's only those are looked at. */
  #addRuntimes(images: ImageTable): void {
    images.runtime.forEach((code, index) => {
      if (code === UNKNOWN_RUNTIME) return
      const image = images.at(index)
      if (image.runtime !== undefined) this.#dictionary.addRuntime(image, image.runtime)
    })
  }

  /** Who reads the file may not have the programs, and cannot tell their addresses from MMAP2. */
  #addSegments(batch: ProfileBatch): void {
    const { mappings, images } = batch.processes
    for (const index of sampledMappings(batch)) {
      const { image, start, fileOffset, bias, addressSpace } = mappings.at(index)
      const mapped = images.at(image)
      if (addressSpace !== 'svma' || mapped.kind !== 'file') continue
      this.#dictionary.addSegment(mapped, fileOffset, BigInt.asUintN(64, start - bias))
    }
  }

  #addIdentities(batch: ProfileBatch): void {
    for (const image of sampledImages(batch)) {
      if (image.goBuildId !== undefined || image.contentHash !== undefined)
        this.#dictionary.addIdentity(image)
    }
  }

  /** By stack, for those that were sampled. */
  async #notesOf(batch: ProfileBatch): Promise<Int32Array> {
    const { stack, length } = batch.samples
    const { stacks } = batch
    const found = this.#dictionary.ofWindow(batch)
    const notes = new Int32Array(stacks.length).fill(NOT_YET)
    for await (const [from, to] of inTurns(length)) {
      for (let row = from; row < to; row++) {
        const sampled = stack[row]!
        if (notes[sampled] === NOT_YET) notes[sampled] = found.of(sampled)
      }
    }
    return notes
  }

  /** The samples of `runs` are in the file, behind those of the last call. */
  append({ pairs }: NoteRuns): void {
    for (let at = 0; at < pairs.length; at += 2) this.#appendRun(pairs[at]!, pairs[at + 1]!)
  }

  /**
   * The section; undefined where there is nothing to say.
   * @param sessions in the order of the file's attrs
   */
  finish(sessions: readonly SessionInfo[] = []): Uint8Array | undefined {
    this.#closeRun()
    this.#open = { note: NO_NOTE, samples: 0 }
    if (this.#runCount === 0) return undefined
    const runs = { name: 'runs', count: this.#runCount, bytes: this.#runs.finish() } as const
    const parts = [...this.#dictionary.parts(sessions), runs]
    const writer = new ByteWriter().u64(STACK_NOTES_MAGIC).u32(STACK_NOTES_VERSION).u32(parts.length)
    for (const { name, count, bytes } of parts) {
      writer
        .u32(PART[name])
        .u32(bytes.length + 4)
        .u32(count)
        .bytes(bytes)
    }
    return writer.finish()
  }

  #appendRun(note: number, samples: number): void {
    if (note === NO_NOTE) this.#untold += samples
    if (note === this.#open.note) {
      this.#open.samples += samples
      return
    }
    this.#closeRun()
    this.#open = { note, samples }
  }

  #closeRun(): void {
    const { note, samples } = this.#open
    if (samples === 0) return
    if (this.#runs.length >= this.#limits.runBytes) {
      if (note !== NO_NOTE) this.#untold += samples
      return
    }
    this.#runs.varint(note).varint(samples)
    this.#runCount++
  }
}
