// Mappings, locations and functions of the stacks of one session: only what its samples refer to.

import { Line, Location, Mapping, Function as PprofFunction, type StringTable } from 'pprof-format'
import type { FrameEntry, MappingEntry, NameEntry } from '../profile/dictionary.ts'
import {
  type AddressRange,
  addAddress,
  extentOf,
  lookUpAddress,
  noAddresses,
} from '../profile/mapping-extent.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import { SequenceTable, unlimited } from '../profile/sequence-table.ts'
import type { PprofDialect } from './dialect.ts'
import { mainMappingOf } from './main-mapping.ts'

/** What a file is made of. */
export interface PprofContent {
  readonly profile: SessionProfile
  /** Of the profile, those that are written. */
  readonly rows: Uint32Array
  readonly dialect: PprofDialect
}

const LOW = 0xffff_ffffn
/** No mapping's number. */
const NOWHERE = 0xffff_ffff

/** What is known about a mapping once all its locations are. */
interface MappingInUse {
  readonly entry: MappingEntry
  readonly seen: AddressRange
  named: boolean
  filed: boolean
  lined: boolean
  inlined: boolean
}

interface NameInFile {
  readonly functionId: number
  readonly line: number
  readonly hasFile: boolean
}

/** Ids are numbers from 1, in the order of the tables. */
export class LocationTables {
  readonly locations: Location[] = []
  readonly functions: PprofFunction[] = []
  readonly #profile: SessionProfile
  readonly #dialect: PprofDialect
  readonly #strings: StringTable
  readonly #mappings = new Map<number, { readonly id: number; readonly inUse: MappingInUse }>()
  /** Location of a frame, 0 where there is none yet. */
  readonly #ofFrame: Uint32Array
  /** [mapping, address (two words), list of names] of each location; of one without a mapping [NOWHERE, function]. */
  readonly #locationKeys = new SequenceTable(unlimited())
  /** [name, system name, file] of each function, as indices of texts. */
  readonly #functionKeys = new SequenceTable(unlimited())
  readonly #key = new Uint32Array(4)
  /** What a name is in the file; names that differ in their line share a function. */
  readonly #ofName: (NameInFile | undefined)[]

  constructor({ profile, rows, dialect }: PprofContent, strings: StringTable) {
    this.#profile = profile
    this.#dialect = dialect
    this.#strings = strings
    this.#ofFrame = new Uint32Array(profile.dictionary.frameCount)
    this.#ofName = new Array(profile.dictionary.nameCount)
    const main = mainMappingOf(profile, rows)
    if (main !== undefined) this.#mapping(main)
  }

  /** The ids of a stack's locations, leaf first. */
  eachLocation(stack: number, visit: (id: number) => void): void {
    const { stacks } = this.#profile.dictionary
    const { words } = stacks
    const end = stacks.end(stack)
    for (let at = stacks.start(stack); at < end; at++) visit(this.#location(words[at] as number))
  }

  /** The text of the reason frame that ends the stack; '' where none does. */
  reasonOf(stack: number): string {
    const { dictionary } = this.#profile
    const end = dictionary.stacks.end(stack)
    if (end === dictionary.stacks.start(stack)) return ''
    const outermost = dictionary.frame(dictionary.stacks.words[end - 1] as number)
    return outermost.kind === 'reason' ? (dictionary.namesOf(outermost.nameList)[0]?.function ?? '') : ''
  }

  /** Whether nothing but the kernel's code is in it. */
  isKernelOnly(stack: number): boolean {
    const { dictionary } = this.#profile
    const { words } = dictionary.stacks
    const end = dictionary.stacks.end(stack)
    for (let at = dictionary.stacks.start(stack); at < end; at++) {
      if (dictionary.frame(words[at] as number).kind !== 'kernel') return false
    }
    return true
  }

  /** The id of a location that is no code: it lies nowhere, and only names something. */
  placeless(name: string, file: string): number {
    const functionId = this.#function({ function: name, systemName: '', file, line: 0 })
    this.#key[0] = NOWHERE
    this.#key[1] = functionId
    const id = this.#locationKeys.intern(this.#key, 2) + 1
    if (id > this.locations.length)
      this.locations.push(new Location({ id, line: [new Line({ functionId })] }))
    return id
  }

  /** The main binary first. To be asked for when every location is known. */
  mappings(): Mapping[] {
    return [...this.#mappings.values()].map(({ id, inUse }) => this.#pprofMapping(id, inUse))
  }

  #pprofMapping(id: number, { entry, seen, named, filed, lined, inlined }: MappingInUse): Mapping {
    const { start, limit } = extentOf(entry, seen)
    return new Mapping({
      id,
      memoryStart: start,
      memoryLimit: limit,
      fileOffset: entry.fileOffset,
      filename: this.#strings.dedup(entry.path),
      buildId: this.#strings.dedup(this.#dialect.buildId(entry)),
      hasFunctions: named,
      hasFilenames: named && filed,
      hasLineNumbers: named && lined,
      hasInlineFrames: inlined,
    })
  }

  #location(frameNumber: number): number {
    const known = this.#ofFrame[frameNumber] as number
    if (known !== 0) return known
    const id = this.#locationOf(this.#profile.dictionary.frame(frameNumber))
    this.#ofFrame[frameNumber] = id
    return id
  }

  #locationOf(frame: FrameEntry): number {
    const address = lookUpAddress(frame)
    this.#key[0] = frame.mapping
    this.#key[1] = Number(address & LOW)
    this.#key[2] = Number(address >> 32n)
    this.#key[3] = frame.nameList
    const id = this.#locationKeys.intern(this.#key, 4) + 1
    if (id <= this.locations.length) return id
    const names = this.#profile.dictionary.nameNumbersOf(frame.nameList).map((name) => this.#nameInFile(name))
    this.locations.push(
      new Location({
        id,
        mappingId: this.#useMapping(frame.mapping, address, names),
        address,
        line: names.map((name) => new Line(name)),
      }),
    )
    return id
  }

  #useMapping(number: number, address: bigint, names: readonly NameInFile[]): number {
    const { id, inUse } = this.#mapping(number)
    addAddress(inUse.seen, address)
    inUse.named &&= names.length > 0
    inUse.filed &&= names.every((name) => name.hasFile)
    inUse.lined &&= names.every((name) => name.line > 0)
    inUse.inlined ||= names.length > 1
    return id
  }

  #mapping(number: number): { readonly id: number; readonly inUse: MappingInUse } {
    const known = this.#mappings.get(number)
    if (known !== undefined) return known
    const entry = this.#profile.dictionary.mapping(number)
    const soFar = { named: true, filed: true, lined: true, inlined: false }
    const made = { id: this.#mappings.size + 1, inUse: { entry, seen: noAddresses(), ...soFar } }
    this.#mappings.set(number, made)
    return made
  }

  #nameInFile(number: number): NameInFile {
    const known = this.#ofName[number]
    if (known !== undefined) return known
    const name = this.#profile.dictionary.name(number)
    const made = { functionId: this.#function(name), line: name.line, hasFile: name.file !== '' }
    this.#ofName[number] = made
    return made
  }

  #function(name: NameEntry): number {
    this.#key[0] = this.#strings.dedup(name.function)
    this.#key[1] = this.#strings.dedup(name.systemName)
    this.#key[2] = this.#strings.dedup(name.file)
    const id = this.#functionKeys.intern(this.#key, 3) + 1
    if (id > this.functions.length) {
      const [text = 0, systemName = 0, filename = 0] = this.#key
      this.functions.push(new PprofFunction({ id, name: text, systemName, filename }))
    }
    return id
  }
}
