// The distinct notes of a file, and the frames, texts and images they speak of, as bytes.

import { IMAGE_RUNTIMES, type Image, type ImageRuntime } from '../../core/process.ts'
import {
  FRAME_KINDS,
  type Frame,
  type FrameFunction,
  ownFunctions,
  type ProfileBatch,
  type SessionInfo,
  type StackTable,
} from '../../core/profile.ts'
import { type FrameName, namesOf } from '../../core/symbolizer.ts'
import { ByteWriter, varintBytes } from './bytes.ts'
import { MAX_NOTE_ELEMENTS, MAX_NOTE_FRAMES, NOTE_FRAME, type PartName } from './stack-notes.ts'

/** The number of no note. */
export const NO_NOTE = 0

const NATIVE = FRAME_KINDS.indexOf('native')
const KERNEL = FRAME_KINDS.indexOf('kernel')
const NO_ROOM = -1
const NO_PLACE = { device: 0n, inode: 0n }
const NOT_YET = -2

const encoder = new TextEncoder()

/** One part of the section, without its head. */
export interface NotesPart {
  readonly name: PartName
  readonly count: number
  readonly bytes: Uint8Array
}

export class StackNotesDictionary {
  readonly #maxBytes: number
  readonly #room: Room
  readonly #strings = new Entries()
  readonly #frames = new Entries()
  readonly #notes = new Entries()
  /** Of the notes, in their order. */
  readonly #functions = new ByteWriter()
  #hasFunctions = false
  readonly #runtimes = new Entries()
  readonly #segments = new Entries()
  readonly #identities = new Entries()
  /** By SessionInfo.id: the texts of its configuration's name and version. */
  readonly #configs = new Map<number, readonly number[]>()
  /** By state: the note that says nothing else. */
  readonly #plainNotes: number[] = []

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    this.#room = { bytes: maxBytes }
  }

  get bytes(): number {
    return this.#maxBytes - this.#room.bytes
  }

  /** @param sessions in the order of the file's attrs */
  parts(sessions: readonly SessionInfo[]): readonly NotesPart[] {
    return [
      { name: 'strings', ...this.#strings.part() },
      { name: 'frames', ...this.#frames.part() },
      { name: 'notes', ...this.#notes.part() },
      { name: 'runtimes', ...this.#runtimes.part() },
      { name: 'segments', ...this.#segments.part() },
      { name: 'identities', ...this.#identities.part() },
      ...this.#functionsPart(),
      ...this.#configsPart(sessions),
    ]
  }

  #functionsPart(): readonly NotesPart[] {
    if (!this.#hasFunctions) return []
    return [{ name: 'functions', count: this.#notes.part().count, bytes: this.#functions.finish() }]
  }

  #configsPart(sessions: readonly SessionInfo[]): readonly NotesPart[] {
    if (!sessions.some(({ id }) => this.#configs.has(id))) return []
    const writer = new ByteWriter()
    for (const { id } of sessions) {
      const texts = this.#configs.get(id) ?? []
      writer.u8(texts.length > 0 ? 1 : 0)
      for (const text of texts) writer.varint(text)
    }
    return [{ name: 'configs', count: sessions.length, bytes: writer.finish() }]
  }

  /** Finds the notes of a window's stacks. */
  ofWindow(window: NamedWindow): WindowNotes {
    return new WindowNotes(this, window)
  }

  /**
   * The note of a stack with that state, counted from 1; NO_NOTE where there is no room for it.
   */
  addNote(state: number, frames: NoteFrames): number {
    const { inserted, unusual, functions } = frames
    const most = Math.max(inserted.length / 2, unusual.length, functions.length / 2)
    if (most > MAX_NOTE_FRAMES) return NO_NOTE
    const index = most > 0 ? this.#addNewNote(state, frames) : this.#addPlainNote(state, frames)
    return index === NO_ROOM ? NO_NOTE : index + 1
  }

  /** Most stacks: nothing but how far they can be trusted. */
  #addPlainNote(state: number, none: NoteFrames): number {
    const plain = this.#plainNotes[state] ?? NO_ROOM
    if (plain !== NO_ROOM) return plain
    this.#plainNotes[state] = this.#addNewNote(state, none)
    return this.#plainNotes[state]
  }

  #addNewNote(state: number, { inserted, unusual, functions }: NoteFrames): number {
    const key = `${state}/${inserted.join()}/${unusual.join()}/${functions.join()}`
    return this.#notes.once(this.#room, key, (writer) => {
      writer.u8(state)
      writePairs(writer, inserted)
      writer.varint(unusual.length)
      let previous = 0
      for (const place of unusual) {
        writer.varint(place - previous)
        previous = place
      }
      this.#addFunctions(functions)
    })
  }

  #addFunctions(functions: readonly number[]): void {
    const before = this.#functions.length
    writePairs(this.#functions, functions)
    this.#room.bytes -= this.#functions.length - before
    this.#hasFunctions ||= functions.length > 0
  }

  /** Its number; NO_ROOM where there is none for it. */
  addFrame(frame: Frame): number {
    switch (frame.kind) {
      case 'interpreted': {
        const texts = [frame.language, frame.function, frame.file].map((text) => this.#addString(text))
        if (texts.includes(NO_ROOM)) return NO_ROOM
        return this.#frames.once(this.#room, `i${texts.join()}/${frame.line}`, (writer) => {
          writer.u8(NOTE_FRAME.interpreted)
          for (const text of texts) writer.varint(text)
          writer.varint(frame.line)
        })
      }
      case 'reason': {
        const text = this.#addString(frame.text)
        if (text === NO_ROOM) return NO_ROOM
        return this.#frames.once(this.#room, `r${text}`, (writer) =>
          writer.u8(NOTE_FRAME.reason).varint(text),
        )
      }
      case 'native':
      case 'kernel':
        throw new Error(`a ${frame.kind} frame stands in the call chain`)
    }
  }

  #addString(text: string): number {
    return this.#strings.once(this.#room, text, (writer) => {
      const bytes = encoder.encode(text)
      writer.varint(bytes.length).bytes(bytes)
    })
  }

  addRuntime(image: Image, runtime: ImageRuntime): void {
    this.#addOfImage(this.#runtimes, image, '', (writer) => writer.u8(IMAGE_RUNTIMES.indexOf(runtime)))
  }

  /** `svma`: of the byte at `offset`, where a mapping of the image begins. */
  addSegment(image: Image, offset: bigint, svma: bigint): void {
    this.#addOfImage(this.#segments, image, `/${offset}`, (writer) => writer.u64(offset).u64(svma))
  }

  /** What tells the image from others besides its build id. */
  addIdentity(image: Image): void {
    const texts = [image.goBuildId ?? '', image.contentHash ?? ''].map((text) => this.#addString(text))
    if (texts.includes(NO_ROOM)) return
    this.#addOfImage(this.#identities, image, '', (writer) => {
      for (const text of texts) writer.varint(text)
    })
  }

  addConfig({ id, config }: SessionInfo): void {
    if (config === null || this.#configs.has(id)) return
    const texts = [config.name, config.version].map((text) => this.#addString(text))
    if (texts.includes(NO_ROOM)) return
    this.#room.bytes -= texts.reduce((sum, text) => sum + varintBytes(text), 1)
    this.#configs.set(id, texts)
  }

  #addOfImage(entries: Entries, image: Image, key: string, write: (writer: ByteWriter) => unknown): void {
    const { path, buildId } = image
    // As MMAP2 has them: either the build id or the place.
    const { device, inode } = buildId === '' ? image : NO_PLACE
    const texts = [path, buildId].map((text) => this.#addString(text))
    if (texts.includes(NO_ROOM)) return
    entries.once(this.#room, `${texts.join()}/${device}/${inode}${key}`, (writer) => {
      for (const text of texts) writer.varint(text)
      write(writer.u64(device).u64(inode))
    })
  }
}

/** What a note says of frames. */
interface NoteFrames {
  /** Pairs: place, number of the frame. */
  readonly inserted: readonly number[]
  /** Places of the frames whose addresses are what those at their place usually are not. */
  readonly unusual: readonly number[]
  /** Pairs: place, number of the frame that is its function. */
  readonly functions: readonly number[]
}

/** Their number, then each as the distance from the previous place, and what belongs to it. */
function writePairs(writer: ByteWriter, pairs: readonly number[]): void {
  writer.varint(pairs.length / 2)
  let previous = 0
  for (let at = 0; at < pairs.length; at += 2) {
    writer.varint(pairs[at]! - previous).varint(pairs[at + 1]!)
    previous = pairs[at]!
  }
}

/** Stacks, and what names their frames: only names of code that its process made at run time are kept. */
export type NamedWindow = Pick<ProfileBatch, 'stacks' | 'processes' | 'names'>

/** Most stacks of a window share their frames: what is to be said of one is found once, and little is allocated for each. */
class WindowNotes {
  readonly #dictionary: StackNotesDictionary
  readonly #stacks: StackTable
  readonly #frames: Int32Array
  readonly #inserted: number[] = []
  readonly #unusual: number[] = []
  readonly #functions: number[] = []
  /** By frame. */
  readonly #functionNumbers = new Map<number, readonly number[]>()
  readonly #functionsOfFrames: FrameFunctions

  constructor(dictionary: StackNotesDictionary, window: NamedWindow) {
    this.#dictionary = dictionary
    this.#stacks = window.stacks
    this.#frames = new Int32Array(window.stacks.frames.length).fill(NOT_YET)
    this.#functionsOfFrames = new FrameFunctions(window)
  }

  /** The number of the stack's note. */
  of(stack: number): number {
    const { offsets, frameIndices, frames, state } = this.#stacks
    const { kind, flags } = frames
    const inserted = this.#inserted
    const unusual = this.#unusual
    const functions = this.#functions
    inserted.length = 0
    unusual.length = 0
    functions.length = 0
    let part = -1
    const from = offsets[stack]!
    const length = offsets[stack + 1]! - from
    for (let place = 0; place < length; place++) {
      const frame = frameIndices[from + place]!
      const frameKind = kind[frame]!
      if (frameKind === NATIVE || frameKind === KERNEL) {
        const isReturnAddress = (flags[frame]! & 1) !== 0
        if (isReturnAddress !== (frameKind === part)) unusual.push(place)
        part = frameKind
        if (!this.#functionsOfFrames.has(frame)) continue
        const numbers = this.#functionsOf(frame)
        if (numbers.includes(NO_ROOM)) return NO_NOTE
        for (const number of numbers) functions.push(place, number)
      } else {
        const number = this.#numberOf(frame)
        if (number === NO_ROOM) return NO_NOTE
        inserted.push(place, number)
      }
    }
    return this.#dictionary.addNote(state[stack]!, { inserted, unusual, functions })
  }

  #functionsOf(frame: number): readonly number[] {
    const known = this.#functionNumbers.get(frame)
    if (known !== undefined) return known
    const functions = this.#functionsOfFrames.of(frame)
    const numbers = functions.map((named) => this.#dictionary.addFrame({ kind: 'interpreted', ...named }))
    this.#functionNumbers.set(frame, numbers)
    return numbers
  }

  #numberOf(frame: number): number {
    const known = this.#frames[frame]!
    if (known !== NOT_YET) return known
    const number = this.#dictionary.addFrame(this.#stacks.frames.at(frame))
    this.#frames[frame] = number
    return number
  }
}

/** The functions of frames that no symbol table will name again. */
class FrameFunctions {
  readonly #window: NamedWindow
  /** By frame, NOT_YET, 0 or 1: whether it lies in memory without a file, and has a name. */
  readonly #made: Int8Array

  constructor(window: NamedWindow) {
    this.#window = window
    this.#made = new Int8Array(window.names.offsets.length).fill(NOT_YET)
  }

  has(frame: number): boolean {
    return Boolean(this.#window.stacks.frames.function[frame]) || this.#isNamedCode(frame)
  }

  /** What names it in the window's other outputs, too; in the frame's own words where it says the same itself. */
  of(frame: number): readonly FrameFunction[] {
    const value = this.#window.stacks.frames.at(frame)
    const own = (value.kind === 'native' ? value.functions : undefined) ?? []
    if (!this.#isNamedCode(frame)) return own
    const names = namesOf(this.#window.names, frame)
    // One without a name is the symbol table's to name: here there is none.
    return areSame(ownFunctions(value), names) ? own : names.map(functionOf)
  }

  #isNamedCode(frame: number): boolean {
    if (this.#made[frame] === NOT_YET) this.#made[frame] = this.#findOut(frame) ? 1 : 0
    return this.#made[frame] === 1
  }

  #findOut(frame: number): boolean {
    const { stacks, processes, names } = this.#window
    if (stacks.frames.kind[frame] !== NATIVE || names.offsets[frame] === names.offsets[frame + 1])
      return false
    const { image } = processes.mappings.at(stacks.frames.mapping[frame]!)
    return processes.images.at(image).kind === 'anonymous'
  }
}

function areSame(own: readonly FrameFunction[], names: readonly FrameName[]): boolean {
  if (own.length !== names.length) return false
  return names.every(({ function: name, file, line }, at) => {
    const said = own[at]!
    return said.function === name && said.file === file && said.line === line
  })
}

const functionOf = ({ function: name, file, line }: FrameName): FrameFunction => ({
  language: '',
  function: name,
  file,
  line,
})

/** What all tables together may still take. */
interface Room {
  bytes: number
}

/** Distinct things by key, numbered from 0, as bytes. */
class Entries {
  readonly #writer = new ByteWriter()
  readonly #known = new Map<string, number>()

  part(): Pick<NotesPart, 'count' | 'bytes'> {
    return { count: this.#known.size, bytes: this.#writer.finish() }
  }

  /** NO_ROOM where it is new and there is none. */
  once(room: Room, key: string, write: (writer: ByteWriter) => unknown): number {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (room.bytes <= 0 || this.#known.size >= MAX_NOTE_ELEMENTS) return NO_ROOM
    const before = this.#writer.length
    write(this.#writer)
    room.bytes -= this.#writer.length - before
    const number = this.#known.size
    this.#known.set(key, number)
    return number
  }
}
