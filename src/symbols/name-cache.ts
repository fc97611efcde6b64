// Names of addresses across windows, so that a steady window asks for little.

import type { NamedFunction } from './naming.ts'

/** One entry in a Map of numbers, and what it points to, roughly. */
const ENTRY_BYTES = 64
/** A JavaScript object of a few fields and its place in the maps. */
const OBJECT_BYTES = 200

/** What is known of one image. */
export interface ImageNames {
  /** By stated address; null where no function covers it. */
  readonly byAddress: Map<bigint, NamedAddress | null>
  bytes: number
}

export interface NamedAddress {
  readonly named: NamedFunction
  /** Bytes from the function's start. */
  readonly offset: number
}

/**
 * Names by image and address, bounded by bytes (an estimate); the image that was used longest ago goes first. An image goes by
 * the identity of what its names come from: a build id can be forged, and an inode number can be another file's later.
 */
export class NameCache {
  readonly #maxBytes: number
  /** In order of use, the oldest first. */
  readonly #images = new Map<string, ImageNames>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** What is known of an image; from here on it counts as used. */
  of(image: string): ImageNames {
    const names = this.#images.get(image) ?? { byAddress: new Map<bigint, NamedAddress | null>(), bytes: 0 }
    this.#images.delete(image)
    this.#images.set(image, names)
    return names
  }

  /** Says that `entries` addresses and `functions` were added to an image that `of` returned. */
  grew(names: ImageNames, entries: number, functions: readonly NamedFunction[]): void {
    const added = functions.reduce((sum, named) => sum + bytesOf(named), entries * ENTRY_BYTES)
    names.bytes += added
    this.#bytes += added
    for (const [image, { bytes }] of this.#images) {
      if (this.#bytes <= this.#maxBytes) return
      this.#images.delete(image)
      this.#bytes -= bytes
    }
  }

  get bytes(): number {
    return this.#bytes
  }
}

const bytesOf = ({ function: name, systemName }: NamedFunction): number =>
  OBJECT_BYTES + name.length + (systemName === name ? 0 : systemName.length)
