// A bounded directory where payloads outlive an outage of the far side, a restart and a kill: one file for each.
//
// Nothing is flushed to the disk (fsync): what was written survives the end of this process, however it ends. After a power
// failure the newest files may be empty or torn; they are found damaged and counted.

import { constants } from 'node:fs'
import { type FileHandle, lstat, open, readdir, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory } from '../base/make-directory.ts'
import type { Payload } from '../core/delivery.ts'
import { AgentError, errnoOf, messageOf } from '../core/errors.ts'
import { parseSpoolFile, plausibleFileBytes, spoolHead } from './spool-content.ts'
import {
  isUnfinished,
  parseSpoolName,
  type SpoolName,
  type SpoolState,
  spoolName,
  unfinishedName,
} from './spool-name.ts'

export interface SpoolOptions {
  /** Of one consumer of one process: nobody else writes to it. */
  readonly directory: string
  readonly maxBytes: number
  readonly maxPayloads: number
}

/** What a spool may hold unless somebody says otherwise. Each payload costs a little memory, too. */
export const SPOOL_DEFAULTS = { maxBytes: 256 * 2 ** 20, maxPayloads: 50_000 } as const

/** A payload in the spool. */
export interface SpoolFile extends SpoolName {
  readonly fileBytes: number
}

/** What an earlier run left, in order of arrival. */
export interface SpoolContents {
  readonly files: readonly SpoolFile[]
  /** Were not what their names say, and have been removed. */
  readonly damaged: readonly SpoolFile[]
}

/** What is to be written. */
export interface SpoolEntry {
  readonly sequence: number
  readonly payload: Payload
  readonly state: SpoolState
  readonly created: Date
}

export interface PreparedFile extends SpoolFile {
  readonly parts: readonly Uint8Array[]
}

/** Says something about this process, and nothing about the file. */
const TRANSIENT: readonly (string | undefined)[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EINTR']

/**
 * Keeps the account of what is in it; what has to go when it is full is its owner's to say. Only regular files with names
 * of ours are touched; links are not followed.
 */
export class Spool {
  readonly #options: SpoolOptions
  #bytes = 0
  #payloads = 0

  constructor(options: SpoolOptions) {
    this.#options = options
  }

  get directory(): string {
    return this.#options.directory
  }

  get maxBytes(): number {
    return this.#options.maxBytes
  }

  /** Of all its files. */
  get bytes(): number {
    return this.#bytes
  }

  get isOverfull(): boolean {
    return this.#bytes > this.#options.maxBytes || this.#payloads > this.#options.maxPayloads
  }

  /**
   * Makes the directory where it is missing, and finds what is in it.
   * @throws AgentError `TRANSPORT.NO_SPOOL`
   */
  async open(): Promise<SpoolContents> {
    const { directory } = this
    try {
      await makeDirectory(directory, 0o700)
      return await this.#takeStock()
    } catch (error) {
      const why = `Cannot keep payloads in ${directory}: ${messageOf(error)}.`
      const remedy = 'Make it a directory that the agent may write to, or turn the spool off.'
      throw new AgentError('TRANSPORT.NO_SPOOL', `${why}\n${remedy}`, { cause: error })
    }
  }

  /**
   * Says what its file would be, without writing it.
   * @throws RangeError where the payload's own headers are too long to be kept
   */
  prepare({ sequence, payload, state, created }: SpoolEntry): PreparedFile {
    const { samples, profiles, body } = payload
    const head = spoolHead(payload, created)
    const fileBytes = head.length + body.length
    return { sequence, samples, profiles, bodyBytes: body.length, state, fileBytes, parts: [head, body] }
  }

  /** Whether there is room for it now, or would be if everything else went. */
  roomFor({ fileBytes }: PreparedFile): 'now' | 'later' | 'never' {
    const { maxBytes, maxPayloads } = this.#options
    if (fileBytes > maxBytes || maxPayloads < 1) return 'never'
    return this.#bytes + fileBytes <= maxBytes && this.#payloads < maxPayloads ? 'now' : 'later'
  }

  /** Rejects where it cannot be written; nothing of it is left then. */
  async write({ parts, ...file }: PreparedFile): Promise<SpoolFile> {
    await writeWhole(this.#path(file), parts)
    this.#account(file, 1)
    return file
  }

  /**
   * Undefined where the file is damaged, gone, or not the one that was written.
   * @throws where the process is short of something: it may be read later
   */
  async read(file: SpoolFile): Promise<Payload | undefined> {
    const bytes = await this.#bytesOf(file)
    const payload = bytes && parseSpoolFile(bytes)
    if (payload === undefined) return undefined
    const { samples, profiles, body } = payload
    const isAsNamed = samples === file.samples && profiles === file.profiles && body.length === file.bodyBytes
    return isAsNamed ? payload : undefined
  }

  /** Notes that an attempt to send it begins, or that the far side did not take it. */
  async mark(file: SpoolFile, state: SpoolState): Promise<SpoolFile> {
    const marked = { ...file, state }
    await rename(this.#path(file), this.#path(marked))
    return marked
  }

  /** Rejects where the file is still there. */
  async remove(file: SpoolFile): Promise<void> {
    await unlinkIfThere(this.#path(file))
    this.#account(file, -1)
  }

  #path(file: SpoolName): string {
    return join(this.directory, spoolName(file))
  }

  #account({ fileBytes }: SpoolFile, sign: 1 | -1): void {
    this.#bytes += sign * fileBytes
    this.#payloads += sign
  }

  async #takeStock(): Promise<SpoolContents> {
    const files: SpoolFile[] = []
    const damaged: SpoolFile[] = []
    for (const name of (await readdir(this.directory)).sort()) {
      const file = await this.#found(name)
      if (file === undefined) continue
      const { min, max } = plausibleFileBytes(file.bodyBytes)
      const isPlausible = file.fileBytes >= min && file.fileBytes <= max
      if (!isPlausible) await unlinkIfThere(this.#path(file))
      ;(isPlausible ? files : damaged).push(file)
    }
    for (const file of files) this.#account(file, 1)
    return { files: files.sort((a, b) => a.sequence - b.sequence), damaged }
  }

  async #found(name: string): Promise<SpoolFile | undefined> {
    const parsed = parseSpoolName(name)
    if (parsed === undefined && !isUnfinished(name)) return undefined
    const path = join(this.directory, name)
    const status = await lstat(path)
    if (!status.isFile()) return undefined
    if (parsed !== undefined) return { ...parsed, fileBytes: status.size }
    await unlinkIfThere(path)
    return undefined
  }

  async #bytesOf(file: SpoolFile): Promise<Buffer | undefined> {
    let handle: FileHandle | undefined
    try {
      handle = await open(this.#path(file), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      const status = await handle.stat()
      return status.isFile() && status.size === file.fileBytes ? await handle.readFile() : undefined
    } catch (error) {
      if (TRANSIENT.includes(errnoOf(error))) throw error
      return undefined
    } finally {
      await handle?.close()
    }
  }
}

/** Under another name first: nobody finds half a file under this one. */
async function writeWhole(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const unfinished = unfinishedName(path)
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    const handle = await open(unfinished, flags, 0o600)
    try {
      await handle.chmod(0o600) // whatever the umask is
      for (const part of parts) await handle.writeFile(part)
    } finally {
      await handle.close()
    }
    await rename(unfinished, path)
  } catch (error) {
    await unlink(unfinished).catch(() => undefined)
    throw error
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}
