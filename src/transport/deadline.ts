import type { Clock } from '../base/clock.ts'
import type { Milliseconds } from '../core/units.ts'

/** How long an attempt may take, and by which clock. */
export interface TimeLimit {
  readonly timeoutMs: Milliseconds
  readonly clock: Clock
}

/** Ends an attempt: when its time is over, or when whoever asked for it wants no more of it. */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #released = new AbortController()
  readonly #asked: AbortSignal
  readonly #stop = (): void => this.#controller.abort(this.#asked.reason)

  constructor({ timeoutMs, clock }: TimeLimit, asked: AbortSignal) {
    this.#asked = asked
    void clock.sleep(timeoutMs, this.#released.signal).then(() => {
      if (!this.#released.signal.aborted) this.#controller.abort(new TimeOver())
    })
    asked.addEventListener('abort', this.#stop)
    if (asked.aborted) this.#stop()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** To be called in every case: it holds a timer and a listener. */
  release(): void {
    this.#released.abort()
    this.#asked.removeEventListener('abort', this.#stop)
  }
}

/** What Deadline's signal aborts with when the time is over. */
export class TimeOver extends Error {
  override readonly name = 'TimeOver'
}
