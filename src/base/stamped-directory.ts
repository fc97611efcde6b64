// A directory of files named by `stampedName`, and its upkeep. Whatever else lies in it is never touched.

import { readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type KeptFile, type RetentionLimits, surplus } from './retention.ts'
import { compareStamps, parseStampedName, type StampedName, stampedName, utcStamp } from './stamped-name.ts'

export interface StampedFile extends KeptFile, StampedName {
  readonly name: string
}

export interface StampedDirectoryOptions {
  readonly path: string
  /** Of the names of its files, without the dash. */
  readonly prefix: string
  /** Tells extensions of finished files from those of unfinished ones. */
  readonly isFinished: (extension: string) => boolean
}

/** Sequence of this process's own files whose stamp is older than that of a file finished before them. */
const AFTER_ALL_OF_A_SECOND = 1_000_000_000

/**
 * Finished files are ordered by the stamps in their names. The wall clock may step back: files of this process then
 * still count as newer than those finished before them, or retention would delete the newest first.
 */
export class StampedDirectory {
  readonly path: string
  readonly #prefix: string
  readonly #isFinished: (extension: string) => boolean
  readonly #ranks = new Map<string, StampedName>()
  #newest: StampedName | undefined

  constructor({ path, prefix, isFinished }: StampedDirectoryOptions) {
    this.path = path
    this.#prefix = prefix
    this.#isFinished = isFinished
  }

  /** The path of a file begun at `time`; `sequence` counts the attempts at a free name. */
  pathFor(time: Date, sequence: number, extension: string): string {
    return join(this.path, stampedName(this.#prefix, { stamp: utcStamp(time), sequence, extension }))
  }

  /** Everything that bears one of our names, finished or not, in the order of names. */
  async entries(): Promise<(StampedName & { readonly name: string })[]> {
    const names = await readdir(this.path)
    return names
      .flatMap((name) => {
        const parsed = parseStampedName(this.#prefix, name)
        return parsed === undefined ? [] : [{ ...parsed, name }]
      })
      .sort(compareStamps)
  }

  /** Finished files, oldest first. */
  async finished(): Promise<StampedFile[]> {
    const entries = (await this.entries()).filter(({ extension }) => this.#isFinished(extension))
    const files = await Promise.all(entries.map((entry) => this.#measured(entry)))
    return files
      .filter((file) => file !== undefined)
      .sort((a, b) => compareStamps(this.#rank(a), this.#rank(b)))
  }

  async #measured(entry: StampedName & { readonly name: string }): Promise<StampedFile | undefined> {
    const path = join(this.path, entry.name)
    try {
      const { size } = await stat(path)
      return { ...entry, path, bytes: size }
    } catch {
      return undefined // Somebody else deleted it meanwhile.
    }
  }

  #rank(file: StampedFile): StampedName {
    return this.#ranks.get(file.name) ?? file
  }

  /** Call it after a file of this process has got its final name. */
  async noteFinished(name: string): Promise<void> {
    const parsed = parseStampedName(this.#prefix, name)
    if (parsed === undefined) return
    const older = (await this.finished()).filter((file) => file.name !== name).at(-1)
    const newest = this.#newest ?? (older && this.#rank(older))
    const rank = newest !== undefined && compareStamps(newest, parsed) > 0 ? after(newest) : parsed
    this.#ranks.set(name, rank)
    this.#newest = rank
  }

  /** Deletes the oldest finished files beyond `limits`; returns their paths. */
  async enforce(limits: RetentionLimits, bytesBeingWritten = 0): Promise<string[]> {
    const deleted: string[] = []
    for (const { path, name } of surplus(await this.finished(), limits, bytesBeingWritten)) {
      if (await this.#delete(path, name)) deleted.push(path)
    }
    return deleted
  }

  /** Deletes the oldest finished file unless only `keep` are left. */
  async deleteOldest({ keep }: { readonly keep: number }): Promise<string | undefined> {
    const files = await this.finished()
    const [oldest] = files
    if (oldest === undefined || files.length <= keep) return undefined
    return (await this.#delete(oldest.path, oldest.name)) ? oldest.path : undefined
  }

  async #delete(path: string, name: string): Promise<boolean> {
    this.#ranks.delete(name)
    try {
      await unlink(path)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw error
    }
  }
}

const after = ({ stamp, sequence, extension }: StampedName): StampedName => ({
  stamp,
  sequence: sequence >= AFTER_ALL_OF_A_SECOND ? sequence + 1 : AFTER_ALL_OF_A_SECOND,
  extension,
})
