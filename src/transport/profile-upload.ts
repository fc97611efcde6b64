// What consumers that send profiles have in common: samples are collected for a while, encoded beside the event loop, and
// handed to the outbox.

import { orAborted } from '../base/or-aborted.ts'
import type { ConsumerLoss, ConsumerOutcome, ProfileConsumer } from '../core/consumer.ts'
import type { ConsumerContext } from '../core/consumer-context.ts'
import type { Payload } from '../core/delivery.ts'
import type { OpenProfile, ProfileLimits } from '../core/encoder.ts'
import { messageOf } from '../core/errors.ts'
import { type OpenSource, OpenSources } from '../core/open-sources.ts'
import { isSameConfig, type ProfileBatch, type SessionInfo } from '../core/profile.ts'
import type { Milliseconds } from '../core/units.ts'
import type { Outbox } from './outbox.ts'

/** What is sent together: of one source, and of one version of its configuration. */
export interface CollectedProfile {
  readonly profile: OpenProfile
  /** Those that have samples. */
  readonly sessions: readonly SessionInfo[]
  /** Of the first window's start and the last one's end. */
  readonly begin: Date
  readonly end: Date
}

export interface ProfileUploadOptions {
  /** The consumer's type. */
  readonly name: string
  /** How long is collected; undefined: each window is sent by itself. */
  readonly every: Milliseconds | undefined
  readonly limits: ProfileLimits
  readonly outbox: Outbox
  readonly encode: (collected: CollectedProfile) => Promise<readonly Payload[]>
  readonly context: Pick<ConsumerContext, 'encoder' | 'log' | 'stopBy'>
}

interface Collection {
  readonly profile: OpenProfile
  readonly sessions: Map<number, { readonly session: SessionInfo; samples: number }>
  readonly begin: bigint
  end: bigint
  sequence: number
}

/** Where nobody says when the agent has to be gone. */
const STOP_WITHIN_MS = 10_000
/** An interval that is a multiple of the window is over with the window that ends just before it. */
const TOLERANCE = 0.99

const dateOf = (unixNs: bigint): Date => new Date(Number(unixNs / 1_000_000n))

type Source = OpenSource<Collection>

/** Collects each source's batches by itself, one after another, also when the lane has stopped waiting for one. */
export class ProfileUpload implements ProfileConsumer {
  readonly name: string
  readonly wantsResources = true
  readonly #options: ProfileUploadOptions
  readonly #sources = new OpenSources<Collection>()
  #turn: Promise<unknown> = Promise.resolve()
  #started = false
  readonly #lost: Partial<Record<ConsumerLoss, number>> = {}

  constructor(options: ProfileUploadOptions) {
    this.name = options.name
    this.#options = options
  }

  async start(): Promise<void> {
    await this.#options.outbox.start()
    this.#started = true
  }

  /**
   * Resolves when the batch is taken over, which is before it is encoded: what the lane gives up waiting for has left no
   * sample here. One batch at a time is under way.
   */
  async consumeProfiles(batch: ProfileBatch, signal: AbortSignal): Promise<void> {
    await orAborted(this.#turn, signal)
    void this.#inTurn(() => this.#take(batch))
  }

  /** What is collected is sent, not dropped; what cannot be sent in time is spooled, or counted. */
  stop(): Promise<void> {
    return this.#inTurn(async () => {
      const open = this.#sources.takeAll()
      if (this.#started) for (const source of open) await this.#send(source)
      await this.#options.outbox.stop(this.#options.context.stopBy() ?? performance.now() + STOP_WITHIN_MS)
    })
  }

  outcome(): ConsumerOutcome {
    const outcome = this.#options.outbox.outcome()
    return { ...outcome, lost: { ...outcome.lost, ...this.#lost } }
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => undefined)
    return result
  }

  async #take(batch: ProfileBatch): Promise<void> {
    const source = this.#sources.note(batch)
    if (source.kept !== undefined && this.#isOver(source.kept, batch)) await this.#send(source)
    await this.#add(source, batch)
    if (source.kept !== undefined && source.isWindowComplete && this.#isDue(source.kept))
      await this.#send(source)
    for (const ended of this.#sources.takeEnded(batch)) await this.#send(ended)
  }

  /** Never rejects: what could not take this batch has lost the ones before it, too. */
  async #add(source: Source, batch: ProfileBatch): Promise<void> {
    source.kept ??= this.#open(batch)
    const collection = source.kept
    const { buffer, session, names, resources, samples } = batch
    try {
      const window = { buffer, sessions: [session], names, resources: new Map([[session.id, resources]]) }
      const { kept, tableFull } = await collection.profile.add(window)
      noteAdded(collection, batch, kept)
      this.#countLost('table_full', tableFull)
    } catch (error) {
      source.kept = undefined
      collection.profile.close()
      this.#countLost('encoder_failed', samplesOf(collection) + samples.length)
      const message = `${this.name}: a profile could not be collected: ${messageOf(error)}. The next one begins by itself.`
      this.#options.context.log('error', message)
    }
  }

  #open({ window }: ProfileBatch): Collection {
    return {
      profile: this.#options.context.encoder.openProfile(this.#options.limits),
      sessions: new Map(),
      begin: window.unixStart,
      end: window.unixEnd,
      sequence: window.sequence,
    }
  }

  /** A batch of the next window says that no more of the last one come. */
  #isOver(collection: Collection, { window, session }: ProfileBatch): boolean {
    const known = collection.sessions.get(session.id)
    if (known !== undefined && !isSameConfig(known.session, session)) return true
    return collection.sequence !== window.sequence && this.#isDue(collection)
  }

  #isDue({ begin, end }: Collection): boolean {
    const { every } = this.#options
    return every === undefined || Number(end - begin) / 1e6 >= every * TOLERANCE
  }

  async #send(source: Source): Promise<void> {
    const collection = source.kept
    source.kept = undefined
    if (collection === undefined) return
    const { profile, begin, end } = collection
    const sampled = [...collection.sessions.values()].filter(({ samples }) => samples > 0)
    let left = samplesOf(collection)
    try {
      if (sampled.length === 0) return
      const sessions = sampled.map(({ session }) => session)
      const collected = { profile, sessions, begin: dateOf(begin), end: dateOf(end) }
      for (const payload of await this.#options.encode(collected)) {
        await this.#options.outbox.offer(payload)
        left -= payload.samples
      }
    } catch (error) {
      this.#countLost('encoder_failed', left)
      this.#options.context.log('error', `${this.name}: a profile could not be encoded: ${messageOf(error)}`)
    } finally {
      profile.close()
    }
  }

  #countLost(reason: ConsumerLoss, samples: number): void {
    if (samples === 0) return
    if (this.#lost[reason] === undefined && reason === 'table_full') {
      const message = 'The profile is full: samples that do not fit are lost. Raise maxProfileBytes.'
      this.#options.context.log('warn', message, { consumer: this.name })
    }
    this.#lost[reason] = (this.#lost[reason] ?? 0) + samples
  }
}

const samplesOf = ({ sessions }: Collection): number =>
  [...sessions.values()].reduce((sum, { samples }) => sum + samples, 0)

function noteAdded(collection: Collection, { session, window }: ProfileBatch, kept: number): void {
  const known = collection.sessions.get(session.id) ?? { session, samples: 0 }
  known.samples += kept
  collection.sessions.set(session.id, known)
  collection.end = window.unixEnd
  collection.sequence = window.sequence
}
