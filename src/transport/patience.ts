import type { Clock } from '../base/clock.ts'

/** At the end: how long a far side is believed in that answers nothing, however much time there is. */
const PATIENCE_MS = 10_000

/** How long somebody waits for what is still to be sent: a command does not hang because an endpoint is dead. */
export class Patience {
  readonly #clock: Clock
  #answeredAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The far side took or refused a payload. */
  answered(): void {
    this.#answeredAt = this.#clock.now()
  }

  /**
   * Resolves at `byMs`, or when the far side has answered nothing for too long, counted from now at the earliest; or with the
   * signal.
   * @param byMs by the clock's `now()`
   */
  async ends(byMs: number, signal: AbortSignal): Promise<void> {
    const began = this.#clock.now()
    while (!signal.aborted) {
      const until = Math.min(byMs, Math.max(began, this.#answeredAt) + PATIENCE_MS)
      const left = until - this.#clock.now()
      if (left <= 0) return
      await this.#clock.sleep(left, signal)
    }
  }
}
