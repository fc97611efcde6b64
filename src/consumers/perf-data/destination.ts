// Where recordings go: one after another into a directory that keeps itself within limits, or into one named file.

import { rename, rm, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { directoryModeFor, makeDirectory } from '../../base/make-directory.ts'
import type { RetentionLimits } from '../../base/retention.ts'
import { StampedDirectory } from '../../base/stamped-directory.ts'
import { perfStamp, utcStamp } from '../../base/stamped-name.ts'
import type { ConsumerContext } from '../../core/consumer-context.ts'
import { AgentError, messageOf } from '../../core/errors.ts'
import { adopt } from './adoption.ts'
import { discardLeftBehind, exists, PACKED, PART, PartFile } from './part-file.ts'
import type { Recording } from './recording.ts'

/** What is sampled goes on into another file, or its source is over. */
export type FinishedBy = 'rotation' | 'end'

/** Which files of a given name get their time behind it. */
export const STAMPED = ['rotated', 'always'] as const

export interface Destination {
  /** Whether a second recording finds a place beside the first. */
  readonly rotates: boolean
  /** At the start: makes the place ready, finishes what a killed process left behind. */
  prepare(): Promise<void>
  /** `begin`: the start of the recording's first window. */
  create(begin: Date): Promise<PartFile>
  /** Gives the recording its final name and returns it. */
  finish(recording: Recording, by: FinishedBy): Promise<string>
  /** Nothing was sampled: what an earlier recording left under the name must not pass for this one's. */
  setAside(): Promise<void>
  /** Keeps the limits; `bytesBeingWritten` count too. */
  upkeep(bytesBeingWritten: number): Promise<void>
  /** Gives up something old for something new; false when there is nothing left to give up. */
  makeRoom(): Promise<boolean>
}

type Context = Pick<ConsumerContext, 'tryLock' | 'log'>

const EXTENSION = '.data'
/** More files than this within one second is a fault, not a name to search for. */
const MAX_NAMES_PER_SECOND = 100_000

export interface RotatingOptions extends RetentionLimits {
  readonly directory: string
  readonly mode: number
}

/** `perf-YYYYMMDD-HHMMSS.data` by their begin, one after another. Several agents may share the directory. */
export class RotatingDirectory implements Destination {
  readonly rotates = true
  readonly #options: RotatingOptions
  readonly #context: Context
  readonly #files: StampedDirectory
  /** A name whose file retention has deleted is not given again: it would tell two files apart no more. */
  #newest = { stamp: '', sequence: 0 }

  constructor(options: RotatingOptions, context: Context) {
    this.#options = options
    this.#context = context
    this.#files = new StampedDirectory({
      path: options.directory,
      prefix: 'perf',
      isFinished: (extension) => extension === EXTENSION,
    })
  }

  async prepare(): Promise<void> {
    await this.#makeDirectory()
    for (const { name, extension } of await this.#files.entries()) {
      if (extension === EXTENSION + PACKED + PART)
        await discardLeftBehind(`${this.#files.path}/${name.slice(0, -PART.length)}`, this.#context.tryLock)
      if (extension === EXTENSION + PART)
        await this.#adopt(`${this.#files.path}/${name.slice(0, -PART.length)}`)
    }
    await this.upkeep(0)
  }

  async #makeDirectory(): Promise<void> {
    const { directory, mode } = this.#options
    try {
      await makeDirectory(directory, directoryModeFor(mode))
    } catch (error) {
      const message = `Cannot make the directory ${directory} for perf.data files: ${messageOf(error)}. Choose another one (directory).`
      throw new AgentError('PERF_DATA.NO_DIRECTORY', message, { cause: error })
    }
  }

  /** One that cannot be read is no reason not to start. */
  async #adopt(target: string): Promise<void> {
    const { log, tryLock } = this.#context
    try {
      const adoption = await adopt(target, tryLock, () => this.#freeNameLike(target))
      if (adoption === 'finished')
        log('info', 'Finished a file that a killed process left behind', { file: target })
      if (adoption === 'foreign')
        log('warn', 'Left alone a .part file that is no perf.data of ours', { file: target + PART })
    } catch (error) {
      log('warn', 'Cannot finish a file that a killed process left behind', {
        file: target + PART,
        error: messageOf(error),
      })
    }
  }

  /** `target`, unless somebody has put a file there meanwhile. */
  async #freeNameLike(target: string): Promise<string> {
    const stem = target.slice(0, -EXTENSION.length)
    for (let sequence = 1; await exists(target); sequence++) {
      target = `${stem}-${sequence}${EXTENSION}`
    }
    return target
  }

  async create(begin: Date): Promise<PartFile> {
    const { mode } = this.#options
    await this.#makeDirectory()
    const stamp = utcStamp(begin)
    const first = this.#newest.stamp === stamp ? this.#newest.sequence + 1 : 0
    for (let sequence = first; sequence < MAX_NAMES_PER_SECOND; sequence++) {
      const target = this.#files.pathFor(begin, sequence, EXTENSION)
      if (await exists(target)) continue
      const part = await PartFile.create(target, mode, this.#context.tryLock)
      if (part === undefined) continue
      // While the .part is ours nobody else takes the name, so what is looked for now cannot appear later.
      if (!(await exists(target))) {
        this.#newest = { stamp, sequence }
        return part
      }
      await part.discard()
    }
    throw new AgentError(
      'PERF_DATA.NO_NAME',
      `Cannot find a free name for a perf.data file in ${this.#files.path}: every one of this second is taken.`,
    )
  }

  async finish(recording: Recording): Promise<string> {
    await recording.finish()
    await this.#files.noteFinished(basename(recording.path))
    return recording.path
  }

  async setAside(): Promise<void> {
    // Names tell recordings apart.
  }

  async upkeep(bytesBeingWritten: number): Promise<void> {
    const deleted = await this.#files.enforce(this.#options, bytesBeingWritten)
    for (const file of deleted)
      this.#context.log('info', 'Deleted the oldest file to stay within limits', { file })
  }

  /** The newest finished file stays, whatever happens to the disk. */
  async makeRoom(): Promise<boolean> {
    const deleted = await this.#files.deleteOldest({ keep: 1 })
    if (deleted === undefined) return false
    this.#context.log('warn', 'The disk is full: deleted the oldest file to go on', { file: deleted })
    return true
  }
}

export interface NamedFileOptions {
  readonly path: string
  readonly mode: number
  readonly stamped: (typeof STAMPED)[number]
  /** Of those with a stamp; 0: no limit. */
  readonly maxFiles: number
}

/**
 * One file, as `-o` names it. An existing one becomes `<file>.old` when the new one is finished, as perf does, or nothing was
 * sampled. Of several files all but the last, or all, have their time behind the name.
 */
export class NamedFile implements Destination {
  readonly rotates: boolean
  readonly #path: string
  readonly #options: NamedFileOptions
  readonly #context: Context
  /** With a stamp, oldest first. */
  #stamped: readonly string[] = []

  constructor(options: NamedFileOptions, context: Context) {
    this.rotates = options.stamped === 'always'
    this.#path = options.path
    this.#options = options
    this.#context = context
  }

  /** Fails early: an hour of recording is a bad time to learn that the path is wrong. */
  async prepare(): Promise<void> {
    const directory = await stat(dirname(this.#path)).catch(() => undefined)
    if (directory === undefined || !directory.isDirectory()) {
      throw new AgentError(
        'PERF_DATA.NO_DIRECTORY',
        `Cannot write ${this.#path}: there is no directory ${dirname(this.#path)}. Make it, or choose another path.`,
      )
    }
    const existing = await stat(this.#path).catch(() => undefined)
    if (existing !== undefined && !existing.isFile()) {
      throw new AgentError(
        'PERF_DATA.NOT_A_FILE',
        `Cannot write perf.data to ${this.#path}: it is not a regular file. Choose another path.`,
      )
    }
    await discardLeftBehind(this.#path + PACKED, this.#context.tryLock)
  }

  async create(): Promise<PartFile> {
    const { tryLock } = this.#context
    const { mode } = this.#options
    const made = await PartFile.create(this.#path, mode, tryLock)
    if (made !== undefined) return made
    const adoption = await adopt(this.#path, tryLock, async () => `${this.#path}.old`)
    const again = adoption === 'busy' ? undefined : await PartFile.create(this.#path, mode, tryLock)
    if (again !== undefined) return again
    throw new AgentError(
      'PERF_DATA.BUSY',
      `Cannot write ${this.#path}: ${this.#path}${PART} is in the way (${adoption === 'busy' ? 'another process writes it' : 'it is no perf.data'}). Choose another path, or remove it.`,
    )
  }

  async finish(recording: Recording, by: FinishedBy): Promise<string> {
    if (by === 'rotation' || this.rotates) return this.#finishStamped(recording)
    await this.#moveAside()
    await recording.finish()
    return this.#path
  }

  async #finishStamped(recording: Recording): Promise<string> {
    const stem = `${this.#path}.${perfStamp(new Date())}`
    let path = stem
    for (let number = 1; await exists(path); number++) path = `${stem}-${number}`
    await recording.finish(path)
    this.#stamped = [...this.#stamped, path]
    return path
  }

  async setAside(): Promise<void> {
    if (!this.rotates) await this.#moveAside()
  }

  async #moveAside(): Promise<void> {
    if (await exists(this.#path)) await rename(this.#path, `${this.#path}.old`)
  }

  /** Only its own are deleted. */
  async upkeep(): Promise<void> {
    const { maxFiles } = this.#options
    if (maxFiles === 0) return
    const surplus = this.#stamped.slice(0, -maxFiles)
    this.#stamped = this.#stamped.slice(-maxFiles)
    for (const file of surplus) {
      await rm(file, { force: true })
      this.#context.log('info', 'Deleted the oldest file to stay within limits', { file })
    }
  }

  async makeRoom(): Promise<boolean> {
    return false
  }
}
