// Files of servers on disk, as gdb and elfutils lay them out: DIR/.build-id/ab/cdef….debug, and the executable without the end.

import { readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { makeDirectory } from '../../base/make-directory.ts'

const FOLDER = '.build-id'
/** What servers have of a build id, in the words of their URLs. */
export type Artifact = 'debuginfo' | 'executable'

/** What is wanted of which build. */
export interface ArtifactOf {
  readonly buildId: string
  readonly artifact: Artifact
}

const FILE: Readonly<Record<Artifact, string>> = { debuginfo: '.debug', executable: '' }
/** An empty file: the servers were asked and have none. */
const MISSING = '.missing'
/** Being received; one that a crash left is deleted when the directory is next opened. */
const PART = '.part'
/** What notes of executables have before their end. */
const NOTE_OF: Readonly<Record<Artifact, string>> = { debuginfo: '', executable: '.executable' }

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
    for (const { path } of await this.#files(endingIn(PART))) await rm(path, { force: true })
    await this.#trim()
  }

  async state(of: ArtifactOf): Promise<'present' | 'missing' | 'unknown'> {
    if ((await modified(this.#file(of))) !== undefined) return 'present'
    const asked = await modified(this.#note(of, MISSING))
    return asked !== undefined && this.#now() - asked < this.#options.missingMs ? 'missing' : 'unknown'
  }

  /** Says that a file is of use, so that others go before it. */
  async touch(of: ArtifactOf): Promise<void> {
    const now = new Date(this.#now())
    await utimes(this.#file(of), now, now).catch(ignoreAbsence)
  }

  /** Where a file may be received; `keep` or `discard` follows. */
  async receivePath(of: ArtifactOf): Promise<string> {
    await makeDirectory(join(this.directory, FOLDER, of.buildId.slice(0, 2)), 0o700)
    return this.#note(of, PART)
  }

  /** Puts what was received in its place, whole, and lets others go for it. */
  async keep(of: ArtifactOf): Promise<void> {
    await rename(this.#note(of, PART), this.#file(of))
    await rm(this.#note(of, MISSING), { force: true })
    await this.touch(of)
    await this.#trim()
  }

  async discard(of: ArtifactOf): Promise<void> {
    await rm(this.#note(of, PART), { force: true })
  }

  async keepMissing(of: ArtifactOf): Promise<void> {
    await this.receivePath(of)
    const path = this.#note(of, MISSING)
    await writeFile(path, '')
    const now = new Date(this.#now())
    await utimes(path, now, now)
  }

  #file({ buildId, artifact }: ArtifactOf): string {
    return this.#path(buildId, FILE[artifact])
  }

  #note({ buildId, artifact }: ArtifactOf, end: string): string {
    return this.#path(buildId, NOTE_OF[artifact] + end)
  }

  #path(buildId: string, suffix: string): string {
    return join(this.directory, FOLDER, buildId.slice(0, 2), `${buildId.slice(2)}${suffix}`)
  }

  async #trim(): Promise<void> {
    const files = (await this.#files(isArtifact)).sort((one, two) => one.modified - two.modified)
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0)
    for (const { path, bytes } of files) {
      if (total <= this.#options.maxBytes) break
      await rm(path, { force: true })
      total -= bytes
    }
    for (const { path, modified: asked } of await this.#files(endingIn(MISSING))) {
      if (this.#now() - asked >= this.#options.missingMs) await rm(path, { force: true })
    }
  }

  async #files(wanted: (name: string) => boolean): Promise<StoredFile[]> {
    const names = await readdir(join(this.directory, FOLDER), { recursive: true })
    const files: StoredFile[] = []
    for (const name of names.filter((one) => wanted(basename(one)))) {
      const path = join(this.directory, FOLDER, name)
      const status = await stat(path).catch(ignoreAbsence)
      if (status?.isFile()) files.push({ path, bytes: status.size, modified: status.mtimeMs })
    }
    return files
  }
}

const endingIn =
  (end: string) =>
  (name: string): boolean =>
    name.endsWith(end)

const isArtifact = (name: string): boolean => name.endsWith(FILE.debuginfo) || !name.includes('.')

const modified = async (path: string): Promise<number | undefined> =>
  (await stat(path).catch(ignoreAbsence))?.mtimeMs

function ignoreAbsence(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}
