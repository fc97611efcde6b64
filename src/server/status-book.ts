// What a running agent knows of itself, put together when somebody asks.

import type { ConsumerOutcome } from '../core/consumer.ts'
import { increase, inOrder } from '../core/counts.ts'
import type { DeliveryStats } from '../core/delivery.ts'
import { LEFT_OUT_REASONS, LOSS_REASONS } from '../core/loss.ts'
import type { ProfileBatch, SessionInfo, StackTable, TimeRange } from '../core/profile.ts'
import type { FilterRule, SampleFilter } from '../core/sample-filter.ts'
import { matchText } from '../core/sample-match.ts'
import type {
  ConfigurationStatus,
  ConsumerStatus,
  DeliveryStatus,
  EndedSessionsStatus,
  FilesStatus,
  FlightRecorderStatus,
  RuleStatus,
  SamplerStatus,
  SessionStatus,
  Status,
  Trouble,
} from '../core/status.ts'
import type { ConsumerResult } from '../core/summary.ts'
import type { UnixTime } from '../core/units.ts'

/** What is known elsewhere. */
export interface StatusFacts {
  /** Sonde's. */
  readonly version: string
  readonly pid: number
  readonly state: Status['state']
  readonly startedAt: Date
  readonly dataDirectory: string
  readonly sessions: readonly SessionInfo[]
  readonly filter: SampleFilter
  readonly sampler: SamplerStatus | null
  readonly configuration: ConfigurationStatus | null
  readonly flightRecorder: FlightRecorderStatus | null
  /** What has become of every consumer's batches until now. */
  readonly results: ReadonlyMap<string, ConsumerResult>
}

interface SessionCounts {
  taken: number
  readonly lost: Map<string, number>
  readonly leftOut: Map<string, number>
}

/** Fewer run at once. Of more sessions than that, those that were heard of longest ago are told apart no more. */
const MAX_SESSIONS = 1024

/** Sees every batch on its way to the consumers, and counts. */
export class StatusBook {
  /** By SessionInfo.id; those heard of last stand last. */
  readonly #sessions = new Map<number, SessionCounts>()
  /** Of those that have no counts of their own any more. */
  readonly #forgotten = { sessions: 0, counts: noCounts() }
  #windows = 0
  /** Batches of one window share their stacks. */
  readonly #seen = new WeakSet<StackTable>()
  #newest: TimeRange | undefined

  add({ samples, session, window, stacks, losses, leftOut }: ProfileBatch): void {
    if (!this.#seen.has(stacks)) this.#windows++
    this.#seen.add(stacks)
    if (this.#newest === undefined || this.#newest.end <= window.end) this.#newest = window
    const counts = this.#sessions.get(session.id) ?? noCounts()
    this.#sessions.delete(session.id)
    this.#sessions.set(session.id, counts)
    counts.taken += samples.length
    for (const { reason, count } of losses) increase(counts.lost, reason, count)
    for (const { reason, count } of leftOut) increase(counts.leftOut, reason, count)
    this.#forgetOldest()
  }

  #forgetOldest(): void {
    const [oldest] = this.#sessions
    if (oldest === undefined || this.#sessions.size <= MAX_SESSIONS) return
    const [id, counts] = oldest
    this.#sessions.delete(id)
    this.#forgotten.sessions++
    addTo(this.#forgotten.counts, counts)
  }

  #ended(running: readonly SessionInfo[]): EndedSessionsStatus {
    const ids = new Set(running.map(({ id }) => id))
    const ended = [...this.#sessions].filter(([id]) => !ids.has(id))
    const sum = noCounts()
    for (const counts of [this.#forgotten.counts, ...ended.map(([, each]) => each)]) addTo(sum, counts)
    return { sessions: this.#forgotten.sessions + ended.length, ...figuresOf(sum) }
  }

  status(facts: StatusFacts): Status {
    const { pid, state, startedAt, dataDirectory } = facts
    return {
      version: 1,
      agentVersion: facts.version,
      pid,
      state,
      startedAt: startedAt.toISOString(),
      dataDirectory,
      windows: {
        closed: this.#windows,
        newestEnd: this.#newest === undefined ? null : rfc3339(this.#newest.unixEnd),
      },
      sampler: facts.sampler,
      configuration: facts.configuration,
      sessions: facts.sessions.map((session) => sessionStatus(session, this.#sessions.get(session.id))),
      endedSessions: this.#ended(facts.sessions),
      filter: facts.filter.rules.map(ruleStatus),
      flightRecorder: facts.flightRecorder,
      consumers: Object.fromEntries(
        [...facts.results].map(([name, result]) => [name, consumerStatus(result)]),
      ),
    }
  }
}

const noCounts = (): SessionCounts => ({ taken: 0, lost: new Map(), leftOut: new Map() })

function addTo(sum: SessionCounts, { taken, lost, leftOut }: SessionCounts): void {
  sum.taken += taken
  for (const [reason, count] of lost) increase(sum.lost, reason, count)
  for (const [reason, count] of leftOut) increase(sum.leftOut, reason, count)
}

const figuresOf = ({ taken, lost, leftOut }: SessionCounts) => ({
  taken,
  lost: inOrder(lost, LOSS_REASONS),
  leftOut: inOrder(leftOut, LEFT_OUT_REASONS),
})

const ruleStatus = (rule: FilterRule): RuleStatus => ({
  action: rule.action,
  match: matchText(rule.match),
  ...(rule.action === 'thin' ? { oneIn: rule.oneIn } : {}),
})

const rfc3339 = (time: UnixTime): string => new Date(Number(time / 1_000_000n)).toISOString()

function sessionStatus(session: SessionInfo, counts: SessionCounts | undefined): SessionStatus {
  const { config, event, rate, callGraph, cpus } = session
  return {
    config,
    event: event.name,
    ...(rate.by === 'frequency' ? { frequency: rate.hertz } : { period: rate.period }),
    unit: event.unit,
    callGraph,
    cpus,
    ...figuresOf(counts ?? noCounts()),
  }
}

function consumerStatus({ lane, outcome }: ConsumerResult): ConsumerStatus {
  const { queued, queuedBytes, delivered, failed, dropped, lastError = null } = lane
  const { delivery } = outcome
  return {
    lane: { queued, queuedBytes, delivered, failed, dropped },
    trouble: troubleOf(lane, delivery),
    lastError: delivery?.lastError?.error ?? lastError,
    lost: outcome.lost,
    ...(delivery === undefined ? { files: filesStatus(outcome) } : { delivery: deliveryStatus(delivery) }),
  }
}

/** What keeps payloads from arriving comes first: a lane that is full is often what follows. */
function troubleOf(lane: ConsumerResult['lane'], delivery: DeliveryStats | undefined): Trouble | null {
  const ofDelivery = delivery?.trouble
  if (ofDelivery !== undefined) return { error: ofDelivery.error, since: ofDelivery.since.toISOString() }
  if (lane.troubledSince === undefined) return null
  const error = lane.lastError ?? 'its lane is full'
  return { error, since: lane.troubledSince.toISOString() }
}

const filesStatus = ({ files, bytes, written, open }: ConsumerOutcome): FilesStatus => ({
  finished: files.length,
  bytes,
  samples: written,
  open: open ?? null,
})

/** Each field by name: what else the figures may come to hold is not told by accident. */
const deliveryStatus = (stats: DeliveryStats): DeliveryStatus => ({
  target: stats.target,
  queued: stats.queued,
  spooled: stats.spooled,
  delivered: stats.delivered,
  replayed: stats.replayed,
  dropped: stats.dropped,
  droppedReplays: stats.droppedReplays,
  possiblyDuplicated: stats.possiblyDuplicated,
  rejectedProfiles: stats.rejectedProfiles,
  retries: stats.retries,
})
