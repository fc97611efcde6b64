// Mappings, locations, functions and stacks of some samples: exactly those that they refer to, each once.

import type { Writer } from 'protobufjs/minimal.js'
import type { OtlpEncoding } from '../../core/otlp-encoding.ts'
import type { Dictionary, FrameEntry } from '../profile/dictionary.ts'
import { SequenceTable, unlimited } from '../profile/sequence-table.ts'
import type { AttributeTable } from './attribute-table.ts'
import {
  DICTIONARY,
  LINE,
  LOCATION,
  STACK,
  writeMessage,
  writePacked,
  writeUint,
  writeWide,
} from './fields.ts'
import { FunctionTable } from './function-table.ts'
import { MappingTable } from './mapping-table.ts'
import type { StringTable } from './string-table.ts'

export interface SharedTables {
  readonly functions: OtlpEncoding['functions']
  readonly strings: StringTable
  readonly attributes: AttributeTable
}

interface LocationRow {
  readonly mapping: number
  readonly address: bigint
  readonly lines: readonly { readonly function: number; readonly line: number }[]
  readonly attributes: readonly number[]
}

/** Indices are from 1, as 0 means "not set" in every table. */
export class StackTables {
  readonly #dictionary: Dictionary
  readonly #shared: SharedTables
  readonly #mappings: MappingTable
  readonly #functions: FunctionTable
  readonly #locations: LocationRow[] = []
  /** [mapping, address (two words), list of names, type] of each location. */
  readonly #locationKeys = new SequenceTable(unlimited())
  readonly #key = new Uint32Array(5)
  /** Bounded by the profile's own. */
  readonly #stacks = new SequenceTable(unlimited())
  /** By the dictionary's numbers; 0: not there yet. */
  readonly #ofFrame: Uint32Array
  readonly #ofStack: Uint32Array
  #scratch = new Uint32Array(256)

  /** `stacks`: the numbers of all stacks that will be asked for. Where a mapping ends depends on all its locations. */
  constructor(dictionary: Dictionary, stacks: Uint32Array, shared: SharedTables) {
    this.#dictionary = dictionary
    this.#shared = shared
    this.#ofFrame = new Uint32Array(dictionary.frameCount)
    this.#ofStack = new Uint32Array(dictionary.stacks.length)
    this.#mappings = new MappingTable(dictionary, shared)
    this.#functions = new FunctionTable(dictionary, shared.strings, shared.functions)
    const seenStacks = new Uint8Array(dictionary.stacks.length)
    const seenFrames = new Uint8Array(dictionary.frameCount)
    for (const stack of stacks) {
      if (seenStacks[stack] === 1) continue
      seenStacks[stack] = 1
      for (const frame of this.#framesOf(stack)) {
        if (seenFrames[frame] === 0) this.#mappings.see(dictionary.frame(frame))
        seenFrames[frame] = 1
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
    this.#functions.write(dictionary)
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
    const type = this.#shared.attributes.text('profile.frame.type', frameTypeOf(frame))
    this.#key[0] = mapping
    this.#key[1] = Number(address & 0xffff_ffffn)
    this.#key[2] = Number(address >> 32n)
    this.#key[3] = frame.nameList
    this.#key[4] = type ?? 0
    const index = this.#locationKeys.intern(this.#key, 5) + 1
    if (index <= this.#locations.length) return index
    const lines = this.#dictionary.nameNumbersOf(frame.nameList).map((name) => ({
      function: this.#functions.index(name),
      line: this.#dictionary.lineOf(name),
    }))
    this.#locations.push({ mapping, address, lines, attributes: type === undefined ? [] : [type] })
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
