// A clock that moves when a test says so.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../src/base/clock.ts'

interface Sleeper {
  readonly due: number
  readonly wake: () => void
}

/** Turns of the event loop in which nothing happens any more. */
const QUIET_TURNS = 4
/** How long a condition may take to come true, by a real clock: only a broken test takes that long. */
const MAX_REAL_MS = 60_000

export class FakeClock implements Clock {
  #now = 1_000
  #sleepers: Sleeper[] = []
  /** How long each sleep was to be. */
  readonly sleeps: number[] = []

  now = (): number => this.#now

  sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    this.sleeps.push(ms)
    return new Promise((resolve) => {
      const sleeper: Sleeper = {
        due: this.#now + ms,
        wake: () => {
          this.#sleepers = this.#sleepers.filter((one) => one !== sleeper)
          signal?.removeEventListener('abort', sleeper.wake)
          resolve()
        },
      }
      this.#sleepers.push(sleeper)
      if (signal?.aborted === true) sleeper.wake()
      else signal?.addEventListener('abort', sleeper.wake)
    })
  }

  /** The time of day that goes with it. */
  wallClock = (): Date => new Date(Date.UTC(2026, 0, 2) + this.#now)

  /** Lets so much time pass; whoever sleeps wakes in order, and does what there is to do before time goes on. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settled()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.due)
      next.wake()
      await settled()
    }
    this.#now = end
  }

  /** Lets time pass from one sleeper to the next until it is so. */
  async passUntil(condition: () => boolean): Promise<void> {
    const began = performance.now()
    for (await settled(); !condition(); await settled()) {
      if (performance.now() - began > MAX_REAL_MS) throw new Error(`it does not come true: ${condition}`)
      const next = this.#next(Number.POSITIVE_INFINITY)
      if (next === undefined) continue
      this.#now = Math.max(this.#now, next.due)
      next.wake()
    }
  }

  #next(end: number): Sleeper | undefined {
    const due = this.#sleepers.filter((sleeper) => sleeper.due <= end)
    return due.sort((a, b) => a.due - b.due)[0]
  }
}

/** Resolves when no file operation is under way and nothing waits for its turn: what is left waits for time to pass. */
export async function settled(): Promise<void> {
  for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
    await nextTurn()
    if (process.getActiveResourcesInfo().some((name) => /^(?:FSReq|CloseReq)/.test(name))) quiet = -1
  }
}
