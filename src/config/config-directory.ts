// A directory of configuration, usually a mounted ConfigMap: what it asks for now, and whenever that changes.

import type { Clock } from '../base/clock.ts'
import type { LogLevel } from '../core/consumer-context.ts'
import type { ConfigDocument } from './documents.ts'
import type { WantedState } from './wanted-state.ts'

export interface ConfigDirectoryOptions {
  /** It need not exist yet. */
  readonly directory: string
  /** The documents of a file's text. Never throws. */
  readonly read: (text: string, file: string) => readonly ConfigDocument[]
  readonly clock: Clock
  readonly log?: (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void
}

export class ConfigDirectory {
  readonly #options: ConfigDirectoryOptions

  constructor(options: ConfigDirectoryOptions) {
    this.#options = options
  }

  /** Reads the directory and watches it from now on, until `close`: so long, the process stays alive. Once only. */
  async start(): Promise<WantedState> {
    throw new Error(`nobody reads ${this.#options.directory} yet`)
  }

  /** The newest state whenever it differs from the one before, first from the one that `start` gave; ends with `close`. */
  async *changes(_signal: AbortSignal): AsyncGenerator<WantedState> {}

  /** Safe twice, and without a start. Afterwards nothing is open. */
  async close(): Promise<void> {}
}
