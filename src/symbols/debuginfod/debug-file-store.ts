// Debug files on disk, as gdb and elfutils lay them out: DIR/.build-id/ab/cdef….debug.

import { readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory } from '../../base/make-directory.ts'

const FOLDER = '.build-id'
const FILE = '.debug'
/** An empty file: the servers were asked and have none. */
const MISSING = '.missing'
/** Being received; one that a crash left is deleted when the directory is next opened. */
const PART = '.part'

export interface DebugFileStoreOptions {
  readonly directory: string
  readonly maxBytes: number
  /** How long a server's "not found" is believed. */
  readonly missingMs: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

interface StoredFile {
  readonly path: string
  readonly bytes: number
  readonly modified: number
}

/** Whether it is one: what comes from a process's file becomes part of a path and of a URL. */
export const isBuildId = (text: string): boolean => /^(?:[0-9a-f]{2}){4,64}$/.test(text)

/** Bounded by bytes; what was used longest ago goes first. One process at a time writes to it. */
export class DebugFileStore {
  readonly #options: DebugFileStoreOptions
  readonly #now: () => number

  constructor(options: DebugFileStoreOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  get directory(): string {
    return this.#options.directory
  }

  async open(): Promise<void> {
    await makeDirectory(join(this.directory, FOLDER), 0o700)
    for (const { path } of await this.#files(PART)) await rm(path, { force: true })
    await this.#trim()
  }

  async state(buildId: string): Promise<'present' | 'missing' | 'unknown'> {
    if ((await modified(this.#path(buildId, FILE))) !== undefined) return 'present'
    const asked = await modified(this.#path(buildId, MISSING))
    return asked !== undefined && this.#now() - asked < this.#options.missingMs ? 'missing' : 'unknown'
  }

  /** Says that a file is of use, so that others go before it. */
  async touch(buildId: string): Promise<void> {
    const now = new Date(this.#now())
    await utimes(this.#path(buildId, FILE), now, now).catch(ignoreAbsence)
  }

  /** Where a file may be received; `keep` or `discard` follows. */
  async receivePath(buildId: string): Promise<string> {
    await makeDirectory(join(this.directory, FOLDER, buildId.slice(0, 2)), 0o700)
    return this.#path(buildId, PART)
  }

  /** Puts what was received in its place, whole, and lets others go for it. */
  async keep(buildId: string): Promise<void> {
    await rename(this.#path(buildId, PART), this.#path(buildId, FILE))
    await rm(this.#path(buildId, MISSING), { force: true })
    await this.touch(buildId)
    await this.#trim()
  }

  async discard(buildId: string): Promise<void> {
    await rm(this.#path(buildId, PART), { force: true })
  }

  async keepMissing(buildId: string): Promise<void> {
    await this.receivePath(buildId)
    const path = this.#path(buildId, MISSING)
    await writeFile(path, '')
    const now = new Date(this.#now())
    await utimes(path, now, now)
  }

  #path(buildId: string, suffix: string): string {
    return join(this.directory, FOLDER, buildId.slice(0, 2), `${buildId.slice(2)}${suffix}`)
  }

  async #trim(): Promise<void> {
    const files = (await this.#files(FILE)).sort((one, two) => one.modified - two.modified)
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0)
    for (const { path, bytes } of files) {
      if (total <= this.#options.maxBytes) break
      await rm(path, { force: true })
      total -= bytes
    }
    for (const { path, modified: asked } of await this.#files(MISSING)) {
      if (this.#now() - asked >= this.#options.missingMs) await rm(path, { force: true })
    }
  }

  async #files(suffix: string): Promise<StoredFile[]> {
    const names = await readdir(join(this.directory, FOLDER), { recursive: true })
    const files: StoredFile[] = []
    for (const name of names.filter((one) => one.endsWith(suffix))) {
      const path = join(this.directory, FOLDER, name)
      const status = await stat(path).catch(ignoreAbsence)
      if (status) files.push({ path, bytes: status.size, modified: status.mtimeMs })
    }
    return files
  }
}

const modified = async (path: string): Promise<number | undefined> =>
  (await stat(path).catch(ignoreAbsence))?.mtimeMs

function ignoreAbsence(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}
