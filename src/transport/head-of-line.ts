// Whose turn it is: the oldest one's, but a payload that the far side never takes does not hold up those behind it for ever.

import type { Stock } from './stock.ts'
import type { Waiting } from './waiting.ts'

/** How often in a row the oldest one fails before the next one gets a try; where little time is left, fewer. */
const FAILURES = { patiently: 8, in_haste: 2 } as const
/** How often others are taken in its stead before it is given up. */
const MAX_TIMES_PASSED = 5

/**
 * An outage fails for everybody: then the order stays as it is. That somebody else is accepted proves that the oldest one's
 * failures are its own: it goes to the back of the line, and is given up when that happened often enough.
 */
export class HeadOfLine {
  readonly #stock: Stock
  #head: Waiting | undefined
  /** Of the head, in a row. */
  #failures = 0
  /** Had a try in the head's stead, without success. */
  readonly #tried = new Set<Waiting>()

  constructor(stock: Stock) {
    this.#stock = stock
  }

  /**
   * Who is to be sent next; undefined: nobody, or the oldest one is still being written.
   * @param pace how soon others get a try in the head's stead
   */
  next(pace: keyof typeof FAILURES): Waiting | undefined {
    const { head } = this.#stock
    if (head !== this.#head) this.#begin(head)
    return this.#failures >= FAILURES[pace] ? (this.#other() ?? head) : head
  }

  /** The far side was there, and did not accept it. */
  notAccepted(waiting: Waiting): void {
    if (waiting === this.#head) {
      this.#failures++
      return
    }
    this.#failures = 0
    this.#tried.add(waiting)
  }

  /** The far side took it; it does not wait any more. */
  async accepted(waiting: Waiting): Promise<void> {
    const head = this.#head
    this.#begin(undefined)
    if (head === undefined || head === waiting) return
    head.timesPassed++
    if (head.timesPassed < MAX_TIMES_PASSED) this.#stock.moveToBack(head)
    else await this.#stock.giveUp(head)
  }

  #begin(head: Waiting | undefined): void {
    this.#head = head
    this.#failures = 0
    this.#tried.clear()
  }

  /** Each in its turn: the next one may be as hopeless as the head. */
  #other(): Waiting | undefined {
    const others = this.#stock.all.filter((one) => one !== this.#head && !one.isBusy)
    const untried = others.find((one) => !this.#tried.has(one))
    if (untried === undefined) this.#tried.clear()
    return untried ?? others[0]
  }
}
