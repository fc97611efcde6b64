// While the agent runs: what its directory of configurations says is sampled, and nothing else.

import type { Agent } from '../agent.ts'
import type { ConfigDirectory } from '../config/config-directory.ts'
import type { AgentDocument, WantedState } from '../config/wanted-state.ts'
import type { LogLevel } from '../core/consumer-context.ts'
import { messageOf } from '../core/errors.ts'
import { type CollectionState, collectionKey, type ProfileCollection } from '../core/profile-collection.ts'
import type { ConfigurationStatus } from '../core/status.ts'

export interface WatchedCollectionsOptions {
  /** For messages and the status. */
  readonly path: string
  readonly directory: ConfigDirectory
  /** The AgentConfig of the directory is another valid one now, or none any more. Throws where it cannot be taken over. */
  readonly onAgentConfig: (document: AgentDocument | undefined) => Promise<void>
  readonly log: (level: LogLevel, message: string) => void
}

/** What could not be started is tried again: what it lacked may have come free. */
const RETRY_MS = 60_000

export class WatchedCollections {
  readonly #options: WatchedCollectionsOptions
  readonly #closing = new AbortController()
  #state: WantedState
  #became: ReadonlyMap<string, CollectionState> = new Map()
  #following: Promise<void> = Promise.resolve()
  #retry: NodeJS.Timeout | undefined

  private constructor(options: WatchedCollectionsOptions, state: WantedState) {
    this.#options = options
    this.#state = state
    if (state.collections.length === 0) this.#tellNothing()
  }

  /** Reads the directory, and from now on watches it. */
  static async open(options: WatchedCollectionsOptions): Promise<WatchedCollections> {
    return new WatchedCollections(options, await options.directory.start())
  }

  get path(): string {
    return this.#options.path
  }

  /** Those in force now. */
  get collections(): readonly ProfileCollection[] {
    return this.#state.collections
  }

  get agentDocument(): AgentDocument | undefined {
    return this.#state.agent
  }

  /** From now on the agent samples what the directory says. */
  follow(agent: Pick<Agent, 'setCollections'>): void {
    const apply = async (): Promise<void> => {
      this.#became = await agent.setCollections(this.#state.collections)
    }
    this.#retry = setInterval(() => {
      if ([...this.#became.values()].some(({ state }) => state === 'failed')) void apply()
    }, RETRY_MS).unref()
    this.#following = apply()
      .then(() => this.#follow(apply))
      .catch((error: unknown) => {
        const { log, path } = this.#options
        log('error', `${path} is not followed any more, what it said last goes on: ${messageOf(error)}`)
      })
  }

  async #follow(apply: () => Promise<void>): Promise<void> {
    for await (const state of this.#options.directory.changes(this.#closing.signal)) {
      const before = this.#state
      this.#state = state
      if (state.collections.length === 0 && before.collections.length > 0) this.#tellNothing()
      if (state.agent?.text !== before.agent?.text) await this.#takeAgentConfig(state.agent)
      await apply()
    }
  }

  async #takeAgentConfig(document: AgentDocument | undefined): Promise<void> {
    try {
      await this.#options.onAgentConfig(document)
    } catch (error) {
      this.#options.log('error', `The agent's configuration stays as it was:\n${messageOf(error)}`)
    }
  }

  #tellNothing(): void {
    const { log, path } = this.#options
    log('warn', `Nothing is sampled: ${path} has no ProfileCollectionConfig.`)
  }

  status(): ConfigurationStatus {
    const { collections, files, watching } = this.#state
    return {
      directory: this.#options.path,
      watching: { how: watching.how, reason: watching.reason ?? null },
      files,
      collections: collections.map((collection) => {
        const became = this.#became.get(collectionKey(collection))
        const { name, version } = collection
        if (became?.state !== 'failed') return { name, version, state: 'running', problem: null, kept: null }
        return { name, version, state: 'failed', problem: became.problem, kept: became.kept ?? null }
      }),
    }
  }

  /** Safe twice. */
  async close(): Promise<void> {
    clearInterval(this.#retry)
    this.#closing.abort()
    await this.#options.directory.close()
    await this.#following
  }
}
