// Where profiles go: a directory that keeps itself within limits, or files of given names.

import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { directoryModeFor, makeDirectory } from '../../base/make-directory.ts'
import type { RetentionLimits } from '../../base/retention.ts'
import { StampedDirectory } from '../../base/stamped-directory.ts'
import { perfStamp, utcStamp } from '../../base/stamped-name.ts'
import type { ConsumerContext } from '../../core/consumer-context.ts'
import type { ProfileFormat } from '../../core/encoder.ts'
import { AgentError, errnoOf, messageOf } from '../../core/errors.ts'
import { endingOf, PROFILE_ENDINGS, withLabel } from '../../formats/profile/file-names.ts'
import type { Collection, Part } from './collection.ts'
import { becomeOld, PART, removeAbandoned } from './whole-file.ts'

export interface PlannedFile {
  readonly path: string
  readonly part: Part
}

/** Another profile follows, or none. */
export type WrittenBy = 'rotation' | 'end'

export interface Place {
  /** Whether a file that is there already becomes `<name>.old`; otherwise names are chosen free. */
  readonly keepsOld: boolean
  /** At the start: makes the place ready, or says why it cannot be. */
  prepare(): Promise<void>
  plan(collection: Collection, by: WrittenBy): Promise<readonly PlannedFile[]>
  /** Repeats `write` as long as the disk is full and something old can be given up for it. */
  withRoom<Result>(write: () => Promise<Result>): Promise<Result>
  noteWritten(path: string): Promise<void>
  /** Nothing was sampled: what an earlier recording left under the name must not pass for this one's. */
  setAside(): Promise<void>
}

export interface ProfileDirectoryOptions extends RetentionLimits {
  readonly directory: string
  readonly formats: readonly ProfileFormat[]
  readonly mode: number
}

type Context = Pick<ConsumerContext, 'tryLock' | 'log'>

const isProfile = (extension: string): boolean =>
  PROFILE_ENDINGS.some(([ending]) => extension.endsWith(ending))

/** `profile-YYYYMMDD-HHMMSS.<configuration>.<event>.<ext>`, for the time at which the profile begins; without a configuration where there is none. */
export class ProfileDirectory implements Place {
  readonly keepsOld = false
  readonly #options: ProfileDirectoryOptions
  readonly #context: Context
  readonly #files: StampedDirectory

  constructor(options: ProfileDirectoryOptions, context: Context) {
    this.#options = options
    this.#context = context
    this.#files = new StampedDirectory({ path: options.directory, prefix: 'profile', isFinished: isProfile })
  }

  async prepare(): Promise<void> {
    await this.#makeDirectory()
    for (const { name, extension } of await this.#files.entries()) {
      if (extension.endsWith(PART) && isProfile(extension.slice(0, -PART.length)))
        await this.#removeAbandoned(name)
    }
    await this.#keepLimits()
  }

  async #makeDirectory(): Promise<void> {
    const { directory, mode } = this.#options
    try {
      await makeDirectory(directory, directoryModeFor(mode))
    } catch (error) {
      const message = `Cannot make the directory ${directory} for profiles: ${messageOf(error)}. Choose another one (directory).`
      throw new AgentError('FILES.NO_DIRECTORY', message, { cause: error })
    }
  }

  /** Half a profile is of no use. */
  async #removeAbandoned(name: string): Promise<void> {
    const file = join(this.#files.path, name)
    try {
      await removeAbandoned(file, this.#context.tryLock)
    } catch (error) {
      const fields = { file, error: messageOf(error) }
      this.#context.log('warn', 'Cannot remove what a killed process left behind', fields)
    }
  }

  async plan(collection: Collection): Promise<readonly PlannedFile[]> {
    await this.#makeDirectory()
    const sequence = await this.#freeSequence(collection.begin)
    const pathOf = ({ format, label }: Part): string => {
      const extension = (label === undefined ? '' : `.${label}`) + endingOf(format)
      return this.#files.pathFor(collection.begin, sequence, extension)
    }
    const parts = this.#options.formats.flatMap((format) => collection.partsOf(format))
    return parts.map((part) => ({ path: pathOf(part), part }))
  }

  /** All files of one profile bear one stamp and one number. */
  async #freeSequence(begin: Date): Promise<number> {
    const stamp = utcStamp(begin)
    const taken = new Set(
      (await this.#files.entries()).filter((entry) => entry.stamp === stamp).map((entry) => entry.sequence),
    )
    let sequence = 0
    while (taken.has(sequence)) sequence++
    return sequence
  }

  async withRoom<Result>(write: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await write()
      } catch (error) {
        const isFull = ['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '')
        const deleted = isFull ? await this.#files.deleteOldest({ keep: 1 }) : undefined
        if (deleted === undefined) throw error
        this.#context.log('warn', 'The disk is full: deleted the oldest profile to go on', { file: deleted })
      }
    }
  }

  async noteWritten(path: string): Promise<void> {
    await this.#files.noteFinished(basename(path))
    await this.#keepLimits()
  }

  async setAside(): Promise<void> {
    // Names tell profiles apart.
  }

  async #keepLimits(): Promise<void> {
    try {
      const deleted = await this.#files.enforce(this.#options)
      for (const file of deleted)
        this.#context.log('info', 'Deleted the oldest profile to stay within limits', { file })
    } catch (error) {
      this.#context.log('warn', 'Cannot delete old profiles', { error: messageOf(error) })
    }
  }
}

export interface NamedFile {
  readonly path: string
  readonly format: ProfileFormat
}

/** Files as `-o` names them; all but the last profile of a recording have their time before the ending. With several sessions, where a format holds one, its configuration and event are put before the ending. */
export class NamedFiles implements Place {
  readonly keepsOld = true
  readonly #files: readonly NamedFile[]

  constructor(files: readonly NamedFile[]) {
    this.#files = files
  }

  /** Fails early: an hour of recording is a bad time to learn that the path is wrong. */
  async prepare(): Promise<void> {
    for (const { path } of this.#files) {
      const directory = await stat(dirname(path)).catch(() => undefined)
      if (directory === undefined || !directory.isDirectory()) {
        const message = `Cannot write ${path}: there is no directory ${dirname(path)}. Make it, or choose another path.`
        throw new AgentError('FILES.NO_DIRECTORY', message)
      }
      const existing = await stat(path).catch(() => undefined)
      if (existing !== undefined && !existing.isFile()) {
        throw new AgentError(
          'FILES.NOT_A_FILE',
          `Cannot write ${path}: it is not a regular file. Choose another path.`,
        )
      }
    }
  }

  async plan(collection: Collection, by: WrittenBy): Promise<readonly PlannedFile[]> {
    const stamp = perfStamp(new Date())
    return this.#files.flatMap(({ path: named, format }) => {
      const path = by === 'rotation' ? withLabel(named, stamp) : named
      const parts = collection.partsOf(format)
      return parts.map((part) => ({
        path: part.label === undefined || parts.length === 1 ? path : withLabel(path, part.label),
        part,
      }))
    })
  }

  withRoom<Result>(write: () => Promise<Result>): Promise<Result> {
    return write()
  }

  async noteWritten(): Promise<void> {
    // One file has no others to make way for.
  }

  async setAside(): Promise<void> {
    for (const { path } of this.#files) await becomeOld(path)
  }
}
