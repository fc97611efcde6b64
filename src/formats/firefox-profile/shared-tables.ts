// The tables that all threads of a profile refer to: strings, libraries, functions, frames, stacks.

import { baseName } from '../../core/frame-label.ts'
import type { Dictionary, FrameEntry, MappingEntry, NameEntry } from '../profile/dictionary.ts'
import { type FrameLabel, labelsOf } from '../profile/frame-text.ts'
import { lookUpAddress } from '../profile/mapping-extent.ts'
import { SequenceTable, unlimited } from '../profile/sequence-table.ts'
import { categoryOf, isJavaScript, OTHER } from './categories.ts'

/** What the format calls -1: none. */
export const NONE = -1
/** A resource that is a library. */
const LIBRARY = 1
/** Executables that are not position-independent are linked to lie above it. */
const LOWEST_FIXED_BASE = 0x1_0000n
/** Where a sample has no frames at all. */
const NO_STACK = '[no stack]'

export interface Library {
  readonly arch: string
  readonly name: string
  readonly path: string
  readonly debugName: string
  readonly debugPath: string
  readonly breakpadId: string
  readonly codeId: string | null
}

/** Values of a column that were seen, each once, numbered as they came. */
class Distinct<Value> {
  readonly all: Value[] = []
  readonly #numbers = new Map<string, number>()

  number(key: string, make: () => Value): number {
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.all.push(make()) - 1
    this.#numbers.set(key, number)
    return number
  }
}

interface Function {
  readonly name: number
  readonly isJavaScript: boolean
  readonly resource: number
  readonly source: number | null
  readonly line: number | null
}

interface Frame {
  readonly address: number
  readonly library: number
  readonly inlineDepth: number
  readonly category: number
  readonly function: number
  readonly line: number | null
}

export class SharedTables {
  readonly #dictionary: Dictionary
  readonly #arch: string
  readonly #strings = new Distinct<string>()
  readonly #libraries = new Distinct<Library>()
  readonly #sources = new Distinct<number>()
  readonly #resources = new Distinct<number>()
  readonly #functions = new Distinct<Function>()
  readonly #frames: Frame[] = []
  /** Entries are [prefix + 1, frame]. */
  readonly #stacks = new SequenceTable(unlimited())
  /** By the dictionary's numbers: frames outermost first, and the stack that a stack ends in. */
  readonly #ofFrame: (readonly number[] | undefined)[] = []
  readonly #ofStack: (number | undefined)[] = []
  readonly #scratch = new Uint32Array(2)

  constructor(dictionary: Dictionary, arch: string) {
    this.#dictionary = dictionary
    this.#arch = arch
  }

  string(text: string): number {
    return this.#strings.number(text, () => text)
  }

  /** The number of one of the dictionary's stacks. */
  stack(number: number): number {
    const known = this.#ofStack[number]
    if (known !== undefined) return known
    const { stacks } = this.#dictionary
    let prefix = NONE
    // The dictionary has the leaf first.
    for (let at = stacks.end(number) - 1; at >= stacks.start(number); at--) {
      for (const frame of this.#framesOf(stacks.words[at] as number)) prefix = this.#push(prefix, frame)
    }
    if (prefix === NONE) prefix = this.#push(prefix, this.#noStack())
    this.#ofStack[number] = prefix
    return prefix
  }

  #push(prefix: number, frame: number): number {
    this.#scratch[0] = prefix + 1
    this.#scratch[1] = frame
    return this.#stacks.intern(this.#scratch, 2)
  }

  #framesOf(number: number): readonly number[] {
    const known = this.#ofFrame[number]
    if (known !== undefined) return known
    const frame = this.#dictionary.frame(number)
    const mapping = this.#dictionary.mapping(frame.mapping)
    const names = this.#dictionary.namesOf(frame.nameList).reverse()
    const library = this.#libraryOf(mapping)
    const address = library === NONE ? NONE : relativeAddress(frame, mapping)
    const frames = labelsOf(this.#dictionary, number).map((label, depth) => {
      const ofRuntime = depth < frame.ownNames
      const language = ofRuntime || frame.kind === 'interpreted' ? frame.language : ''
      const name = names[depth]
      const isDefinition = language !== ''
      return (
        this.#frames.push({
          address,
          library,
          inlineDepth: frame.kind === 'native' ? depth : 0,
          category: categoryOf(label.kind, language),
          function: this.#function(label, { name, library, language }),
          line: isDefinition ? null : lineOf(name),
        }) - 1
      )
    })
    this.#ofFrame[number] = frames
    return frames
  }

  #noStack(): number {
    const label: FrameLabel = { text: NO_STACK, module: '', kind: 'reason' }
    const frame = { address: NONE, library: NONE, inlineDepth: 0, category: OTHER, line: null }
    const ofFunction = this.#function(label, { name: undefined, library: NONE, language: '' })
    return this.#frames.push({ ...frame, function: ofFunction }) - 1
  }

  #function(
    { text, module }: FrameLabel,
    { name, library, language }: { name: NameEntry | undefined; library: number; language: string },
  ): number {
    const file = name?.file ?? ''
    const line = language === '' ? null : lineOf(name)
    const key = `${text}\0${module}\0${file}\0${line ?? ''}\0${language}`
    return this.#functions.number(key, () => ({
      name: this.string(text),
      isJavaScript: isJavaScript(language),
      resource: library === NONE ? NONE : this.#resource(library),
      source: file === '' ? null : this.#sources.number(file, () => this.string(file)),
      line,
    }))
  }

  #resource(library: number): number {
    const name = this.#libraries.all[library]?.name ?? ''
    return this.#resources.number(name, () => this.string(name))
  }

  #libraryOf(mapping: MappingEntry): number {
    const isCode = mapping.kind === 'kernel' || (mapping.kind === 'native' && mapping.imageKind !== 'unknown')
    if (!isCode || mapping.imageKind === 'anonymous') return NONE
    const { path, buildId } = mapping
    return this.#libraries.number(`${path}\0${buildId}`, () => ({
      arch: this.#arch,
      name: baseName(path),
      path,
      debugName: baseName(path),
      debugPath: path,
      breakpadId: breakpadIdOf(buildId),
      codeId: buildId === '' ? null : buildId,
    }))
  }

  get libraries(): readonly Library[] {
    return this.#libraries.all
  }

  /** The member `shared` of a profile, column by column; the strings last: all the others add to them. */
  *columns(): Generator<readonly [path: string, values: Iterable<unknown> | number]> {
    const stacks = this.#stacks
    const range = Array.from({ length: stacks.length }, (_, stack) => stack)
    yield ['stackTable.frame', range.map((stack) => stacks.word(stack, 1))]
    yield [
      'stackTable.prefixOffset',
      range.map((stack) => (stacks.word(stack, 0) === 0 ? 0 : stack - (stacks.word(stack, 0) - 1))),
    ]
    yield ['stackTable.length', stacks.length]
    yield* table('frameTable', this.#frames, {
      address: ({ address }) => address,
      lib: ({ library }) => library,
      inlineDepth: ({ inlineDepth }) => inlineDepth,
      category: ({ category }) => category,
      subcategory: () => 0,
      func: (frame) => frame.function,
      nativeSymbol: () => null,
      innerWindowID: () => 0,
      line: ({ line }) => line,
      column: () => null,
      originalLocation: () => null,
    })
    yield* table('funcTable', this.#functions.all, {
      name: ({ name }) => name,
      isJS: (each) => each.isJavaScript,
      relevantForJS: () => false,
      resource: ({ resource }) => resource,
      source: ({ source }) => source,
      lineNumber: ({ line }) => line,
      columnNumber: () => null,
      originalLocation: () => null,
    })
    yield* table('resourceTable', this.#resources.all, {
      name: (name) => name,
      host: () => null,
      type: () => LIBRARY,
    })
    yield* table('nativeSymbols', [], {
      libIndex: () => 0,
      address: () => 0,
      name: () => 0,
      functionSize: () => null,
    })
    yield* table('sources', this.#sources.all, {
      id: () => null,
      filename: (filename) => filename,
      startLine: () => 1,
      startColumn: () => 1,
      sourceMapURL: () => null,
      content: () => null,
    })
    yield* table('sourceLocationTable', [], { source: () => 0, line: () => 0, column: () => 0 })
    yield ['stringArray', this.#strings.all]
  }
}

function* table<Row>(
  name: string,
  rows: readonly Row[],
  columns: Readonly<Record<string, (row: Row) => unknown>>,
): Generator<readonly [path: string, values: Iterable<unknown> | number]> {
  for (const [column, of] of Object.entries(columns)) yield [`${name}.${column}`, rows.map(of)]
  yield [`${name}.length`, rows.length]
}

const lineOf = (name: NameEntry | undefined): number | null =>
  name === undefined || name.line === 0 ? null : name.line

/** From the library's base, inside the call where it is one; the file may have been linked to lie at a fixed one. */
function relativeAddress(frame: FrameEntry, { kind, start, limit, fileOffset }: MappingEntry): number {
  const address = lookUpAddress(frame)
  const linked = start - fileOffset
  const base = kind === 'kernel' ? start : linked >= LOWEST_FIXED_BASE ? linked : 0n
  const relative = address - base
  // Modules of the kernel, and what is not known, have no place in the library.
  if (relative < 0n || relative > BigInt(Number.MAX_SAFE_INTEGER)) return NONE
  return kind === 'kernel' && (limit === 0n || address >= limit) ? NONE : Number(relative)
}

/** A build id as symbol servers spell it: sixteen bytes as a GUID of three little-endian numbers, and an age of 0. */
function breakpadIdOf(buildId: string): string {
  if (buildId === '') return ''
  const id = buildId.padEnd(32, '0').slice(0, 32).toUpperCase()
  const swapped = (from: number, bytes: number): string =>
    Array.from({ length: bytes }, (_, index) => id.slice(from + 2 * (bytes - 1 - index)).slice(0, 2)).join('')
  return `${swapped(0, 4)}${swapped(8, 2)}${swapped(12, 2)}${id.slice(16)}0`
}
