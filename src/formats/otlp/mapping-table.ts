import type { Writer } from 'protobufjs/minimal.js'
import type { Dictionary, FrameEntry, MappingEntry } from '../profile/dictionary.ts'
import { NO_NAME_LIST } from '../profile/dictionary.ts'
import {
  type AddressRange,
  addAddress,
  extentOf,
  lookUpAddress,
  noAddresses,
} from '../profile/mapping-extent.ts'
import { DICTIONARY, MAPPING, writeMessage, writePacked, writeUint, writeWide } from './fields.ts'
import type { SharedTables } from './stack-tables.ts'

/** Where a location lies. Mapping 0: in no file. */
export interface LocationPlace {
  readonly mapping: number
  readonly address: bigint
}

interface MappingRow {
  readonly start: bigint
  readonly limit: bigint
  readonly fileOffset: bigint
  readonly filename: number
  readonly attributes: readonly number[]
}

/**
 * Mappings of files and of the kernel. A mapping must have a build id (semantic conventions); memory that no file is behind
 * has none, so its locations have no mapping.
 */
export class MappingTable {
  readonly #dictionary: Dictionary
  readonly #shared: SharedTables
  readonly #seen = new Map<number, AddressRange>()
  readonly #ofMapping = new Map<number, number>()
  readonly #indices = new Map<string, number>()
  readonly #rows: MappingRow[] = []

  constructor(dictionary: Dictionary, shared: SharedTables) {
    this.#dictionary = dictionary
    this.#shared = shared
  }

  /** A frame that will be placed. All of them are to be seen before one is. */
  see(frame: FrameEntry): void {
    const range = this.#seen.get(frame.mapping) ?? noAddresses()
    addAddress(range, lookUpAddress(frame))
    this.#seen.set(frame.mapping, range)
  }

  placeOf(frame: FrameEntry): LocationPlace {
    const mapping = this.#index(frame.mapping)
    if (mapping !== 0) return { mapping, address: lookUpAddress(frame) }
    // An address in anonymous memory says nothing to anybody else; where there is a name it would only tell equal ones apart.
    return { mapping, address: frame.nameList === NO_NAME_LIST ? lookUpAddress(frame) : 0n }
  }

  write(dictionary: Writer): void {
    writeMessage(dictionary, DICTIONARY.mappings, () => undefined)
    for (const { start, limit, fileOffset, filename, attributes } of this.#rows) {
      writeMessage(dictionary, DICTIONARY.mappings, (row) => {
        writeWide(row, MAPPING.start, start)
        writeWide(row, MAPPING.limit, limit)
        writeWide(row, MAPPING.fileOffset, fileOffset)
        writeUint(row, MAPPING.filename, filename)
        writePacked(row, MAPPING.attributes, attributes)
      })
    }
  }

  #index(number: number): number {
    const known = this.#ofMapping.get(number)
    if (known !== undefined) return known
    const entry = this.#dictionary.mapping(number)
    const index = isPlaced(entry) ? this.#intern(entry, this.#seen.get(number) ?? noAddresses()) : 0
    this.#ofMapping.set(number, index)
    return index
  }

  /** What the dictionary tells apart (devices, inodes) may look the same here. */
  #intern(entry: MappingEntry, seen: AddressRange): number {
    const { attributes, strings } = this.#shared
    const row = {
      ...extentOf(entry, seen),
      fileOffset: entry.fileOffset,
      filename: strings.index(entry.path),
      attributes: [
        attributes.text('process.executable.build_id.gnu', entry.buildId),
        attributes.text('process.executable.build_id.go', entry.goBuildId),
        attributes.text('process.executable.build_id.htlhash', entry.contentHash),
      ].filter((attribute) => attribute !== undefined),
    }
    const key = [row.start, row.limit, row.fileOffset, row.filename, ...row.attributes].join()
    const known = this.#indices.get(key)
    if (known !== undefined) return known
    const index = this.#rows.push(row)
    this.#indices.set(key, index)
    return index
  }
}

/** Whether code lies in something that others have, too. */
function isPlaced({ kind, imageKind }: MappingEntry): boolean {
  switch (kind) {
    case 'native':
      return imageKind === 'file' || imageKind === 'vdso'
    case 'kernel':
      return true
    case 'interpreted':
    case 'reason':
      return false
  }
}
