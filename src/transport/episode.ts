// Something that begins, lasts and ends, such as an outage: what is said of it in a log.

import type { Clock } from '../base/clock.ts'

/** One that comes and goes is said once in this time. */
const QUIET_MS = 600_000
/** But one that lasts this long is said in any case. */
const LASTING_MS = 60_000

/** Says when to speak: at its beginning and at its end, never of each repetition in between. */
export class Episode {
  readonly #clock: Clock
  #since: number | undefined
  #said = false
  #lastSaid = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** It is so (still). Whether to say that it has begun. */
  goesOn(): boolean {
    const now = this.#clock.now()
    const begins = this.#since === undefined
    this.#since ??= now
    if (begins) this.#said = false
    if (this.#said || (now - this.#lastSaid < QUIET_MS && now - this.#since < LASTING_MS)) return false
    this.#said = true
    this.#lastSaid = now
    return true
  }

  /** It is not so (any more). Undefined, or how long it lasted where its beginning was said. */
  isOver(): number | undefined {
    const lasted = this.#since === undefined ? undefined : this.#clock.now() - this.#since
    this.#since = undefined
    return this.#said ? lasted : undefined
  }
}
