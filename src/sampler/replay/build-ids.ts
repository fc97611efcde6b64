// Build ids that a recording tells of paths rather than of mappings: perf looks them up when it ends.

import type { Image } from '../../core/process.ts'
import type { BuildIdEntry } from '../../formats/perf-data/features.ts'

/**
 * Joins the table to what was mapped. A path of two files (one that was replaced meanwhile, or of two containers) does not
 * tell which of them has the id: such a path has none, from where the second one is met.
 */
export class RecordedBuildIds {
  /** null: entries of one path that disagree. */
  readonly #byPath = new Map<string, string | null>()
  /** Device and inode of the file that was first seen under a path. */
  readonly #files = new Map<string, string>()

  constructor(entries: readonly BuildIdEntry[]) {
    for (const { path, buildId } of entries) {
      const known = this.#byPath.get(path)
      this.#byPath.set(path, known === undefined || known === buildId ? buildId : null)
    }
  }

  /** '' where none is known for certain. */
  of({ path, device, inode }: Pick<Image, 'path' | 'device' | 'inode'>): string {
    const buildId = this.#byPath.get(path) ?? ''
    if (buildId === '') return ''
    const file = `${device}/${inode}`
    const first = this.#files.get(path) ?? file
    this.#files.set(path, first)
    if (first !== file) this.#byPath.set(path, null)
    return first === file ? buildId : ''
  }
}
