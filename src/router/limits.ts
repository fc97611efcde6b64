// How long the pipeline waits for names and for consumers: as usual, or as the time to stop allows.

import type { StopDeadline } from '../base/stop-deadline.ts'
import { type Milliseconds, milliseconds } from '../core/units.ts'

export interface UsualLimits {
  /** For the names of one window; what has none by then goes without. */
  readonly naming: Milliseconds
  /** For the source to hand over its last window. */
  readonly source: Milliseconds
  /** For what is still in a lane at the end. */
  readonly drain: Milliseconds
  /** For one consumer to finish its files. */
  readonly stop: Milliseconds
  /** For whatever is released behind the last consumer. */
  readonly release: Milliseconds
}

/** The machine goes on. */
export const LIVE_LIMITS: UsualLimits = {
  naming: milliseconds(5_000),
  source: milliseconds(300_000),
  drain: milliseconds(10_000),
  stop: milliseconds(30_000),
  release: milliseconds(300_000),
}

/** A file waits: nothing is dropped, and large symbol tables may be read. */
export const REPLAY_LIMITS: UsualLimits = {
  ...LIVE_LIMITS,
  naming: milliseconds(60_000),
  drain: milliseconds(60_000),
  stop: milliseconds(60_000),
}

/** Servers may be asked for large files meanwhile. */
export const SERVED_REPLAY_LIMITS: UsualLimits = { ...REPLAY_LIMITS, naming: milliseconds(900_000) }

/** Asked when a wait begins. */
export type PipelineLimits = { readonly [Wait in keyof UsualLimits]: () => Milliseconds } & {
  /** Aborts when waits for names become shorter: those under way ask again. Undefined: never. */
  readonly shorten: AbortSignal | undefined
}

/** For whoever has time. */
export const fixedLimits = ({ naming, source, drain, stop, release }: UsualLimits): PipelineLimits => ({
  naming: () => naming,
  source: () => source,
  drain: () => drain,
  stop: () => stop,
  release: () => release,
  shorten: undefined,
})

/**
 * Up to where of the time to stop each wait may last. Until the source is done two windows may wait for names, one after
 * the other; what they do not use is the lanes', and then the consumers'.
 */
const UNTIL = { naming: 0.4, source: 0.5, drain: 0.8 } as const

/** As usual until the stop begins; from then on nothing outlasts its part of the deadline. */
export function limitsBy(deadline: StopDeadline, usual: UsualLimits): PipelineLimits {
  const part = (wait: keyof typeof UNTIL) => (): Milliseconds =>
    milliseconds(deadline.left(usual[wait], UNTIL[wait]))
  return {
    naming: part('naming'),
    source: part('source'),
    drain: part('drain'),
    stop: () => milliseconds(deadline.leftToStop(usual.stop)),
    release: () => milliseconds(deadline.leftOfAll(usual.release)),
    shorten: deadline.began,
  }
}

/** Aborts when the time for the names of a window is over, also where that becomes shorter meanwhile. */
export function limitedSignal({ naming, shorten }: PipelineLimits): {
  readonly signal: AbortSignal
  /** To be called when nobody waits any more. */
  clear(): void
} {
  const over = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const begin = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => over.abort(new Error('naming took too long')), naming())
  }
  begin()
  shorten?.addEventListener('abort', begin, { once: true })
  return {
    signal: over.signal,
    clear() {
      clearTimeout(timer)
      shorten?.removeEventListener('abort', begin)
    },
  }
}
