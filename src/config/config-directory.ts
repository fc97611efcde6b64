// A directory of configuration, usually a mounted ConfigMap: what it asks for now, and whenever that changes.

import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../base/clock.ts'
import type { LogLevel } from '../core/consumer-context.ts'
import { messageOf } from '../core/errors.ts'
import type { ConfigDocument } from './config-document.ts'
import { readConfigMounts } from './config-mounts.ts'
import { type ConfigState, NOTHING_HELD, nextExpiry, nextState } from './config-state.ts'
import { type DirectoryScan, scanDirectory } from './directory-scan.ts'
import { DirectoryWatch, type OpenWatcher, openChokidar } from './directory-watch.ts'
import { newsOf } from './wanted-news.ts'
import { type Surroundings, wantedOf } from './wanted-of.ts'
import type { WantedState } from './wanted-state.ts'

export interface ConfigDirectoryOptions {
  /** It need not exist yet. */
  readonly directory: string
  /** The documents of a file's text. Never throws. */
  readonly read: (text: string, file: string) => readonly ConfigDocument[]
  readonly clock: Clock
  readonly log?: (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void
  readonly openWatcher?: OpenWatcher
}

/** Whoever writes files is done with it when nothing has happened for so long. */
const QUIET_MS = 100
/** Nobody writes for longer: then it is read whatever happens. */
const BUSY_MS = 1_000
/** New watches in a row, while a directory comes and goes. */
const WATCHES = 5

export class ConfigDirectory {
  readonly #options: ConfigDirectoryOptions
  readonly #directory: string
  readonly #watch: DirectoryWatch
  readonly #closing = new AbortController()
  #state: ConfigState = NOTHING_HELD
  #scan: DirectoryScan | undefined
  #surroundings: Surroundings | undefined
  #first: WantedState | undefined
  #wanted: WantedState | undefined
  #reading: Promise<void> | undefined
  /** By the clock: the first event that is not read yet, and the last. */
  #events: { readonly first: number; last: number } | undefined
  #pause = new AbortController()
  #failure: { readonly error: unknown } | undefined
  readonly #waiting = new Set<() => void>()

  constructor(options: ConfigDirectoryOptions) {
    this.#options = options
    this.#directory = resolve(options.directory)
    this.#watch = new DirectoryWatch({
      directory: this.#directory,
      open: options.openWatcher ?? openChokidar,
      clock: options.clock,
      changed: () => this.#changed(),
      failed: (error) => this.#log('debug', 'cannot watch a part of it', { error: messageOf(error) }),
    })
  }

  /** Reads the directory and watches it from now on, until `close`: so long, the process stays alive. Once only. */
  async start(): Promise<WantedState> {
    if (this.#reading !== undefined || this.#closing.signal.aborted)
      throw new Error('started already, or closed')
    const started = this.#scanAndFollow().then((scan) => this.#take(scan))
    this.#reading = started.then(() => this.#readOn()).catch((error: unknown) => this.#fail(error))
    this.#first = await started
    return this.#first
  }

  /** The newest state whenever it differs from the one before; the first that differs from what `start` gave. Ends with `close`. */
  async *changes(signal: AbortSignal): AsyncGenerator<WantedState> {
    let seen = this.#first
    while (!signal.aborted && !this.#closing.signal.aborted) {
      if (this.#failure !== undefined) throw this.#failure.error
      const wanted = this.#wanted
      if (wanted === undefined || wanted === seen || isDeepStrictEqual(wanted, seen)) {
        await this.#news(signal)
      } else {
        seen = wanted
        yield wanted
      }
    }
  }

  /** Safe twice, and without a start. Afterwards nothing is open. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#pause.abort()
    this.#tell()
    await this.#watch.close()
    await this.#reading
  }

  async #readOn(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const isQuiet = await this.#somethingToDo()
      if (this.#closing.signal.aborted) return
      const scan = await this.#scanAndFollow()
      // Nobody told of a change, so somebody may be in the middle of it.
      if (!isQuiet && !isDeepStrictEqual(scan, this.#scan)) this.#changed()
      else await this.#take(scan)
    }
  }

  /** Resolves with true when there were events and then none for a while, with false when it is time to look anyway. */
  async #somethingToDo(): Promise<boolean> {
    const { clock } = this.#options
    if (this.#events === undefined) {
      const expiry = nextExpiry(this.#state)
      const left = expiry === undefined ? Number.POSITIVE_INFINITY : Math.max(0, expiry - clock.now())
      await this.#sleep(Math.min(this.#watch.patience, left))
    }
    if (this.#events === undefined) return false
    for (;;) {
      const { first, last }: { first: number; last: number } = this.#events
      const left = Math.min(last + QUIET_MS, first + BUSY_MS) - clock.now()
      if (left <= 0 || this.#closing.signal.aborted) break
      await clock.sleep(left, this.#closing.signal)
    }
    this.#events = undefined
    return true
  }

  /** Ends with the next event. */
  async #sleep(ms: number): Promise<void> {
    this.#pause = new AbortController()
    if (this.#closing.signal.aborted) return
    await this.#options.clock.sleep(ms, this.#pause.signal)
  }

  #changed(): void {
    const now = this.#options.clock.now()
    this.#events ??= { first: now, last: now }
    this.#events.last = now
    this.#pause.abort()
  }

  async #scanAndFollow(): Promise<DirectoryScan> {
    let scan = await scanDirectory(this.#directory)
    for (let watches = 0; watches < WATCHES && (await this.#watch.follow(scan.anchor)); watches++) {
      scan = await scanDirectory(this.#directory)
    }
    return scan
  }

  async #take(scan: DirectoryScan): Promise<WantedState> {
    const { read, clock } = this.#options
    this.#surroundings = await this.#surroundingsOf(scan)
    this.#state = nextState(this.#state, scan, { read, now: clock.now() })
    this.#scan = scan
    const wanted = wantedOf(this.#state, this.#surroundings)
    if (this.#wanted !== undefined && isDeepStrictEqual(wanted, this.#wanted)) return this.#wanted
    for (const { level, message } of newsOf(this.#wanted, wanted)) this.#log(level, message)
    this.#wanted = wanted
    this.#tell()
    return wanted
  }

  async #surroundingsOf({ directory: is, files, anchor }: DirectoryScan): Promise<Surroundings> {
    const directory = this.#directory
    const { watching } = this.#watch
    const names = files.map(({ file }) => file)
    const before = this.#surroundings
    const isSame = before?.anchor === anchor && isDeepStrictEqual(names, before.names)
    const mounts = isSame ? before.mounts : await readConfigMounts(directory)
    return { directory, is, watching, anchor, names, mounts }
  }

  #fail(error: unknown): void {
    this.#failure = { error }
    this.#tell()
  }

  #tell(): void {
    for (const resume of this.#waiting) resume()
  }

  #news(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const resume = (): void => {
        this.#waiting.delete(resume)
        signal.removeEventListener('abort', resume)
        resolve()
      }
      this.#waiting.add(resume)
      signal.addEventListener('abort', resume)
    })
  }

  #log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#options.log?.(level, message, { directory: this.#directory, ...fields })
  }
}
