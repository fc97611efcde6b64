// Reads the stack notes of a file. Nothing in them is believed before it is checked against the section's size.

import { IMAGE_RUNTIMES, type Image, type ImageRuntime } from '../../core/process.ts'
import { type FrameFunction, type SessionInfo, STACK_STATES } from '../../core/profile.ts'
import { ByteReader } from './bytes.ts'
import {
  MAX_NOTE_ELEMENTS,
  MAX_NOTE_FRAMES,
  NOTE_FRAME,
  type NoteFrame,
  PART,
  type PartName,
  STACK_NOTES_MAGIC,
  STACK_NOTES_VERSION,
  type StackNote,
} from './stack-notes.ts'

/** Longest text that is kept of a file. */
const MAX_TEXT_BYTES = 65_536

export type ImageIdentity = Pick<Image, 'goBuildId' | 'contentHash'>

export class StackNotes {
  readonly #notes: NoteTable
  /** Sample numbers at which the runs end, ascending. */
  readonly #ends: Float64Array
  readonly #noteOfRun: Uint32Array
  readonly #runtimes: ReadonlyMap<string, ImageRuntime>
  readonly #segments: ReadonlyMap<string, bigint>
  readonly #identities: ReadonlyMap<string, ImageIdentity>
  readonly #configs: readonly SessionInfo['config'][]

  constructor(parts: NoteParts) {
    this.#notes = parts.notes
    this.#ends = parts.ends
    this.#noteOfRun = parts.noteOfRun
    this.#runtimes = parts.runtimes
    this.#segments = parts.segments
    this.#identities = parts.identities
    this.#configs = parts.configs
  }

  /** The number of the note of a sample by its place among the samples of the file; 0: it has none. */
  numberOf(sample: number): number {
    let low = 0
    let high = this.#ends.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#ends[middle]! <= sample) low = middle + 1
      else high = middle
    }
    return this.#noteOfRun[low] ?? 0
  }

  /** Undefined for 0. */
  note(number: number): StackNote | undefined {
    return number === 0 ? undefined : this.#notes.at(number - 1)
  }

  runtimeOf(image: Image): ImageRuntime {
    return this.#runtimes.get(imageKey(image)) ?? 'unknown'
  }

  /** Empty where nothing is said of it. */
  identityOf(image: Image): ImageIdentity {
    return this.#identities.get(imageKey(image)) ?? {}
  }

  /** The configuration of an event, by its place among the file's attrs. */
  configOf(event: number): SessionInfo['config'] {
    return this.#configs[event] ?? null
  }

  /** The stated address of the byte at `offset`, where a mapping of the image begins; undefined where nothing is said of it. */
  svmaOf(image: Image, offset: bigint): bigint | undefined {
    return this.#segments.get(segmentKey(image, offset))
  }
}

/** The notes as they stand in the file, checked: as objects they would take twenty times their bytes. */
interface NoteTable {
  readonly length: number
  at(index: number): StackNote
}

interface NoteParts {
  readonly notes: NoteTable
  readonly ends: Float64Array
  readonly noteOfRun: Uint32Array
  readonly runtimes: ReadonlyMap<string, ImageRuntime>
  readonly segments: ReadonlyMap<string, bigint>
  readonly identities: ReadonlyMap<string, ImageIdentity>
  readonly configs: readonly SessionInfo['config'][]
}

const imageKey = ({ path, buildId, device, inode }: Image): string =>
  `${path}\0${buildId}\0${device}\0${inode}`

const segmentKey = (image: Image, offset: bigint): string => `${imageKey(image)}\0${offset}`

/** Undefined where the section is not Sonde's, or `problem` is told what is wrong with it. */
export function readStackNotes(bytes: Uint8Array, problem: (text: string) => void): StackNotes | undefined {
  try {
    const reader = new ByteReader(bytes)
    if (reader.remaining < 8 || reader.u64() !== STACK_NOTES_MAGIC) return undefined
    const version = reader.u32()
    if (version !== STACK_NOTES_VERSION) {
      problem(`its stack notes have version ${version}, which a newer Sonde reads: all stacks are unverified`)
      return undefined
    }
    return new StackNotes(readParts(partsOf(reader)))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    problem(`its stack notes are damaged (${error.message}): all stacks are unverified`)
    return undefined
  }
}

const NO_PART = new Uint8Array(4)

/** By kind; one that stands twice counts once. */
function partsOf(reader: ByteReader): (name: PartName) => ByteReader {
  const count = reader.u32()
  const parts = new Map<number, Uint8Array>()
  for (let part = 0; part < count; part++) {
    const kind = reader.u32()
    const bytes = reader.bytes(reader.u32())
    if (!parts.has(kind)) parts.set(kind, bytes)
  }
  return (name) => new ByteReader(parts.get(PART[name]) ?? NO_PART)
}

function readParts(part: (name: PartName) => ByteReader): NoteParts {
  const decoder = new TextDecoder()
  const strings = elements(part('strings'), (reader) => {
    const bytes = reader.bytes(reader.varint())
    return decoder.decode(bytes.subarray(0, MAX_TEXT_BYTES))
  })
  const frames = elements(part('frames'), (reader) => readFrame(reader, strings))
  const notes = noteTable(part('notes'), part('functions'), frames)
  const runtimes = elements(part('runtimes'), (reader) => readRuntime(reader, strings))
  const segments = elements(part('segments'), (reader) => readSegment(reader, strings))
  const identities = elements(part('identities'), (reader) => readIdentity(reader, strings))
  return {
    notes,
    ...readRuns(part('runs'), notes.length),
    runtimes: new Map(runtimes),
    segments: new Map(segments),
    identities: new Map(identities),
    configs: elements(part('configs'), (reader) => readConfig(reader, strings)),
  }
}

/** Every element takes a byte at least: more of them than bytes cannot be. */
function countOf(reader: ByteReader, most: number = MAX_NOTE_ELEMENTS): number {
  const count = reader.u32()
  if (count > reader.remaining || count > most)
    throw new RangeError(`${count} elements in ${reader.remaining} bytes`)
  return count
}

function elements<Element>(reader: ByteReader, read: (reader: ByteReader) => Element): Element[] {
  return Array.from({ length: countOf(reader) }, () => read(reader))
}

function member<Element>(list: ArrayLike<Element>, index: number): Element {
  const element = list[index]
  if (element === undefined) throw new RangeError(`number ${index} of ${list.length}`)
  return element
}

function readFrame(reader: ByteReader, strings: readonly string[]): NoteFrame {
  const kind = reader.u8()
  const text = (): string => member(strings, reader.varint())
  if (kind === NOTE_FRAME.interpreted) {
    return { kind: 'interpreted', language: text(), function: text(), file: text(), line: lineOf(reader) }
  }
  if (kind === NOTE_FRAME.reason) return { kind: 'reason', text: text() }
  throw new RangeError(`a frame of kind ${kind}`)
}

const lineOf = (reader: ByteReader): number => Math.min(reader.varint(), 0xffff_ffff)

function noteTable(reader: ByteReader, functionsReader: ByteReader, frames: readonly NoteFrame[]): NoteTable {
  const offsets = offsetsOf(reader, () => readNote(reader, frames))
  const functionOffsets = offsetsOf(functionsReader, () => readFunctions(functionsReader, frames))
  return {
    length: offsets.length,
    at(index) {
      reader.position = member(offsets, index)
      const functionOffset = functionOffsets[index]
      if (functionOffset !== undefined) functionsReader.position = functionOffset
      const functions = functionOffset === undefined ? [] : readFunctions(functionsReader, frames)
      return { ...readNote(reader, frames), functions }
    },
  }
}

/** Where each element stands; all of them are read once, so that a damaged one is found at the start. */
function offsetsOf(reader: ByteReader, read: () => unknown): Uint32Array {
  return Uint32Array.from({ length: countOf(reader) }, () => {
    const offset = reader.position
    read()
    return offset
  })
}

function readPlaces(reader: ByteReader, read: (place: number) => unknown): void {
  const count = reader.varint()
  if (count > MAX_NOTE_FRAMES) throw new RangeError(`a stack of ${count} frames`)
  let place = 0
  for (let each = 0; each < count; each++) {
    place += reader.varint()
    read(place)
  }
}

function readNote(reader: ByteReader, frames: readonly NoteFrame[]): Omit<StackNote, 'functions'> {
  const state = member(STACK_STATES, reader.u8())
  const inserted: { place: number; frame: NoteFrame }[] = []
  const unusual: number[] = []
  readPlaces(reader, (place) => inserted.push({ place, frame: member(frames, reader.varint()) }))
  readPlaces(reader, (place) => unusual.push(place))
  return { state, inserted, unusual }
}

function readFunctions(reader: ByteReader, frames: readonly NoteFrame[]): StackNote['functions'] {
  const functions: { place: number; function: FrameFunction }[] = []
  readPlaces(reader, (place) => {
    const frame = member(frames, reader.varint())
    if (frame.kind !== 'interpreted') throw new RangeError('a function that is a reason')
    const { kind: _, ...named } = frame
    functions.push({ place, function: named })
  })
  return functions
}

function readRuns(reader: ByteReader, notes: number): Pick<NoteParts, 'ends' | 'noteOfRun'> {
  const count = countOf(reader, Number.POSITIVE_INFINITY)
  const ends = new Float64Array(count)
  const noteOfRun = new Uint32Array(count)
  let end = 0
  for (let run = 0; run < count; run++) {
    const note = reader.varint()
    if (note > notes) throw new RangeError(`note ${note} of ${notes}`)
    end += reader.varint()
    ends[run] = end
    noteOfRun[run] = note
  }
  return { ends, noteOfRun }
}

function readRuntime(reader: ByteReader, strings: readonly string[]): [key: string, runtime: ImageRuntime] {
  const key = imageKey(readImage(reader, strings))
  // One that this version does not know says nothing.
  return [key, IMAGE_RUNTIMES[reader.u8()] ?? 'unknown']
}

function readSegment(reader: ByteReader, strings: readonly string[]): [key: string, svma: bigint] {
  const key = segmentKey(readImage(reader, strings), reader.u64())
  return [key, reader.u64()]
}

function readIdentity(
  reader: ByteReader,
  strings: readonly string[],
): [key: string, identity: ImageIdentity] {
  const key = imageKey(readImage(reader, strings))
  const goBuildId = member(strings, reader.varint())
  const contentHash = member(strings, reader.varint())
  return [key, { ...(goBuildId && { goBuildId }), ...(contentHash && { contentHash }) }]
}

function readConfig(reader: ByteReader, strings: readonly string[]): SessionInfo['config'] {
  if (reader.u8() === 0) return null
  return { name: member(strings, reader.varint()), version: member(strings, reader.varint()) }
}

function readImage(reader: ByteReader, strings: readonly string[]): Image {
  const path = member(strings, reader.varint())
  const buildId = member(strings, reader.varint())
  return { kind: 'file', path, buildId, device: reader.u64(), inode: reader.u64() }
}
