// What configurations ask for, each sampled by itself; a change starts the new one before the old one ends, and touches
// nothing else.

import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../base/clock.ts'
import { didYouMean } from '../base/near.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { HostInfo } from '../core/host.ts'
import type { ProfileBatch, SessionInfo } from '../core/profile.ts'
import { type CollectionState, collectionKey, type ProfileCollection } from '../core/profile-collection.ts'
import { bothFilters, type SampleFilter } from '../core/sample-filter.ts'
import type { SamplerStatus } from '../core/status.ts'
import { type Milliseconds, milliseconds } from '../core/units.ts'
import type { NativeAddon } from '../native/binding.ts'
import { jointStatus } from './joint-status.ts'
import type { LiveSource } from './live-source.ts'
import type { SamplingRequest } from './plan.ts'
import { monotonicNow } from './sampler.ts'
import { Sampling } from './sampling.ts'

/** What all of them have in common, and does not change while the agent runs. */
export type SharedRequest = Pick<
  SamplingRequest,
  'backEnd' | 'callGraph' | 'ringBytes' | 'target' | 'commandLine' | 'filter'
>

export interface ProfileSessionsOptions {
  readonly shared: SharedRequest
  /** Windows are no longer than this, whatever a configuration's interval is; absent: as long as that. */
  readonly longestWindow?: Milliseconds | undefined
  /** Sampled from the beginning. */
  readonly collections: readonly ProfileCollection[]
  /** Those that a collection may name. */
  readonly consumerNames: readonly string[]
  readonly namesJavaScript: boolean
  readonly host: () => HostInfo
  readonly clock: Clock
  readonly emit: (batches: readonly ProfileBatch[], consumers?: readonly string[]) => Promise<void>
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void
}

/** One collection, and what samples it. */
interface Running {
  collection: ProfileCollection
  readonly sampling: Sampling
}

export class ProfileSessions implements LiveSource {
  /** What is chosen for each is logged when it starts. */
  readonly notices: readonly string[] = []
  /** Of itself it does not end: without a configuration nothing is sampled, until there is one. */
  readonly ended = new Promise<void>(() => undefined)
  readonly #addon: NativeAddon
  readonly #options: ProfileSessionsOptions
  readonly #running = new Map<string, Running>()
  readonly #failed = new Map<string, Failure>()
  /** Those that hand over their last window. */
  readonly #leaving = new Set<Promise<void>>()
  /** What those that have ended took and lost. */
  #past = { taken: 0, lost: 0 }
  #filter: SampleFilter
  #sources = 0
  #turn: Promise<unknown> = Promise.resolve()
  #stopped = false
  #isLockedDown = false
  #isPaused = false

  constructor(addon: NativeAddon, options: ProfileSessionsOptions) {
    this.#addon = addon
    this.#options = options
    this.#filter = options.shared.filter
  }

  async begin(onSampling?: () => void): Promise<void> {
    await this.apply(this.#options.collections)
    onSampling?.()
  }

  /**
   * From now on these are sampled, and nothing else. What is as it was goes on untouched; what cannot be started leaves the
   * version that runs. One change after another. Never rejects.
   */
  apply(wanted: readonly ProfileCollection[]): Promise<ReadonlyMap<string, CollectionState>> {
    const applied = this.#turn.then(() => this.#apply(wanted))
    this.#turn = applied
    return applied
  }

  #apply(wanted: readonly ProfileCollection[]): ReadonlyMap<string, CollectionState> {
    if (this.#stopped) return new Map()
    const keys = new Set(wanted.map(collectionKey))
    for (const key of this.#failed.keys()) if (!keys.has(key)) this.#failed.delete(key)
    for (const collection of wanted) this.#realise(collection)
    for (const [key, running] of this.#running) if (!keys.has(key)) this.#end(key, running)
    return this.states(wanted)
  }

  /** What has become of them. */
  states(wanted: readonly ProfileCollection[]): ReadonlyMap<string, CollectionState> {
    return new Map(
      wanted.map((collection): [string, CollectionState] => {
        const key = collectionKey(collection)
        const failure = this.#failed.get(key)
        if (failure === undefined) return [key, { state: 'running' }]
        return [
          key,
          { state: 'failed', problem: failure.problem, kept: this.#running.get(key)?.collection.version },
        ]
      }),
    )
  }

  #realise(collection: ProfileCollection): void {
    const key = collectionKey(collection)
    const before = this.#running.get(key)
    if (before?.collection.contentHash === collection.contentHash) {
      this.#failed.delete(key)
      this.#rename(before, collection)
      return
    }
    try {
      this.#replace(key, collection, before)
      this.#failed.delete(key)
    } catch (error) {
      this.#fail(key, collection, { before, error })
    }
  }

  #rename(running: Running, collection: ProfileCollection): void {
    if (running.collection.version === collection.version) return
    running.collection = collection
    running.sampling.renameConfig(configOf(collection))
    this.#options.log('info', `${nameOf(collection)}: the version has changed, and nothing else`)
  }

  /** At one moment the old one's samples end and the new one's begin. */
  #replace(key: string, collection: ProfileCollection, before: Running | undefined): void {
    const running = { collection, sampling: this.#started(key, collection) }
    const { sampling } = running
    if (before !== undefined) {
      this.#switch(before, running)
      this.#leave(before)
    }
    this.#running.set(key, running)
    const what = before === undefined ? 'started' : `replaces ${nameOf(before.collection)}`
    this.#options.log('info', `${nameOf(collection)} ${what}: ${collection.eventName}`)
    for (const notice of sampling.notices) this.#options.log('info', `${nameOf(collection)}: ${notice}`)
  }

  #switch(before: Running, next: Running): void {
    try {
      next.sampling.sampler.beginAt(before.sampling.sampler.endAt(monotonicNow()))
    } catch (error) {
      this.#leave(next)
      throw error
    }
  }

  #started(key: string, collection: ProfileCollection): Sampling {
    const sampling = new Sampling(this.#addon, {
      request: this.#requestOf(collection),
      window: milliseconds(
        Math.min(collection.interval, this.#options.longestWindow ?? Number.POSITIVE_INFINITY),
      ),
      duration: undefined,
      beginsPaused: this.#isPaused,
      namesJavaScript: this.#options.namesJavaScript,
      clock: this.#options.clock,
      host: this.#options.host,
      emit: (batches) => this.#options.emit(batches, collection.consumers),
      say: (text) => this.#options.log('warn', `${nameOf(collection)}: ${text}`),
    })
    sampling.beginNow()
    sampling.ended.catch((error: unknown) => this.#broke(key, sampling, error))
    return sampling
  }

  #requestOf(collection: ProfileCollection): SamplingRequest {
    if (this.#isLockedDown) throw new AgentError('CONFIG.LOCKED_DOWN', LOCKED_DOWN)
    this.#checkConsumers(collection)
    const source = this.#sources++
    const { eventName, rate, maxStackDepth, kernelStacks, userStacks, threadNames } = collection
    return {
      ...this.#options.shared,
      events: [eventName],
      rate,
      maxStack: maxStackDepth,
      filter: this.#filterOf(collection),
      missingCgroups: 'awaited',
      stackParts: { kernel: kernelStacks, user: userStacks },
      threadNames,
      // One event each: as many sessions as sources.
      identity: { firstSessionId: source, source, config: configOf(collection) },
      besideOthers: true,
    }
  }

  #checkConsumers({ consumers = [] }: ProfileCollection): void {
    const { consumerNames } = this.#options
    const unknown = consumers.find((name) => !consumerNames.includes(name))
    if (unknown === undefined) return
    const known = consumerNames.join(', ') || 'none'
    throw new AgentError(
      'CONFIG.UNKNOWN_CONSUMER',
      `consumers: the agent has none of the name '${unknown}'${didYouMean(unknown, consumerNames)}; it has: ${known}.`,
    )
  }

  /** Rules that include are alternatives: two sets of them do not make "both". */
  #filterOf({ filter }: ProfileCollection): SampleFilter {
    const includes = ({ rules }: SampleFilter): boolean => rules.some(({ action }) => action === 'include')
    if (includes(filter) && includes(this.#filter)) {
      throw new AgentError(
        'CONFIG.FILTERS_CONFLICT',
        "Both this configuration and the agent's filter say what to include; leave it to one of them.",
      )
    }
    return bothFilters(this.#filter, filter)
  }

  #fail(key: string, collection: ProfileCollection, { before, error }: FailedStart): void {
    const failure: Failure = { problem: messageOf(error), contentHash: collection.contentHash }
    // Each try of the same says the same.
    if (isDeepStrictEqual(this.#failed.get(key), failure)) return
    this.#failed.set(key, failure)
    const kept = before === undefined ? '' : ` ${nameOf(before.collection)} runs on.`
    this.#options.log('error', `${nameOf(collection)} cannot be sampled: ${failure.problem}${kept}`)
  }

  /** It is started again with the next `apply`. */
  #broke(key: string, sampling: Sampling, error: unknown): void {
    const running = this.#running.get(key)
    if (running?.sampling !== sampling) return
    this.#running.delete(key)
    this.#leave(running)
    this.#fail(key, running.collection, { before: undefined, error })
  }

  #end(key: string, running: Running): void {
    this.#running.delete(key)
    this.#leave(running)
    this.#options.log('info', `${nameOf(running.collection)} ended: no configuration asks for it any more`)
  }

  /** Its last window is still to come. */
  #leave({ sampling, collection }: Running): void {
    const left = this.#lastOf(sampling).catch((error: unknown) => {
      this.#options.log('error', `${nameOf(collection)} did not end as it should: ${messageOf(error)}`)
    })
    this.#leaving.add(left)
    void left.then(() => this.#leaving.delete(left))
  }

  async #lastOf(sampling: Sampling): Promise<void> {
    try {
      await sampling.stop()
    } finally {
      const { taken, lost } = sampling.progress()
      this.#past = { taken: this.#past.taken + taken, lost: this.#past.lost + lost }
    }
  }

  /** The capabilities are gone: what would be started from now on would be less than what runs. */
  lockDown(): void {
    this.#isLockedDown = true
  }

  sessions(): readonly SessionInfo[] {
    return this.#samplings().flatMap((sampling) => sampling.sessions())
  }

  status(): SamplerStatus | null {
    return jointStatus(this.#samplings().map((sampling) => sampling.status()))
  }

  progress(): { readonly taken: number; readonly lost: number } {
    return this.#samplings()
      .map((sampling) => sampling.progress())
      .reduce((sum, { taken, lost }) => ({ taken: sum.taken + taken, lost: sum.lost + lost }), this.#past)
  }

  filter(): SampleFilter {
    return this.#filter
  }

  /** @throws AgentError where a configuration's own filter does not go with it; then nothing changes */
  setFilter(filter: SampleFilter): readonly string[] {
    const before = this.#filter
    this.#filter = filter
    try {
      const changes = [...this.#running.values()].map(
        ({ sampling, collection }) => [sampling, this.#filterOf(collection)] as const,
      )
      return [...new Set(changes.flatMap(([sampling, each]) => sampling.setFilter(each)))]
    } catch (error) {
      this.#filter = before
      throw error
    }
  }

  async pause(): Promise<void> {
    this.#isPaused = true
    await Promise.all(this.#samplings().map((sampling) => sampling.pause()))
  }

  async resume(): Promise<void> {
    this.#isPaused = false
    await Promise.all(this.#samplings().map((sampling) => sampling.resume()))
  }

  async cut(): Promise<void> {
    await Promise.all(this.#samplings().map((sampling) => sampling.cut()))
  }

  async stop(): Promise<void> {
    await this.#turn
    this.#stopped = true
    for (const [key, running] of this.#running) {
      this.#running.delete(key)
      this.#leave(running)
    }
    await Promise.all(this.#leaving)
  }

  #samplings(): readonly Sampling[] {
    return [...this.#running.values()].map(({ sampling }) => sampling)
  }
}

const LOCKED_DOWN =
  'The agent dropped its capabilities when it began (spec.sampler.lockDown): nothing else can be sampled until it is restarted.'

interface Failure {
  readonly problem: string
  /** Of what failed. */
  readonly contentHash: string
}

interface FailedStart {
  readonly before: Running | undefined
  readonly error: unknown
}

const configOf = ({ name, version }: ProfileCollection): NonNullable<SessionInfo['config']> => ({
  name,
  version,
})

/** `test-profiler (version 1)` */
const nameOf = ({ name, version }: ProfileCollection): string =>
  version === '' ? name : `${name} (version ${version})`
