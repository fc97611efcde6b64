// Collects the notes of a file's stacks while the file grows, in bounded memory, already in the bytes they will have.

import { IMAGE_RUNTIMES, type Image, type ImageRuntime } from '../../core/process.ts'
import { FRAME_KINDS, type Frame, type ProfileBatch, type StackTable } from '../../core/profile.ts'
import { ByteWriter, varintBytes } from './bytes.ts'
import { NOTE_FRAME, PART, type PartName, STACK_NOTES_MAGIC, STACK_NOTES_VERSION } from './stack-notes.ts'

/** The notes of one batch's samples: what `append` takes over when the samples are on disk. */
export interface NoteRuns {
  /** Pairs: note, number of samples. */
  readonly pairs: readonly number[]
  /** That they take in the file, at most. */
  readonly bytes: number
}

export interface StackNotesLimits {
  /** Of strings, frames, notes and runtimes. Stacks that need more have no note. */
  readonly dictionaryBytes: number
  /** Of the runs. Samples behind them have no note. */
  readonly runBytes: number
}

/** A file of 100 MiB needs 2 to 4 MiB of them. */
const LIMITS: StackNotesLimits = { dictionaryBytes: 16 * 2 ** 20, runBytes: 16 * 2 ** 20 }

const NATIVE = FRAME_KINDS.indexOf('native')
const KERNEL = FRAME_KINDS.indexOf('kernel')
const NO_NOTE = 0
const NO_ROOM = -1
const NOT_YET = -1
const HEADER_BYTES = 16
const PART_HEADER_BYTES = 12

const encoder = new TextEncoder()

export class StackNotesWriter {
  readonly #limits: StackNotesLimits
  readonly #strings = new Entries()
  readonly #frames = new Entries()
  readonly #notes = new Entries()
  readonly #runtimes = new Entries()
  readonly #runs = new ByteWriter()
  #runCount = 0
  /** The last run, which the next samples may go on. */
  #open = { note: NO_NOTE, samples: 0 }
  #untold = 0

  constructor(limits: StackNotesLimits = LIMITS) {
    this.#limits = limits
  }

  /** Samples that were appended and have no note, for want of room. */
  get untold(): number {
    return this.#untold
  }

  /** The size of the section with `runs`, at most. */
  bytesWith(runs: NoteRuns): number {
    return (
      HEADER_BYTES +
      5 * PART_HEADER_BYTES +
      this.#dictionaryBytes() +
      this.#runs.length +
      2 * varintBytes(Number.MAX_SAFE_INTEGER) +
      runs.bytes
    )
  }

  /** Finds the notes of a batch's samples. Changes nothing that is told: the samples may yet fail to be written. */
  plan(batch: ProfileBatch): NoteRuns {
    for (const image of batch.processes.images) {
      if (image.runtime !== undefined) this.#addRuntime(image, image.runtime)
    }
    const { stack } = batch.samples
    const notes = new Int32Array(batch.stacks.length).fill(NOT_YET)
    const pairs: number[] = []
    let bytes = 0
    for (let from = 0; from < stack.length; ) {
      const note = this.#noteOnce(batch.stacks, stack[from]!, notes)
      let to = from + 1
      while (to < stack.length && this.#noteOnce(batch.stacks, stack[to]!, notes) === note) to++
      pairs.push(note, to - from)
      bytes += varintBytes(note) + varintBytes(to - from)
      from = to
    }
    return { pairs, bytes }
  }

  /** The samples of `runs` are in the file, behind those of the last call. */
  append({ pairs }: NoteRuns): void {
    for (let at = 0; at < pairs.length; at += 2) this.#appendRun(pairs[at]!, pairs[at + 1]!)
  }

  /** The section; undefined where there is nothing to say. */
  finish(): Uint8Array | undefined {
    this.#closeRun()
    this.#open = { note: NO_NOTE, samples: 0 }
    if (this.#runCount === 0) return undefined
    const parts: readonly (readonly [PartName, number, Uint8Array])[] = [
      ['strings', this.#strings.count, this.#strings.bytes],
      ['frames', this.#frames.count, this.#frames.bytes],
      ['notes', this.#notes.count, this.#notes.bytes],
      ['runs', this.#runCount, this.#runs.finish()],
      ['runtimes', this.#runtimes.count, this.#runtimes.bytes],
    ]
    const writer = new ByteWriter().u64(STACK_NOTES_MAGIC).u32(STACK_NOTES_VERSION).u32(parts.length)
    for (const [name, count, bytes] of parts) {
      writer
        .u32(PART[name])
        .u32(bytes.length + 4)
        .u32(count)
        .bytes(bytes)
    }
    return writer.finish()
  }

  #dictionaryBytes(): number {
    return [this.#strings, this.#frames, this.#notes, this.#runtimes].reduce(
      (sum, { bytes }) => sum + bytes.length,
      0,
    )
  }

  #isFull(): boolean {
    return this.#dictionaryBytes() >= this.#limits.dictionaryBytes
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

  #noteOnce(stacks: StackTable, stack: number, known: Int32Array): number {
    let note = known[stack]!
    if (note === NOT_YET) {
      note = this.#noteOf(stacks, stack)
      known[stack] = note
    }
    return note
  }

  /** Its number, counted from 1; NO_NOTE where there is no room for it. */
  #noteOf(stacks: StackTable, stack: number): number {
    const { kind, flags } = stacks.frames
    const inserted: number[] = []
    const unusual: number[] = []
    let part = -1
    const from = stacks.offsets[stack]!
    const length = stacks.offsets[stack + 1]! - from
    for (let place = 0; place < length; place++) {
      const frame = stacks.frameIndices[from + place]!
      const frameKind = kind[frame]!
      if (frameKind === NATIVE || frameKind === KERNEL) {
        const isReturnAddress = (flags[frame]! & 1) !== 0
        if (isReturnAddress !== (frameKind === part)) unusual.push(place)
        part = frameKind
      } else {
        const number = this.#addFrame(stacks.frames.at(frame))
        if (number === NO_ROOM) return NO_NOTE
        inserted.push(place, number)
      }
    }
    const index = this.#addNote(stacks.state[stack]!, inserted, unusual)
    return index === NO_ROOM ? NO_NOTE : index + 1
  }

  #addNote(state: number, inserted: readonly number[], unusual: readonly number[]): number {
    return this.#notes.once(`${state}/${inserted.join()}/${unusual.join()}`, this.#isFull(), (writer) => {
      writer.u8(state).varint(inserted.length / 2)
      let previous = 0
      for (let at = 0; at < inserted.length; at += 2) {
        writer.varint(inserted[at]! - previous).varint(inserted[at + 1]!)
        previous = inserted[at]!
      }
      writer.varint(unusual.length)
      previous = 0
      for (const place of unusual) {
        writer.varint(place - previous)
        previous = place
      }
    })
  }

  #addFrame(frame: Frame): number {
    switch (frame.kind) {
      case 'interpreted': {
        const texts = [frame.language, frame.function, frame.file].map((text) => this.#addString(text))
        if (texts.includes(NO_ROOM)) return NO_ROOM
        return this.#frames.once(`i${texts.join()}/${frame.line}`, this.#isFull(), (writer) => {
          writer.u8(NOTE_FRAME.interpreted)
          for (const text of texts) writer.varint(text)
          writer.varint(frame.line)
        })
      }
      case 'reason': {
        const text = this.#addString(frame.text)
        if (text === NO_ROOM) return NO_ROOM
        return this.#frames.once(`r${text}`, this.#isFull(), (writer) =>
          writer.u8(NOTE_FRAME.reason).varint(text),
        )
      }
      case 'native':
      case 'kernel':
        throw new Error(`a ${frame.kind} frame stands in the call chain`)
    }
  }

  #addString(text: string): number {
    return this.#strings.once(text, this.#isFull(), (writer) => {
      const bytes = encoder.encode(text)
      writer.varint(bytes.length).bytes(bytes)
    })
  }

  #addRuntime({ path, buildId, device, inode }: Image, runtime: ImageRuntime): void {
    const texts = [path, buildId].map((text) => this.#addString(text))
    if (texts.includes(NO_ROOM)) return
    this.#runtimes.once(`${texts.join()}/${device}/${inode}`, this.#isFull(), (writer) => {
      for (const text of texts) writer.varint(text)
      writer.u64(device).u64(inode).u8(IMAGE_RUNTIMES.indexOf(runtime))
    })
  }
}

/** Distinct things by key, numbered from 0, as bytes. */
class Entries {
  readonly #writer = new ByteWriter()
  readonly #known = new Map<string, number>()

  get count(): number {
    return this.#known.size
  }

  get bytes(): Uint8Array {
    return this.#writer.finish()
  }

  /** NO_ROOM where it is new and `full`. */
  once(key: string, full: boolean, write: (writer: ByteWriter) => unknown): number {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (full) return NO_ROOM
    write(this.#writer)
    const number = this.#known.size
    this.#known.set(key, number)
    return number
  }
}
