// Mappings, locations, functions and stacks of some samples: exactly those that they refer to, each once.

import type { Writer } from 'protobufjs/minimal.js'
import type { OtlpEncoding } from '../../core/otlp-encoding.ts'
import type { Dictionary, FrameEntry, NameEntry } from '../profile/dictionary.ts'
import { SequenceTable, unlimited } from '../profile/sequence-table.ts'
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
  /** Name, system name and file of each function, as indices of texts; by these three, joined. */
  readonly #functions = new Map<string, { readonly index: number; readonly texts: readonly number[] }>()
  readonly #locations: LocationRow[] = []
  readonly #locationIndices = new Map<string, number>()
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
    writeMessage(dictionary, DICTIONARY.functions, () => undefined)
    for (const { texts } of this.#functions.values()) {
      const [name = 0, systemName = 0, file = 0] = texts
      if (this.#shared.functions === 'twice') writeFunction(dictionary, { name, systemName: 0, file })
      writeFunction(dictionary, { name, systemName, file })
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
    const index = (this.#functions.size + 1) * (this.#shared.functions === 'twice' ? 2 : 1)
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

function writeFunction(
  dictionary: Writer,
  { name, systemName, file }: Readonly<Record<'name' | 'systemName' | 'file', number>>,
): void {
  writeMessage(dictionary, DICTIONARY.functions, (row) => {
    writeUint(row, FUNCTION.name, name)
    writeUint(row, FUNCTION.systemName, systemName)
    writeUint(row, FUNCTION.filename, file)
  })
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
