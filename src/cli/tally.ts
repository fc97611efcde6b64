// Counts what a run took and lost, window by window.

import { increase, inOrder } from '../core/counts.ts'
import { LEFT_OUT_REASONS, LOSS_REASONS } from '../core/loss.ts'
import type { ProfileBatch, SessionInfo } from '../core/profile.ts'
import type { Counts, EventSummary, SessionSummary, Summary } from '../core/summary.ts'
import type { UnixTime } from '../core/units.ts'
import { sumOf } from './columns.ts'
import { StackTally } from './stack-tally.ts'

interface SessionTally {
  readonly session: SessionInfo
  readonly start: UnixTime
  end: UnixTime
  taken: number
  value: bigint
  readonly lost: Map<string, number>
  readonly leftOut: Map<string, number>
}

export class Tally {
  readonly #sessions = new Map<SessionInfo, SessionTally>()
  readonly #stacks = new StackTally()
  #firstSample: bigint | undefined

  async add(batch: ProfileBatch): Promise<void> {
    const { samples, session, window, losses, leftOut } = batch
    const tally = this.#sessions.get(session) ?? newTally(session, window.unixStart)
    this.#sessions.set(session, tally)
    tally.end = window.unixEnd
    tally.taken += samples.length
    tally.value += sumOf(samples.value)
    for (const { reason, count } of losses) increase(tally.lost, reason, count)
    for (const { reason, count } of leftOut) increase(tally.leftOut, reason, count)
    const first = samples.time[0]
    if (first !== undefined && first < (this.#firstSample ?? first + 1n)) this.#firstSample = first
    await this.#stacks.add(batch)
  }

  /** CLOCK_MONOTONIC of the first sample. */
  get firstSample(): bigint | undefined {
    return this.#firstSample
  }

  get taken(): number {
    return [...this.#sessions.values()].reduce((sum, { taken }) => sum + taken, 0)
  }

  /** Unix time of the first window's start and the last one's end. */
  get range(): { readonly start: UnixTime; readonly end: UnixTime } | undefined {
    const [first, ...others] = this.#sessions.values()
    if (first === undefined) return undefined
    let { start, end } = first
    for (const tally of others) {
      if (tally.start < start) start = tally.start
      if (tally.end > end) end = tally.end
    }
    return { start, end }
  }

  get lost(): Counts {
    return this.#total(({ lost }) => lost, LOSS_REASONS)
  }

  get leftOut(): Counts {
    return this.#total(({ leftOut }) => leftOut, LEFT_OUT_REASONS)
  }

  #total(of: (tally: SessionTally) => ReadonlyMap<string, number>, reasons: readonly string[]): Counts {
    const total = new Map<string, number>()
    for (const tally of this.#sessions.values()) {
      for (const [reason, count] of of(tally)) increase(total, reason, count)
    }
    return inOrder(total, reasons)
  }

  sessions(): readonly SessionSummary[] {
    return [...this.#sessions.values()].map(sessionSummary)
  }

  events(): Readonly<Record<string, EventSummary>> {
    const events = new Map<string, EventSummary>()
    for (const { session, taken, value } of this.#sessions.values()) {
      const { name, unit } = session.event
      const known = events.get(name) ?? { samples: 0, value: 0n, unit }
      events.set(name, { samples: known.samples + taken, value: known.value + value, unit })
    }
    return Object.fromEntries(events)
  }

  stacks(): Summary['stacks'] {
    return this.#stacks.summary()
  }
}

const newTally = (session: SessionInfo, start: UnixTime): SessionTally => ({
  session,
  start,
  end: start,
  taken: 0,
  value: 0n,
  lost: new Map(),
  leftOut: new Map(),
})

function sessionSummary({ session, start, end, taken, value, lost, leftOut }: SessionTally): SessionSummary {
  const { config, event, rate, callGraph, cpus } = session
  return {
    config,
    event: event.name,
    ...(rate.by === 'frequency' ? { frequency: rate.hertz } : { period: rate.period }),
    unit: event.unit,
    callGraph,
    cpus,
    startedAt: rfc3339(start),
    endedAt: rfc3339(end),
    taken,
    lost: inOrder(lost, LOSS_REASONS),
    leftOut: inOrder(leftOut, LEFT_OUT_REASONS),
    value,
  }
}

export const rfc3339 = (time: UnixTime): string => new Date(Number(time / 1_000_000n)).toISOString()
