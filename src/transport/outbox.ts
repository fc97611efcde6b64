// Delivery that loses nothing, for every consumer that sends: payloads are taken over at once, written down before they are
// sent, sent one at a time in order of arrival, and repeated until the far side takes or refuses them.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import { orAborted } from '../base/or-aborted.ts'
import type { ConsumerOutcome } from '../core/consumer.ts'
import type { ConsumerContext } from '../core/consumer-context.ts'
import {
  CONTENT_ENCODINGS,
  type ContentEncoding,
  type Delivery,
  type DeliveryStats,
  type Payload,
  type Transport,
} from '../core/delivery.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import { DeliveryBooks, samplesOf } from './delivery-books.ts'
import { DeliveryLog } from './delivery-log.ts'
import { HeadOfLine } from './head-of-line.ts'
import { PACE_DEFAULTS, Pace, type PaceOptions } from './pace.ts'
import { Patience } from './patience.ts'
import type { RefusedPayloads } from './refused-payloads.ts'
import { Settlement } from './settlement.ts'
import type { Spool } from './spool.ts'
import { MEMORY_DEFAULTS, type MemoryLimits, Stock } from './stock.ts'
import { amountOf, type Waiting } from './waiting.ts'

export interface OutboxOptions {
  readonly transport: Transport
  /** Format and level of what is offered (Payload.format): what was spooled in another one is not sent. */
  readonly format: string
  /** How bodies may be compressed: what was spooled otherwise is not sent either. All of them without a word. */
  readonly encodings?: readonly ContentEncoding[] | undefined
  /** Undefined: memory only, and what cannot be sent before the end is lost. */
  readonly spool: Spool | undefined
  /** Where refused payloads are kept for inspection; undefined: nowhere. */
  readonly refused?: RefusedPayloads | undefined
  /** Of what the spool does not hold. */
  readonly memory?: MemoryLimits
  /**
   * Where there is no spool and memory is full: the oldest goes, or the offer waits while the far side takes or refuses
   * something, be it slowly. `drop_oldest` unless told otherwise.
   */
  readonly whenFull?: 'drop_oldest' | 'wait'
  readonly pace?: Partial<PaceOptions>
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
  /** For what people read. */
  readonly wallClock: () => Date
  readonly log: ConsumerContext['log']
}

const FAILED = { outcome: 'retry', after: undefined } as const
/** How long connections may take to close when the time to stop is over. */
const CLOSE_MS = 100
/** How long a far side may fail while an offer waits for it: with an attempt's time less than a lane waits for its consumer. */
const OFFER_WAITS_MS = 15_000

export class Outbox {
  readonly #options: OutboxOptions
  readonly #stock: Stock
  readonly #line: HeadOfLine
  readonly #pace: Pace
  readonly #patience: Patience
  readonly #books = new DeliveryBooks()
  readonly #log: DeliveryLog
  readonly #settlement: Settlement
  /** Ends waits: there is no time left for long ones. */
  readonly #hurry = new AbortController()
  /** Ends everything. */
  readonly #deadline = new AbortController()
  #wake = Promise.withResolvers<void>()
  #sending: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  constructor(options: OutboxOptions) {
    const { transport, format, spool, clock, log, memory = MEMORY_DEFAULTS, wallClock } = options
    this.#options = options
    this.#pace = new Pace({ ...PACE_DEFAULTS, ...options.pace }, clock, options.random)
    this.#patience = new Patience(clock)
    const keptIn =
      spool === undefined
        ? `memory, up to ${inMebibytes(memory.maxBytes)}`
        : `${spool.directory}, up to ${inMebibytes(spool.maxBytes)}`
    this.#log = new DeliveryLog({ target: transport.target, keptIn, clock, log })
    this.#stock = new Stock({
      ...{ spool, memory, format, wallClock },
      encodings: options.encodings ?? CONTENT_ENCODINGS,
      onDrop: (dropped, reason) => {
        this.#books.dropped(dropped, reason)
        this.#log.dropped(reason)
      },
      onWrite: (outcome) =>
        outcome === 'written' ? this.#log.spoolWorks() : this.#log.spoolFails(outcome.error),
      onStuck: (error) => this.#log.spoolIsStuck(error),
    })
    this.#line = new HeadOfLine(this.#stock)
    this.#settlement = new Settlement({
      ...{ stock: this.#stock, line: this.#line, pace: this.#pace, books: this.#books, log: this.#log },
      ...{ refused: options.refused, wallClock, deadline: this.#deadline.signal },
    })
  }

  /**
   * Takes over what an earlier run left, and begins to send it.
   * @throws AgentError `TRANSPORT.NO_SPOOL`
   */
  async start(): Promise<void> {
    await this.#stock.open()
    this.#log.foundLeftOver(amountOf(this.#stock.all))
    if (this.#stopped === undefined) this.#sending ??= this.#send()
  }

  /**
   * Takes a payload over; waits for the network only where `whenFull` says so. It is on disk when this resolves, or in
   * memory where there is no spool or it does not work. When there is no room the oldest payload goes, counted.
   * @throws AgentError `TRANSPORT.NOT_RUNNING` before the start and after the end
   */
  async offer(payload: Payload): Promise<void> {
    this.#assertRunning()
    if (this.#options.spool === undefined && this.#options.whenFull === 'wait') {
      await this.#memoryFor(payload)
      this.#assertRunning()
    }
    await this.#stock.take(payload, this.#pace.isFailing)
    this.#notify()
  }

  /**
   * Resolves when everything is delivered, on disk, or counted as not sent, and the transport is closed. Until `byMs` it goes
   * on sending, if the far side takes or refuses something every ten seconds; what waits for a better time gets one attempt at once.
   * @param byMs by the clock's `now()`
   */
  stop(byMs: number): Promise<void> {
    this.#stopped ??= this.#stop(byMs)
    return this.#stopped
  }

  stats(): DeliveryStats {
    return this.#books.stats(this.#options.transport.target, this.#stock.all)
  }

  /** For the summary, after the stop. Samples of this run are written (accepted), spooled, or lost. */
  outcome(): ConsumerOutcome {
    const delivery = this.stats()
    const ours = this.#stock.all.filter(({ from, file }) => from === 'this_run' && file !== undefined)
    return {
      bytes: delivery.delivered.bytes + delivery.replayed.bytes,
      written: delivery.delivered.samples,
      files: [],
      lost: samplesOf(delivery.dropped),
      spooled: amountOf(ours).samples,
      delivery,
    }
  }

  async #stop(byMs: number): Promise<void> {
    const { clock, transport } = this.#options
    const inTime = new AbortController()
    const left = (): number => Math.max(0, byMs - clock.now())
    this.#pace.hurry()
    this.#hurry.abort()
    this.#notify()
    void this.#patience.ends(byMs, inTime.signal).then(() => {
      this.#deadline.abort()
      this.#notify()
    })
    await this.#stock.rescue()
    this.#notify()
    await this.#sending
    await this.#stock.giveUpMemory()
    await Promise.race([
      transport.close().catch(() => undefined),
      clock.sleep(left() + CLOSE_MS, inTime.signal),
    ])
    inTime.abort()
  }

  #assertRunning(): void {
    if (this.#sending === undefined || this.#stopped !== undefined)
      throw new AgentError('TRANSPORT.NOT_RUNNING', 'A payload was offered to an outbox that is not running.')
  }

  /** Resolves when there is room in memory, or when it is not worth waiting for. */
  async #memoryFor({ body }: Payload): Promise<void> {
    while (this.#stopped === undefined && !this.#stock.hasMemoryFor(body.length)) {
      const left = OFFER_WAITS_MS - Math.max(0, this.#pace.failingMs())
      if (left <= 0) return
      const changed = new AbortController()
      await Promise.race([this.#wake.promise, this.#options.clock.sleep(left, changed.signal)])
      changed.abort()
    }
  }

  get #isStopping(): boolean {
    return this.#hurry.signal.aborted
  }

  /** What is not sent soon is lost. */
  get #isLosing(): boolean {
    return this.#isStopping && this.#options.spool === undefined
  }

  async #send(): Promise<void> {
    while (!this.#deadline.signal.aborted) {
      const next = this.#line.next(this.#isLosing ? 'in_haste' : 'patiently')
      if (next === undefined) {
        if (this.#isStopping && this.#stock.all.length === 0) return
        await this.#wake.promise
        continue
      }
      const waitMs = this.#waitMs(next)
      if (waitMs === 0) await this.#attempt(next)
      else if (this.#isStopping && !this.#isWorthWaiting()) return
      else await this.#sleep(waitMs)
    }
  }

  #notify(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }

  #waitMs({ isReplay }: Waiting): number {
    // The disk may go with the machine, too: at the end there is no time to lose.
    const keepsToRate = isReplay && !this.#isStopping
    return Math.max(this.#pace.backoffMs(), keepsToRate ? this.#pace.replayMs() : 0)
  }

  /** When the agent ends: a far side that fails is asked again only for the sake of what would be lost. */
  #isWorthWaiting(): boolean {
    return !this.#pace.isFailing || this.#stock.all.some(({ file }) => file === undefined)
  }

  #sleep(ms: number): Promise<void> {
    const { signal } = this.#isStopping ? this.#deadline : this.#hurry
    return this.#options.clock.sleep(ms, signal)
  }

  async #attempt(waiting: Waiting): Promise<void> {
    this.#stock.claim(waiting)
    try {
      const payload = await this.#load(waiting)
      if (payload === undefined) return
      if (waiting.isReplay) this.#pace.replayBegins()
      await this.#stock.mark(waiting, 'sending')
      const delivery = await this.#deliver(payload)
      if (delivery.outcome !== 'retry') this.#patience.answered()
      await this.#settlement.settle(waiting, payload, delivery)
    } finally {
      this.#stock.release()
      this.#notify()
      if (this.#stock.all.length === 0) this.#log.isEmpty()
    }
  }

  async #load(waiting: Waiting): Promise<Payload | undefined> {
    try {
      return await this.#stock.load(waiting)
    } catch (error) {
      this.#settlement.failed(`a payload cannot be read from the spool: ${messageOf(error)}`)
      return undefined
    }
  }

  async #deliver(payload: Payload): Promise<Delivery> {
    const { signal } = this.#deadline
    if (signal.aborted) return { ...FAILED, reason: 'the agent ended', perhapsTaken: false, reached: false }
    try {
      const answer = this.#options.transport.send(payload, signal)
      return await orAborted(answer, signal).catch(() => inThisTurn(answer))
    } catch (error) {
      return { ...FAILED, reason: messageOf(error), perhapsTaken: true, reached: true }
    }
  }
}

/** An answer that comes in the very moment of the deadline is still an answer. */
async function inThisTurn(answer: Promise<Delivery>): Promise<Delivery> {
  const tooLate = nextTurn().then((): never => {
    throw new AgentError('TRANSPORT.STOPPED', 'the time to send was over')
  })
  return Promise.race([answer, tooLate])
}

const inMebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`
