// Who tells that something happened in a directory: inotify by way of chokidar, and where that cannot be had, the clock.

import type { Clock } from '../base/clock.ts'
import { errnoOf, messageOf } from '../core/errors.ts'
import type { Watching } from './wanted-state.ts'

export interface WatcherEvents {
  /** Something happened in the directory, or where it will be. */
  readonly changed: () => void
  readonly failed: (error: unknown) => void
}

export interface Watcher {
  close(): Promise<void>
}

/** Resolves when events come, or have failed to. */
export type OpenWatcher = (directory: string, events: WatcherEvents) => Promise<Watcher>

/** Only a file system that does not answer takes that long. */
const READY_MS = 5_000

/** The recipe that was measured: the directory and not its files, and an `error` listener always. */
export const openChokidar: OpenWatcher = async (directory, { changed, failed }) => {
  const { watch } = await import('chokidar')
  const watcher = watch(directory, { depth: 0, ignoreInitial: true, ignorePermissionErrors: true })
  watcher.on('all', changed)
  watcher.on('error', failed)
  await new Promise<void>((resolve) => {
    const patience = setTimeout(resolve, READY_MS)
    watcher.once('ready', () => {
      clearTimeout(patience)
      resolve()
    })
  })
  return { close: () => watcher.close() }
}

export interface DirectoryWatchOptions extends WatcherEvents {
  readonly directory: string
  readonly open: OpenWatcher
  readonly clock: Pick<Clock, 'now'>
}

/** Everything is read again that often, whatever is told. */
const REREAD_MS = 10_000
const POLL_MS = 1_000
/** How long inotify is left alone after it was exhausted. */
const RETRY_MS = 60_000

export class DirectoryWatch {
  readonly #options: DirectoryWatchOptions
  /** Of what `#watcher` watches. */
  #anchor: string | undefined
  #watcher: Watcher | undefined
  /** Why there is no inotify now, and until when none is asked for. */
  #exhausted: { readonly reason: string; readonly until: number } | undefined
  #closed = false
  #releasing: Promise<void> | undefined

  constructor(options: DirectoryWatchOptions) {
    this.#options = options
  }

  get watching(): Watching {
    return this.#exhausted === undefined
      ? { how: 'inotify' }
      : { how: 'polling', reason: this.#exhausted.reason }
  }

  /** How long one may wait for an event. */
  get patience(): number {
    return this.#exhausted === undefined ? REREAD_MS : POLL_MS
  }

  /**
   * Takes a new watch where another directory is there than before, or inotify may be had again.
   * @param anchor of a scan
   * @returns whether something may have happened between that scan and the new watch
   */
  async follow(anchor: string): Promise<boolean> {
    const isDue = this.#exhausted === undefined || this.#exhausted.until <= this.#options.clock.now()
    if (this.#closed || !isDue || (this.#watcher !== undefined && this.#anchor === anchor)) return false
    // The old one first, because chokidar shares handles by path, also one that is dead.
    await this.#release()
    await this.#open(anchor)
    return true
  }

  /** Safe twice. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#release()
  }

  async #open(anchor: string): Promise<void> {
    const { directory, open, changed, failed } = this.#options
    let exhausted: string | undefined
    let opened: Watcher | undefined
    const isCurrent = (): boolean => opened === undefined || opened === this.#watcher
    const watcher = await open(directory, {
      changed: () => {
        if (isCurrent()) changed()
      },
      failed: (error) => {
        if (!isCurrent()) return
        exhausted ??= exhaustionOf(error)
        if (exhausted === undefined) failed(error)
        else if (opened !== undefined) this.#giveUp(exhausted)
      },
    })
    opened = watcher
    this.#watcher = watcher
    this.#anchor = anchor
    if (exhausted !== undefined) this.#giveUp(exhausted)
    else this.#exhausted = undefined
    if (this.#closed) await this.#release()
  }

  #giveUp(reason: string): void {
    this.#exhausted = { reason, until: this.#options.clock.now() + RETRY_MS }
    void this.#release()
    this.#options.changed()
  }

  /** Resolves when nothing is open any more. */
  #release(): Promise<void> {
    const watcher = this.#watcher
    this.#watcher = undefined
    if (watcher !== undefined) this.#releasing = watcher.close().catch(this.#options.failed)
    return this.#releasing ?? Promise.resolve()
  }
}

/** Undefined where the rest of the watch is not concerned: a link that leads nowhere cannot be watched either. */
function exhaustionOf(error: unknown): string | undefined {
  switch (errnoOf(error)) {
    case 'EMFILE':
      return 'no inotify instance is to be had (EMFILE: see fs.inotify.max_user_instances, and the limit of open files)'
    case 'ENOSPC':
      return 'no inotify watch is to be had (ENOSPC: see fs.inotify.max_user_watches)'
    case 'ENFILE':
    case 'ENOMEM':
    case 'ENOSYS':
      return `inotify cannot be had (${messageOf(error)})`
    default:
      return undefined
  }
}
