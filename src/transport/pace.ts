// When the next attempt may begin.

import { type Backoff, fullJitterMs } from '../base/backoff.ts'
import type { Clock } from '../base/clock.ts'
import type { Milliseconds } from '../core/units.ts'

export interface PaceOptions {
  readonly backoff: Backoff
  /** The longest wait that the far side is granted. */
  readonly maxAskedMs: number
  /** Of payloads that waited for the far side: a server that has just recovered is not flooded. */
  readonly replaysPerSecond: number
}

export const PACE_DEFAULTS: PaceOptions = {
  backoff: { initialMs: 1_000, factor: 2, maxMs: 30_000 },
  maxAskedMs: 600_000,
  replaysPerSecond: 10,
}

/** Belongs to the endpoint, not to a payload: that another one is the oldest now is no reason to hurry. */
export class Pace {
  readonly #options: PaceOptions
  readonly #clock: Clock
  readonly #random: () => number
  #failures = 0
  #failingSince = Number.POSITIVE_INFINITY
  #notBefore = Number.NEGATIVE_INFINITY
  #nextReplay = Number.NEGATIVE_INFINITY

  constructor(options: PaceOptions, clock: Clock, random: () => number) {
    this.#options = options
    this.#clock = clock
    this.#random = random
  }

  /** Whether the newest attempt is to be repeated. */
  get isFailing(): boolean {
    return this.#failures > 0
  }

  /** Milliseconds since the first failure after which every attempt was to be repeated; negative: the newest one was not. */
  failingMs(): number {
    return this.#clock.now() - this.#failingSince
  }

  /** Milliseconds until the far side may be bothered again. */
  backoffMs(): number {
    return Math.max(0, this.#notBefore - this.#clock.now())
  }

  /** Milliseconds until the next replay. */
  replayMs(): number {
    return Math.max(0, this.#nextReplay - this.#clock.now())
  }

  replayBegins(): void {
    this.#nextReplay = this.#clock.now() + 1_000 / this.#options.replaysPerSecond
  }

  answered(): void {
    this.#failures = 0
    this.#failingSince = Number.POSITIVE_INFINITY
    this.#notBefore = Number.NEGATIVE_INFINITY
  }

  /** @param asked for by the far side */
  failed(asked: Milliseconds | undefined): void {
    const { backoff, maxAskedMs } = this.#options
    if (this.#failures === 0) this.#failingSince = this.#clock.now()
    this.#failures++
    const jitter = fullJitterMs(backoff, this.#failures, this.#random())
    this.#notBefore = this.#clock.now() + Math.max(jitter, Math.min(asked ?? 0, maxAskedMs))
  }

  /** The next attempt may begin at once. */
  hurry(): void {
    this.#notBefore = Number.NEGATIVE_INFINITY
  }
}
