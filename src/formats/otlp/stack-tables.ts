// Mappings, locations, functions and stacks of some samples: exactly those that they refer to, each once.

import type { Writer } from 'protobufjs/minimal.js'
import type { OtlpEncoding } from '../../core/otlp-encoding.ts'
import type { Dictionary, FrameEntry, NameEntry } from '../profile/dictionary.ts'
import { MemoryBudget, SequenceTable } from '../profile/sequence-table.ts'
import type { AttributeTable } from './attribute-table.ts'
import {
  DICTIONARY,
  FUNCTION,
  LINE,
  LOCATION,
  STACK,
  writeMessage,
  writePacked,
  writeUint,
  writeWide,
} from './fields.ts'
import { MappingTable } from './mapping-table.ts'
import type { StringTable } from './string-table.ts'

export interface SharedTables {
  readonly strings: StringTable
  readonly attributes: AttributeTable
  readonly functions: OtlpEncoding['functions']
}

interface LocationRow {
  readonly mapping: number
  readonly address: bigint
  readonly lines: readonly { readonly function: number; readonly line: number }[]
  readonly attributes: readonly number[]
}

/** What is written is bounded by the profile that it is made of. */
const unlimited = (): SequenceTable => new SequenceTable(new MemoryBudget(Number.POSITIVE_INFINITY))

/** Indices are from 1, as 0 means "not set" in every table. */
export class StackTables {
  readonly #dictionary: Dictionary
  readonly #shared: SharedTables
  readonly #mappings: MappingTable
  /** Name, system name and file of each function, as indices of texts; by these three, joined. */
  readonly #functions = new Map<string, { readonly index: number; readonly texts: readonly number[] }>()
  readonly #copies: 1 | 2
  readonly #locations: LocationRow[] = []
  readonly #locationIndices = new Map<string, number>()
  readonly #stacks = unlimited()
  /** By the dictionary's numbers; 0: not there yet. */
  readonly #ofFrame: Uint32Array
  readonly #ofStack: Uint32Array
  #scratch = new Uint32Array(256)

  /** `stacks`: the numbers of all stacks that will be asked for. Where a mapping ends depends on all its locations. */
  constructor(dictionary: Dictionary, stacks: Iterable<number>, shared: SharedTables) {
    this.#dictionary = dictionary
    this.#shared = shared
    this.#copies = shared.functions === 'twice' ? 2 : 1
    this.#ofFrame = new Uint32Array(dictionary.frameCount)
    this.#ofStack = new Uint32Array(dictionary.stacks.length)
    this.#mappings = new MappingTable(dictionary, shared)
    const seen = new Uint8Array(dictionary.frameCount)
    for (const stack of stacks) {
      for (const frame of this.#framesOf(stack)) {
        if (seen[frame] === 0) this.#mappings.see(dictionary.frame(frame))
        seen[frame] = 1
      }
    }
  }

  stack(number: number): number {
    const known = this.#ofStack[number] as number
    if (known !== 0) return known
    const frames = this.#framesOf(number)
    if (frames.length > this.#scratch.length) this.#scratch = new Uint32Array(frames.length * 2)
    frames.forEach((frame, depth) => {
      this.#scratch[depth] = this.#location(frame)
    })
    // No frames at all is what index 0 says.
    const index = frames.length === 0 ? 0 : this.#stacks.intern(this.#scratch, frames.length) + 1
    this.#ofStack[number] = index
    return index
  }

  write(dictionary: Writer): void {
    this.#mappings.write(dictionary)
    writeMessage(dictionary, DICTIONARY.locations, () => undefined)
    for (const row of this.#locations)
      writeMessage(dictionary, DICTIONARY.locations, (to) => writeLocation(to, row))
    writeMessage(dictionary, DICTIONARY.functions, () => undefined)
    for (const { texts } of this.#functions.values()) {
      for (let copy = 0; copy < this.#copies; copy++)
        writeMessage(dictionary, DICTIONARY.functions, (row) => writeFunction(row, texts))
    }
    writeMessage(dictionary, DICTIONARY.stacks, () => undefined)
    for (let stack = 0; stack < this.#stacks.length; stack++) {
      const locations = this.#stacks.words.subarray(this.#stacks.start(stack), this.#stacks.end(stack))
      writeMessage(dictionary, DICTIONARY.stacks, (row) => writePacked(row, STACK.locations, locations))
    }
  }

  /** Leaf first. */
  #framesOf(stack: number): Uint32Array {
    const { stacks } = this.#dictionary
    return stacks.words.subarray(stacks.start(stack), stacks.end(stack))
  }

  #location(frameNumber: number): number {
    const known = this.#ofFrame[frameNumber] as number
    if (known !== 0) return known
    const index = this.#locationOf(this.#dictionary.frame(frameNumber))
    this.#ofFrame[frameNumber] = index
    return index
  }

  #locationOf(frame: FrameEntry): number {
    const { mapping, address } = this.#mappings.placeOf(frame)
    const type = frameTypeOf(frame)
    const key = `${mapping}/${address}/${frame.nameList}/${type}`
    const known = this.#locationIndices.get(key)
    if (known !== undefined) return known
    const attribute = this.#shared.attributes.text('profile.frame.type', type)
    const index = this.#locations.push({
      mapping,
      address,
      lines: this.#dictionary.namesOf(frame.nameList).map((name) => ({
        function: this.#function(name),
        line: name.line,
      })),
      attributes: attribute === undefined ? [] : [attribute],
    })
    this.#locationIndices.set(key, index)
    return index
  }

  #function({ function: name, systemName, file }: NameEntry): number {
    const texts = [name, systemName, file].map((text) => this.#shared.strings.index(text))
    const key = texts.join()
    const known = this.#functions.get(key)
    if (known !== undefined) return known.index
    const index = (this.#functions.size + 1) * this.#copies // the last of its copies
    this.#functions.set(key, { index, texts })
    return index
  }
}

/** profile.frame.type as the semantic conventions have it; '' of what is no code. */
function frameTypeOf({ kind, language }: FrameEntry): string {
  switch (kind) {
    case 'native':
      return language || 'native'
    case 'kernel':
      return kind
    case 'interpreted':
      return language
    case 'reason':
      return ''
  }
}

function writeFunction(row: Writer, [name = 0, systemName = 0, file = 0]: readonly number[]): void {
  writeUint(row, FUNCTION.name, name)
  writeUint(row, FUNCTION.systemName, systemName)
  writeUint(row, FUNCTION.filename, file)
}

function writeLocation(writer: Writer, { mapping, address, lines, attributes }: LocationRow): void {
  writeUint(writer, LOCATION.mapping, mapping)
  writeWide(writer, LOCATION.address, address)
  for (const line of lines) {
    writeMessage(writer, LOCATION.lines, (message) => {
      writeUint(message, LINE.function, line.function)
      writeUint(message, LINE.line, line.line)
    })
  }
  writePacked(writer, LOCATION.attributes, attributes)
}
