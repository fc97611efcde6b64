// How long things may take once the agent was told to stop.

import type { Clock } from './clock.ts'

export interface StopTimes {
  /** From `begin` until everything is over, in ms. */
  readonly total: number
  /** Of it, for what comes after the last consumer: closing, releasing, leaving. */
  readonly margin: number
}

/** Counts from `begin`. Before, nothing is limited. */
export class StopDeadline {
  readonly #clock: Pick<Clock, 'now'>
  readonly #times: StopTimes
  readonly #began = new AbortController()
  #by: number | undefined

  constructor(times: StopTimes, clock: Pick<Clock, 'now'>) {
    this.#times = times
    this.#clock = clock
  }

  /** Safe twice: the first call counts. */
  begin(): void {
    if (this.#by !== undefined) return
    this.#by = this.#clock.now() + this.#times.total - this.#times.margin
    this.#began.abort()
  }

  /** Aborts when the stop begins. */
  get began(): AbortSignal {
    return this.#began.signal
  }

  /** By the clock's `now`: when consumers have to be done. Undefined until the stop begins. */
  get by(): number | undefined {
    return this.#by
  }

  /** Of a wait of usually `usual` ms: what is left of it, if it may last for `share` of the consumers' time. */
  left(usual: number, share = 1): number {
    const unused = (this.#times.total - this.#times.margin) * (1 - share)
    return this.#until(usual, -unused)
  }

  /**
   * The same for a consumer to stop. Who sends until `by` is done a little later, and is not given up in that very moment: it
   * may use half of the margin.
   */
  leftToStop(usual: number): number {
    return this.#until(usual, this.#times.margin / 2)
  }

  /** The same for what comes after the consumers. */
  leftOfAll(usual: number): number {
    return this.#until(usual, this.#times.margin)
  }

  #until(usual: number, afterBy: number): number {
    if (this.#by === undefined) return usual
    return Math.min(usual, Math.max(0, this.#by + afterBy - this.#clock.now()))
  }
}
