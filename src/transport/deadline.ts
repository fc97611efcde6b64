import type { Milliseconds } from '../core/units.ts'

/** Ends an attempt: when its time is over, or when whoever asked for it wants no more of it. */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #asked: AbortSignal
  readonly #timer: NodeJS.Timeout
  readonly #stop = (): void => this.#controller.abort(this.#asked.reason)

  constructor(timeoutMs: Milliseconds, asked: AbortSignal) {
    this.#asked = asked
    this.#timer = setTimeout(() => this.#controller.abort(new TimeOver()), timeoutMs)
    asked.addEventListener('abort', this.#stop)
    if (asked.aborted) this.#stop()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** To be called in every case: it holds a timer and a listener. */
  release(): void {
    clearTimeout(this.#timer)
    this.#asked.removeEventListener('abort', this.#stop)
  }
}

/** What Deadline's signal aborts with when the time is over. */
export class TimeOver extends Error {
  override readonly name = 'TimeOver'
}
