// Directories of configuration in tests: made, watched, and waited for.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { ConfigDirectory, type ConfigDirectoryOptions } from '../../src/config/config-directory.ts'
import type { WantedState } from '../../src/config/wanted-state.ts'
import { readLines, told } from './config-text.ts'

/** Only a change that is never noticed takes that long. */
const NEVER_MS = 30_000

/** An empty one, deleted after the test. */
export function temporaryDirectory(context: Pick<TestContext, 'after'>): string {
  const path = mkdtempSync(join(tmpdir(), 'sonde-config-'))
  context.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** On which the time to read everything again, told or not, never comes: what is found with it was told. */
export const EVENTS_ONLY: Clock = {
  now: systemClock.now,
  sleep: (ms, signal) =>
    ms < 10_000
      ? systemClock.sleep(ms, signal)
      : new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })),
}

/** What somebody sees who follows a directory's changes. */
export class Follower {
  readonly directory: ConfigDirectory
  /** All that were told, the first included. */
  readonly states: WantedState[] = []
  readonly #end = new AbortController()
  #following: Promise<void> = Promise.resolve()
  #look: () => void = () => undefined

  private constructor(directory: ConfigDirectory) {
    this.directory = directory
  }

  /** Closed after the test. */
  static async start(
    context: Pick<TestContext, 'after'>,
    directory: string,
    options: Partial<ConfigDirectoryOptions> = {},
  ): Promise<Follower> {
    const watched = new ConfigDirectory({ directory, read: readLines, clock: systemClock, ...options })
    const follower = new Follower(watched)
    context.after(() => follower.close())
    follower.states.push(await watched.start())
    follower.#following = follower.#follow()
    return follower
  }

  get now(): WantedState {
    const state = this.states.at(-1)
    if (state === undefined) throw new Error('nothing is known yet')
    return state
  }

  /** `name version content` of each collection in force. */
  get inForce(): readonly string[] {
    return told(this.now.collections)
  }

  /** Resolves when a state is so, with how long that took. */
  async until(isSo: (follower: Follower) => boolean): Promise<number> {
    const began = performance.now()
    while (!isSo(this)) {
      if (performance.now() - began > NEVER_MS) {
        throw new Error(`it does not come to that: ${isSo}; ${JSON.stringify(this.now, null, 1)}`)
      }
      await new Promise<void>((resolve) => {
        this.#look = resolve
        setTimeout(resolve, 1_000).unref()
      })
    }
    return performance.now() - began
  }

  untilInForce(...expected: readonly string[]): Promise<number> {
    return this.until(({ inForce }) => inForce.join('\n') === expected.join('\n'))
  }

  async close(): Promise<void> {
    this.#end.abort()
    await this.directory.close()
    await this.#following
  }

  async #follow(): Promise<void> {
    for await (const state of this.directory.changes(this.#end.signal)) {
      this.states.push(state)
      this.#look()
    }
  }
}
