// What the samples of many windows speak of. Windows number their strings, mappings, frames and stacks each for
// themselves; here equal things of different windows have one number.

import { IMAGE_KINDS, type ImageKind } from '../../core/process.ts'
import { FRAME_KINDS, type FrameKind } from '../../core/profile.ts'
import { type MemoryBudget, NO_ROOM, SequenceTable } from './sequence-table.ts'

/**
 * Where frames lie: a part of a file, the kernel, an interpreter, or (reason frames) nowhere. Addresses are in the
 * file's own terms, so that a library is one mapping in however many processes it is; anonymous memory is a process's own.
 */
export interface MappingEntry {
  readonly kind: FrameKind
  readonly imageKind: ImageKind
  readonly path: string
  readonly buildId: string
  /** What Go calls the file's build id; '' where it is not known. */
  readonly goBuildId: string
  /** OpenTelemetry's htlhash; '' where it is not known. */
  readonly contentHash: string
  readonly device: bigint
  readonly inode: bigint
  readonly start: bigint
  /** First address behind it. */
  readonly limit: bigint
  readonly fileOffset: bigint
  /** 0 where the mapping means the same in every process. */
  readonly pid: number
}

/** A function that a frame stands for. */
export interface NameEntry {
  readonly function: string
  readonly systemName: string
  readonly file: string
  readonly line: number
}

export interface FrameEntry {
  readonly kind: FrameKind
  readonly returnAddress: boolean
  readonly mapping: number
  /** As the file states it; 0 for interpreted and reason frames. */
  readonly address: bigint
  /** Number of a list of names, innermost inlined function first; `NO_NAME_LIST` where no name is known. */
  readonly nameList: number
  /** How many of its names its interpreter or runtime said, not symbols: the last ones. */
  readonly ownNames: number
  /** Of what its interpreter or runtime said (`v8js`); '' where it said nothing. */
  readonly language: string
}

/** The empty list of names. */
export const NO_NAME_LIST = 0

/** Where a mapping's 64-bit numbers begin among its words. */
const WIDE = 7
const KIND_BITS = 0xff
const RETURN_ADDRESS = 0x100
/** What is above it is FrameEntry.ownNames. */
const OWN_NAMES_SHIFT = 9
/** A string costs its characters, a header, and an entry of the map that finds it again. */
const STRING_OVERHEAD_BYTES = 80
const MASK = 0xffff_ffffn

/** Every method that returns a number returns NO_ROOM when something new did not fit in the budget. */
export class Dictionary {
  readonly #budget: MemoryBudget
  readonly #strings: string[] = []
  readonly #stringNumbers = new Map<string, number>()
  readonly #mappings: SequenceTable
  readonly #names: SequenceTable
  readonly nameLists: SequenceTable
  readonly #frames: SequenceTable
  /** Frame numbers, leaf first. */
  readonly stacks: SequenceTable
  readonly #scratch = new Uint32Array(WIDE + 10)

  constructor(budget: MemoryBudget) {
    this.#budget = budget
    this.#mappings = new SequenceTable(budget)
    this.#names = new SequenceTable(budget)
    this.nameLists = new SequenceTable(budget)
    this.#frames = new SequenceTable(budget)
    this.stacks = new SequenceTable(budget)
    this.addString('')
    this.nameLists.intern(this.#scratch, 0)
  }

  get mappingCount(): number {
    return this.#mappings.length
  }

  get frameCount(): number {
    return this.#frames.length
  }

  get nameCount(): number {
    return this.#names.length
  }

  addString(text: string): number {
    const known = this.#stringNumbers.get(text)
    if (known !== undefined) return known
    if (!this.#budget.take(STRING_OVERHEAD_BYTES + 2 * text.length)) return NO_ROOM
    const number = this.#strings.push(text) - 1
    this.#stringNumbers.set(text, number)
    return number
  }

  string(number: number): string {
    return this.#strings[number] ?? ''
  }

  addMapping(entry: MappingEntry): number {
    const texts = [entry.path, entry.buildId, entry.goBuildId, entry.contentHash]
    const strings = texts.map((text) => this.addString(text))
    if (strings.includes(NO_ROOM)) return NO_ROOM
    const words = this.#scratch
    words[0] = FRAME_KINDS.indexOf(entry.kind)
    words[1] = IMAGE_KINDS.indexOf(entry.imageKind)
    words.set(strings, 2)
    words[6] = entry.pid
    const wide = [entry.device, entry.inode, entry.start, entry.limit, entry.fileOffset]
    wide.forEach((value, index) => {
      words[WIDE + 2 * index] = Number(value & MASK)
      words[WIDE + 1 + 2 * index] = Number((value >> 32n) & MASK)
    })
    return this.#mappings.intern(words, WIDE + 2 * wide.length)
  }

  mapping(number: number): MappingEntry {
    const word = (index: number): number => this.#mappings.word(number, index)
    const wide = (index: number): bigint =>
      BigInt(word(WIDE + 2 * index)) | (BigInt(word(WIDE + 1 + 2 * index)) << 32n)
    return {
      kind: FRAME_KINDS[word(0)] as FrameKind,
      imageKind: IMAGE_KINDS[word(1)] as ImageKind,
      path: this.string(word(2)),
      buildId: this.string(word(3)),
      goBuildId: this.string(word(4)),
      contentHash: this.string(word(5)),
      pid: word(6),
      device: wide(0),
      inode: wide(1),
      start: wide(2),
      limit: wide(3),
      fileOffset: wide(4),
    }
  }

  addName(entry: NameEntry): number {
    const words = this.#scratch
    const texts = [entry.function, entry.systemName, entry.file]
    for (const [index, text] of texts.entries()) {
      const number = this.addString(text)
      if (number === NO_ROOM) return NO_ROOM
      words[index] = number
    }
    words[3] = entry.line
    return this.#names.intern(words, 4)
  }

  name(number: number): NameEntry {
    const word = (index: number): number => this.#names.word(number, index)
    return {
      function: this.string(word(0)),
      systemName: this.string(word(1)),
      file: this.string(word(2)),
      line: word(3),
    }
  }

  /** The line of a name. */
  lineOf(name: number): number {
    return this.#names.word(name, 3)
  }

  /** The numbers of a list's names, innermost inlined function first. */
  nameNumbersOf(list: number): number[] {
    const numbers: number[] = []
    for (let at = this.nameLists.start(list); at < this.nameLists.end(list); at++) {
      numbers.push(this.nameLists.words[at] as number)
    }
    return numbers
  }

  namesOf(list: number): NameEntry[] {
    return this.nameNumbersOf(list).map((number) => this.name(number))
  }

  addFrame(entry: FrameEntry): number {
    const language = this.addString(entry.language)
    if (language === NO_ROOM) return NO_ROOM
    const words = this.#scratch
    const returnAddress = entry.returnAddress ? RETURN_ADDRESS : 0
    words[0] = FRAME_KINDS.indexOf(entry.kind) | returnAddress | (entry.ownNames << OWN_NAMES_SHIFT)
    words[1] = entry.mapping
    words[2] = Number(entry.address & MASK)
    words[3] = Number((entry.address >> 32n) & MASK)
    words[4] = entry.nameList
    words[5] = language
    return this.#frames.intern(words, 6)
  }

  /** The mapping of a frame. */
  mappingOf(frame: number): number {
    return this.#frames.word(frame, 1)
  }

  frame(number: number): FrameEntry {
    const word = (index: number): number => this.#frames.word(number, index)
    return {
      kind: FRAME_KINDS[word(0) & KIND_BITS] as FrameKind,
      returnAddress: (word(0) & RETURN_ADDRESS) !== 0,
      mapping: word(1),
      address: BigInt(word(2)) | (BigInt(word(3)) << 32n),
      nameList: word(4),
      ownNames: word(0) >>> OWN_NAMES_SHIFT,
      language: this.string(word(5)),
    }
  }
}
