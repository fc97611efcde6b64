// While the agent runs: what its directory of configurations says is sampled, and nothing else.

import type { Agent } from '../agent.ts'
import { settledWithin } from '../base/settled-within.ts'
import type { ConfigDirectory } from '../config/config-directory.ts'
import type { AgentDocument, WantedState } from '../config/wanted-state.ts'
import type { LogLevel } from '../core/consumer-context.ts'
import { messageOf } from '../core/errors.ts'
import { type CollectionState, collectionKey, type ProfileCollection } from '../core/profile-collection.ts'
import type { ConfigurationStatus } from '../core/status.ts'

export interface WatchedCollectionsOptions {
  /** For messages and the status. */
  readonly path: string
  readonly directory: Pick<ConfigDirectory, 'start' | 'changes' | 'close'>
  /**
   * The AgentConfig of the directory is another valid one now, or none any more. Returns the sections that need a restart;
   * throws where it cannot be taken over.
   */
  readonly onAgentConfig: (document: AgentDocument | undefined) => Promise<readonly string[]>
  readonly log: (level: LogLevel, message: string) => void
}

type FollowingAgent = Pick<Agent, 'setCollections' | 'collectionStates'>

/** What could not be started, or broke, is tried again: what it lacked may have come free. */
const RETRY_MS = 60_000
/** Reads that are under way are over by then, but on a file system that hangs. */
const CLOSE_MS = 1_000

export class WatchedCollections {
  readonly #options: WatchedCollectionsOptions
  readonly #closing = new AbortController()
  #state: WantedState
  #agent: FollowingAgent | undefined
  /** The AgentConfig that was taken over last. */
  #agentText: string | undefined
  #agentConfig: ConfigurationStatus['agent'] = { problem: null, needsRestart: [] }
  #following: Promise<void> = Promise.resolve()
  #retry: NodeJS.Timeout | undefined

  private constructor(options: WatchedCollectionsOptions, state: WantedState) {
    this.#options = options
    this.#state = state
    this.#agentText = state.agent?.text
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
  follow(agent: FollowingAgent): void {
    this.#agent = agent
    this.#retry = setInterval(() => {
      if ([...this.#became().values()].some(({ state }) => state === 'failed')) void this.#apply(agent)
    }, RETRY_MS).unref()
    this.#following = this.#apply(agent)
      .then(() => this.#follow(agent))
      .catch((error: unknown) => {
        const { log, path } = this.#options
        log('error', `${path} is not followed any more, what it said last goes on: ${messageOf(error)}`)
      })
  }

  async #follow(agent: FollowingAgent): Promise<void> {
    for await (const state of this.#options.directory.changes(this.#closing.signal)) {
      this.#state = state
      await this.#takeOver(agent)
    }
  }

  async #apply(agent: FollowingAgent): Promise<void> {
    await agent.setCollections(this.#state.collections)
  }

  /** A filter may go from one of the collections to the AgentConfig, or the other way: either has to be there first. */
  async #takeOver(agent: FollowingAgent): Promise<void> {
    const refused = await this.#takeAgentConfig()
    await this.#apply(agent)
    if (refused === undefined) return
    const stillRefused = await this.#takeAgentConfig()
    if (stillRefused !== undefined)
      this.#options.log('error', `The agent's configuration stays as it was:\n${messageOf(stillRefused)}`)
  }

  /** Returns why it could not be taken over. */
  async #takeAgentConfig(): Promise<unknown> {
    const { agent: document } = this.#state
    if (document?.text === this.#agentText) return undefined
    try {
      const needsRestart = await this.#options.onAgentConfig(document)
      this.#agentConfig = { problem: null, needsRestart }
      this.#agentText = document?.text
      return undefined
    } catch (error) {
      this.#agentConfig = { ...this.#agentConfig, problem: messageOf(error) }
      return error
    }
  }

  /** What has become of those in force by now. */
  #became(): ReadonlyMap<string, CollectionState> {
    return this.#agent?.collectionStates(this.#state.collections) ?? new Map()
  }

  status(): ConfigurationStatus {
    const { collections, files, watching } = this.#state
    const all = this.#became()
    return {
      directory: this.#options.path,
      watching: { how: watching.how, reason: watching.reason ?? null },
      files,
      agent: this.#agentConfig,
      collections: collections.map((collection) => {
        const became = all.get(collectionKey(collection))
        const { name, version } = collection
        if (became?.state !== 'failed') return { name, version, state: 'running', problem: null, kept: null }
        return { name, version, state: 'failed', problem: became.problem, kept: became.kept ?? null }
      }),
    }
  }

  /** Safe twice. Never rejects: what was sampled is still to be delivered. */
  async close(): Promise<void> {
    clearInterval(this.#retry)
    this.#closing.abort()
    const closed = this.#options.directory.close().then(() => this.#following)
    await settledWithin(closed, CLOSE_MS, 'its file system does not answer').catch((error: unknown) => {
      const { log, path } = this.#options
      log('warn', `${path} could not be closed: ${messageOf(error)}`)
    })
  }
}
