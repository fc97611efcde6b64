// Sources side by side: what several configurations publish, in the order in which their windows close.

import type { ProfileBatch, SessionInfo } from '../../src/core/profile.ts'
import { profileBatchOf, WINDOW_START } from './profile-window.ts'
import { sessionInfo } from './session.ts'

const SECOND = 1_000_000_000n

export interface TestSource {
  readonly session: SessionInfo
  readonly windowSeconds: number
  /** Samples of each window. */
  readonly samples: readonly number[]
  /** Seconds after WINDOW_START; default 0. */
  readonly from?: number
  /** Its last window says so. */
  readonly ends?: boolean
}

/** A configuration of cpu-clock, by default the first source. */
export const webSession = (changes: Partial<SessionInfo> = {}): SessionInfo =>
  sessionInfo({ id: 11, source: 1, config: { name: 'web', version: '3' }, ...changes })

/** One of page-faults, beside it. */
export const nightSession = (changes: Partial<SessionInfo> = {}): SessionInfo =>
  sessionInfo({
    id: 12,
    source: 2,
    config: { name: 'night-shift', version: '1' },
    event: { ...sessionInfo().event, name: 'page-faults', config: 2n, unit: 'count' },
    rate: { by: 'period', period: 1n },
    ...changes,
  })

export function sideBySide(sources: readonly TestSource[]): ProfileBatch[] {
  return sources
    .flatMap((source) => windowsOf(source))
    .toSorted((one, other) => Number(one.window.end - other.window.end))
}

/** Every sample has a stack of its source and one of everybody's; its value is what the session counts. */
function windowsOf({ session, windowSeconds, samples, from = 0, ends = false }: TestSource): ProfileBatch[] {
  const length = BigInt(windowSeconds) * SECOND
  return samples.map((count, sequence) =>
    profileBatchOf({
      session,
      sequence,
      start: WINDOW_START + BigInt(from) * SECOND + BigInt(sequence) * length,
      length,
      isLast: ends && sequence === samples.length - 1,
      samples: Array.from({ length: count }, (_, index) => ({
        stack: [index % 2 === 0 ? `of_${session.config?.name}@app` : 'shared@app', 'main@app'],
        value: session.event.unit === 'count' ? 1n : 10_101_010n,
      })),
    }),
  )
}

export const samplesIn = (batches: readonly ProfileBatch[], source?: number): number =>
  batches
    .filter(({ session }) => source === undefined || session.source === source)
    .reduce((sum, { samples }) => sum + samples.length, 0)
