import { type Amount, type DeliveryStats, DROP_REASONS, type DropReason } from '../core/delivery.ts'
import { amountOf, NOTHING, plus, type Waiting } from './waiting.ts'

type Origin = Waiting['from']
type Dropped = Readonly<Partial<Record<DropReason, Amount>>>

/**
 * The account of an outbox. At every moment: what was offered is queued, delivered or dropped, and what an earlier run left
 * is queued, replayed or dropped.
 */
export class DeliveryBooks {
  #delivered: Record<Origin, Amount> = { this_run: NOTHING, earlier_run: NOTHING }
  #dropped: Record<Origin, Dropped> = { this_run: {}, earlier_run: {} }
  #possiblyDuplicated = NOTHING
  #rejectedProfiles = 0
  #retries = 0
  #trouble: DeliveryStats['trouble']
  #lastError: DeliveryStats['lastError']

  delivered(waiting: Waiting): void {
    const { from } = waiting
    this.#delivered = { ...this.#delivered, [from]: plus(this.#delivered[from], waiting) }
    if (waiting.perhapsTaken) this.#possiblyDuplicated = plus(this.#possiblyDuplicated, waiting)
    this.#trouble = undefined
  }

  dropped(waiting: Waiting, reason: DropReason): void {
    const before = this.#dropped[waiting.from]
    const after = { ...before, [reason]: plus(before[reason] ?? NOTHING, waiting) }
    this.#dropped = { ...this.#dropped, [waiting.from]: after }
  }

  rejected(profiles: number): void {
    this.#rejectedProfiles += profiles
  }

  retried(): void {
    this.#retries++
  }

  failed(error: string, now: Date): void {
    this.#trouble = { error, since: this.#trouble?.since ?? now }
    this.#lastError = { error, at: now }
  }

  /** Everything that has been given up, of whatever run. */
  allDropped(): Amount {
    const amounts = Object.values(this.#dropped).flatMap((dropped) => Object.values(dropped))
    return amounts.reduce<Amount>(
      (sum, { payloads, samples, bytes }) => ({
        payloads: sum.payloads + payloads,
        samples: sum.samples + samples,
        bytes: sum.bytes + bytes,
      }),
      NOTHING,
    )
  }

  stats(target: string, waiting: readonly Waiting[]): DeliveryStats {
    return {
      target,
      queued: amountOf(waiting),
      spooled: amountOf(waiting.filter(({ file }) => file !== undefined)),
      delivered: this.#delivered.this_run,
      replayed: this.#delivered.earlier_run,
      dropped: this.#dropped.this_run,
      droppedReplays: this.#dropped.earlier_run,
      possiblyDuplicated: this.#possiblyDuplicated,
      rejectedProfiles: this.#rejectedProfiles,
      retries: this.#retries,
      trouble: this.#trouble,
      lastError: this.#lastError,
    }
  }
}

/** Samples by the reason for which they were given up. */
export function samplesOf(dropped: Dropped): Readonly<Partial<Record<DropReason, number>>> {
  const reasons = Object.keys(DROP_REASONS) as DropReason[]
  return Object.fromEntries(
    reasons.flatMap((reason) => {
      const amount = dropped[reason]
      return amount === undefined ? [] : [[reason, amount.samples]]
    }),
  )
}
