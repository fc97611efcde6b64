// What follows from the outcome of an attempt: on disk, in the account, in the log, and for the next attempt.

import type { Delivery, Payload } from '../core/delivery.ts'
import type { Milliseconds } from '../core/units.ts'
import type { DeliveryBooks } from './delivery-books.ts'
import type { DeliveryLog } from './delivery-log.ts'
import type { HeadOfLine } from './head-of-line.ts'
import type { Pace } from './pace.ts'
import type { RefusedPayloads } from './refused-payloads.ts'
import type { Stock } from './stock.ts'
import type { Waiting } from './waiting.ts'

export interface SettlementOptions {
  readonly stock: Stock
  readonly line: HeadOfLine
  readonly pace: Pace
  readonly books: DeliveryBooks
  readonly log: DeliveryLog
  readonly refused: RefusedPayloads | undefined
  readonly wallClock: () => Date
  /** Aborted: an attempt that failed says nothing about the far side any more. */
  readonly deadline: AbortSignal
}

type Accepted = Extract<Delivery, { outcome: 'accepted' }>

/** An acceptance or a refusal is on disk when it is settled, and only then in the account. */
export class Settlement {
  readonly #options: SettlementOptions

  constructor(options: SettlementOptions) {
    this.#options = options
  }

  async settle(waiting: Waiting, payload: Payload, delivery: Delivery): Promise<void> {
    const { stock, line, books, deadline } = this.#options
    switch (delivery.outcome) {
      case 'accepted':
        return this.#accepted(waiting, payload, delivery)
      case 'refused':
        return this.#refused(waiting, payload, delivery.reason)
      case 'retry':
        waiting.perhapsTaken ||= delivery.perhapsTaken
        await stock.mark(waiting, waiting.perhapsTaken ? 'sending' : 'waiting')
        if (deadline.aborted) return
        books.retried()
        if (delivery.reached) line.notAccepted(waiting)
        return this.failed(delivery.reason, delivery.after)
    }
  }

  /** @param asked how long the far side wants to be left alone */
  failed(reason: string, asked?: Milliseconds): void {
    const { stock, pace, books, log, wallClock } = this.#options
    for (const waiting of stock.all) waiting.isReplay = true
    pace.failed(asked)
    books.failed(reason, wallClock())
    log.cannotDeliver(reason, books.allDropped())
  }

  async #accepted(
    waiting: Waiting,
    payload: Payload,
    { rejectedProfiles, message }: Accepted,
  ): Promise<void> {
    const { stock, line, pace, books, log } = this.#options
    const rejected = Math.min(Math.max(rejectedProfiles, 0), payload.profiles)
    if (rejected > 0 && rejected === payload.profiles)
      return this.#refused(waiting, payload, message || 'it rejected all profiles and gave no reason')
    books.rejected(rejected)
    if (rejected > 0 || message !== '') log.remarked(message || 'it rejected some profiles')
    await stock.unspool(waiting)
    stock.settle(waiting)
    books.delivered(waiting)
    pace.answered()
    log.delivers(stock.all.length, books.allDropped())
    await line.accepted(waiting)
  }

  async #refused(waiting: Waiting, payload: Payload, reason: string): Promise<void> {
    const { stock, line, pace, books, log, refused, wallClock } = this.#options
    log.refused(reason)
    await refused?.keep(payload, reason, wallClock()).catch((error: unknown) => log.cannotKeepRefused(error))
    await stock.unspool(waiting)
    stock.settle(waiting)
    books.dropped(waiting, 'refused')
    books.failed(reason, wallClock())
    line.notAccepted(waiting)
    pace.answered()
  }
}
