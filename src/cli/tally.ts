// Counts what a run took and lost, window by window.

import { increase, inOrder } from '../core/counts.ts'
import { LEFT_OUT_REASONS, LOSS_REASONS } from '../core/loss.ts'
import type { ProfileBatch, SessionInfo } from '../core/profile.ts'
import type { Counts, EventSummary, SessionSummary, Summary } from '../core/summary.ts'
import type { UnixTime } from '../core/units.ts'
import { sumOf } from './columns.ts'
import { StackTally } from './stack-tally.ts'

/** More sessions than these are told apart by their configuration and event alone, those that went first. */
const MAX_SESSIONS = 256
/** As many configurations and events are told apart then. */
const MAX_MERGED = 256
/** No configuration is called so. */
const OTHERS = { name: '[others]', version: '' }

interface SessionTally {
  /** The newest, where it stands for several. */
  session: SessionInfo
  sessions: number
  start: UnixTime
  end: UnixTime
  taken: number
  value: bigint
  readonly lost: Map<string, number>
  readonly leftOut: Map<string, number>
}

export class Tally {
  /** In the order in which they came. */
  readonly #sessions = new Map<SessionInfo, SessionTally>()
  /** Those of which samples came last stand last. */
  readonly #recent = new Set<SessionInfo>()
  /** Of several sessions, by configuration and event. */
  readonly #merged = new Map<string, SessionTally>()
  readonly #stacks = new StackTally()
  #firstSample: bigint | undefined

  async add(batch: ProfileBatch): Promise<void> {
    const { samples, session, window, losses, leftOut } = batch
    const tally = this.#sessions.get(session) ?? newTally(session, window.unixStart)
    this.#sessions.set(session, tally)
    this.#recent.delete(session)
    this.#recent.add(session)
    tally.end = window.unixEnd
    tally.taken += samples.length
    tally.value += sumOf(samples.value)
    for (const { reason, count } of losses) increase(tally.lost, reason, count)
    for (const { reason, count } of leftOut) increase(tally.leftOut, reason, count)
    const first = samples.time[0]
    if (first !== undefined && first < (this.#firstSample ?? first + 1n)) this.#firstSample = first
    this.#mergeOldest()
    await this.#stacks.add(batch)
  }

  #mergeOldest(): void {
    const [oldest] = this.#recent
    const tally = oldest && this.#sessions.get(oldest)
    if (oldest === undefined || tally === undefined || this.#sessions.size <= MAX_SESSIONS) return
    this.#recent.delete(oldest)
    this.#sessions.delete(oldest)
    const key = keyOf(oldest, oldest.config)
    if (this.#merged.has(key) || this.#merged.size < MAX_MERGED) this.#merge(key, tally)
    else this.#merge(keyOf(oldest, OTHERS), { ...tally, session: { ...oldest, config: OTHERS } })
  }

  #merge(key: string, tally: SessionTally): void {
    const known = this.#merged.get(key)
    if (known === undefined) this.#merged.set(key, tally)
    else addTo(known, tally)
  }

  get #tallies(): readonly SessionTally[] {
    return [...this.#merged.values(), ...this.#sessions.values()]
  }

  /** CLOCK_MONOTONIC of the first sample. */
  get firstSample(): bigint | undefined {
    return this.#firstSample
  }

  get taken(): number {
    return this.#tallies.reduce((sum, { taken }) => sum + taken, 0)
  }

  /** Unix time of the first window's start and the last one's end. */
  get range(): { readonly start: UnixTime; readonly end: UnixTime } | undefined {
    const [first, ...others] = this.#tallies
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
    for (const tally of this.#tallies) {
      for (const [reason, count] of of(tally)) increase(total, reason, count)
    }
    return inOrder(total, reasons)
  }

  sessions(): readonly SessionSummary[] {
    return this.#tallies.map(sessionSummary)
  }

  events(): Readonly<Record<string, EventSummary>> {
    const events = new Map<string, EventSummary>()
    for (const { session, taken, value } of this.#tallies) {
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
  sessions: 1,
  start,
  end: start,
  taken: 0,
  value: 0n,
  lost: new Map(),
  leftOut: new Map(),
})

const keyOf = ({ event }: SessionInfo, config: SessionInfo['config']): string =>
  JSON.stringify([config?.name, event.name])

/** Later sessions of the same configuration and event. */
function addTo(
  sum: SessionTally,
  { session, sessions, start, end, taken, value, lost, leftOut }: SessionTally,
): void {
  sum.session = session
  sum.sessions += sessions
  if (start < sum.start) sum.start = start
  if (end > sum.end) sum.end = end
  sum.taken += taken
  sum.value += value
  for (const [reason, count] of lost) increase(sum.lost, reason, count)
  for (const [reason, count] of leftOut) increase(sum.leftOut, reason, count)
}

function sessionSummary(tally: SessionTally): SessionSummary {
  const { session, sessions, start, end, taken, value, lost, leftOut } = tally
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
    ...(sessions > 1 && { merged: sessions }),
  }
}

export const rfc3339 = (time: UnixTime): string => new Date(Number(time / 1_000_000n)).toISOString()
