// One consumer's lane: a bounded queue, and at most one delivery under way.

import { BoundedQueue, type QueueLimits } from '../base/bounded-queue.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { LaneStats } from '../core/router.ts'
import type { Milliseconds } from '../core/units.ts'

export interface LaneOptions extends QueueLimits {
  /** How long one delivery may take. */
  readonly deadline: Milliseconds
  /** Told of the first failure and of the first drop since the lane last worked: a full disk is said once. */
  readonly onProblem: (lane: string, problem: string) => void
  /** The time of day, for people. */
  readonly date: () => Date
  /** Told when a delivery works again, and what was lost meanwhile: samples or points. */
  readonly onRecovery: (lane: string, lost: number) => void
}

/** A batch on its way to one consumer. The lane does not know which signal it is. */
export interface Delivery {
  /** Samples or points. */
  readonly count: number
  readonly bytes: number
  deliver(signal: AbortSignal): Promise<void>
}

/** From the first failure or drop to the next delivery that works. */
interface Trouble {
  readonly since: Date
  lost: number
  readonly told: Set<'failed' | 'dropped'>
}

interface UnderWay {
  readonly delivery: Delivery
  readonly abort: AbortController
  /** Counted as failed: the lane no longer waits for it, but starts nothing else before it has settled. */
  abandoned: boolean
  /** Resolves when it has settled, or was abandoned. */
  readonly over: PromiseWithResolvers<void>
  timer: NodeJS.Timeout | undefined
}

/**
 * A consumer never has two deliveries at once. One that has not settled at its deadline is aborted and counted as
 * failed, whatever becomes of it later. Until it does settle, the lane stands still: new batches queue up and the
 * oldest are dropped, counted. So a consumer that hangs for ever costs its own batches and bounded memory, and one that
 * recovers goes on with the newest.
 */
export class Lane {
  readonly #name: string
  readonly #options: LaneOptions
  readonly #queue: BoundedQueue<Delivery>
  #underWay: UnderWay | undefined
  #closed = false
  #queued = 0
  #delivered = 0
  #failed = 0
  #dropped = 0
  #lastError: string | undefined
  #trouble: Trouble | undefined
  #idle: PromiseWithResolvers<void> | undefined

  constructor(name: string, options: LaneOptions) {
    this.#name = name
    this.#options = options
    this.#queue = new BoundedQueue(options)
  }

  /** Queues the delivery, or drops by the policy. Returns before the consumer sees it. */
  offer(delivery: Delivery): void {
    this.#queued += delivery.count
    const gone = this.#closed ? [delivery] : this.#queue.push(delivery, delivery.bytes)
    this.#drop(gone, 'its lane is full')
    this.#pump()
  }

  stats(): LaneStats {
    return {
      queued: this.#queued,
      queuedBytes: this.#queue.bytes,
      delivered: this.#delivered,
      failed: this.#failed,
      dropped: this.#dropped,
      lastError: this.#lastError,
      troubledSince: this.#trouble?.since,
    }
  }

  /** Resolves when nothing is queued or waited for; when `signal` aborts, what is left is given up and counted. */
  async drain(signal: AbortSignal): Promise<void> {
    const giveUp = (): void => {
      this.#drop(this.#queue.clear(), 'the time to drain was over')
      if (this.#underWay !== undefined) this.#abandon(this.#underWay, 'did not finish before the drain ended')
      this.#settleIdle()
    }
    if (signal.aborted) return giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    await this.whenIdle()
    signal.removeEventListener('abort', giveUp)
  }

  /** Resolves when nothing is queued or waited for. */
  whenIdle(): Promise<void> {
    const busy = this.#underWay !== undefined && !this.#underWay.abandoned
    if (!busy && this.#queue.length === 0) return Promise.resolve()
    this.#idle ??= Promise.withResolvers()
    return this.#idle.promise
  }

  /** Drops what is queued, waits for the delivery under way (or its deadline), and takes nothing from then on. */
  async close(): Promise<void> {
    this.#closed = true
    this.#drop(this.#queue.clear(), 'its lane was closed')
    await this.#underWay?.over.promise
  }

  #pump(): void {
    if (this.#underWay !== undefined) return
    const delivery = this.#queue.shift()
    if (delivery === undefined) this.#settleIdle()
    else void this.#carryOut(delivery)
  }

  async #carryOut(delivery: Delivery): Promise<void> {
    const underWay: UnderWay = {
      delivery,
      abort: new AbortController(),
      abandoned: false,
      over: Promise.withResolvers(),
      timer: undefined,
    }
    this.#underWay = underWay
    const { deadline } = this.#options
    underWay.timer = setTimeout(
      () => this.#abandon(underWay, `did not finish within ${deadline} ms`),
      deadline,
    )
    try {
      await Promise.resolve() // the publisher goes on first
      await delivery.deliver(underWay.abort.signal)
      if (!underWay.abandoned) this.#succeed(delivery)
    } catch (error) {
      if (!underWay.abandoned) this.#fail(delivery, messageOf(error))
    }
    clearTimeout(underWay.timer)
    if (!underWay.abandoned) this.#queued -= delivery.count
    this.#underWay = undefined
    underWay.over.resolve()
    this.#pump()
  }

  #abandon(underWay: UnderWay, problem: string): void {
    if (underWay.abandoned) return
    underWay.abandoned = true
    clearTimeout(underWay.timer)
    this.#queued -= underWay.delivery.count
    this.#fail(underWay.delivery, problem)
    underWay.abort.abort(new AgentError('ROUTER.DEADLINE', `${this.#name} ${problem}`))
    underWay.over.resolve()
    if (this.#queue.length === 0) this.#settleIdle()
  }

  #succeed({ count }: Delivery): void {
    this.#delivered += count
    // A window without samples asks nothing of the consumer, and so proves nothing.
    if (this.#trouble === undefined || count === 0) return
    const { lost } = this.#trouble
    this.#trouble = undefined
    this.#options.onRecovery(this.#name, lost)
  }

  #fail(delivery: Delivery, problem: string): void {
    this.#failed += delivery.count
    this.#lastError = problem
    this.#tell('failed', delivery.count, problem)
  }

  #tell(what: 'failed' | 'dropped', lost: number, problem: string): void {
    this.#trouble ??= { since: this.#options.date(), lost: 0, told: new Set() }
    this.#trouble.lost += lost
    if (this.#trouble.told.has(what)) return
    this.#trouble.told.add(what)
    this.#options.onProblem(this.#name, problem)
  }

  #drop(deliveries: readonly Delivery[], reason: string): void {
    if (deliveries.length === 0) return
    const count = deliveries.reduce((sum, delivery) => sum + delivery.count, 0)
    this.#queued -= count
    this.#dropped += count
    this.#tell('dropped', count, `dropped ${count}: ${reason}`)
  }

  #settleIdle(): void {
    this.#idle?.resolve()
    this.#idle = undefined
  }
}
