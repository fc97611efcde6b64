// Files that were finished, and whether they are still there: limits delete the oldest, and so may anybody.

import { existsSync } from 'node:fs'

interface FinishedFile {
  readonly path: string
  readonly bytes: number
}

export interface FileCounts {
  readonly files: number
  readonly bytes: number
}

export class FinishedFiles {
  /** Oldest first. */
  #files: FinishedFile[] = []
  #gone: FileCounts = { files: 0, bytes: 0 }
  #bytes = 0

  note(file: FinishedFile): void {
    this.#bytes += file.bytes
    this.#files.push(file)
  }

  /** Bytes of all that were finished, which of them exist, oldest first, and what no longer does. */
  look(): { readonly bytes: number; readonly files: readonly string[]; readonly gone: FileCounts } {
    const there: FinishedFile[] = []
    let { files, bytes } = this.#gone
    for (const file of this.#files) {
      if (existsSync(file.path)) there.push(file)
      else {
        files++
        bytes += file.bytes
      }
    }
    this.#files = there
    this.#gone = { files, bytes }
    return { bytes: this.#bytes, files: there.map(({ path }) => path), gone: this.#gone }
  }
}
