import type { Clock } from '../../base/clock.ts'

const MINUTE_MS = 60_000

/** At most so many in any minute. */
export class RateLimit {
  readonly #perMinute: number
  readonly #clock: Clock
  /** When the last ones were let through, the oldest first. */
  #times: number[] = []

  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute
    this.#clock = clock
  }

  /** Resolves when the next one may go, or at once when `signal` aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    const first = this.#times.at(-this.#perMinute)
    const left = first === undefined ? 0 : first + MINUTE_MS - this.#clock.now()
    if (left > 0) await this.#clock.sleep(left, signal)
    this.#times = [...this.#times, this.#clock.now()].slice(-this.#perMinute)
  }
}
