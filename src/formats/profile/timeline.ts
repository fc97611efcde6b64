// What happened while a profile was taken, for formats that have a timeline.

import type { ProcessEvent } from '../../core/process.ts'
import type { ProfileBatch } from '../../core/profile.ts'
import type { MemoryBudget } from './sequence-table.ts'

/** Something that a thread did. Times are Unix ns. */
export type ThreadEvent =
  | {
      readonly kind: 'exec'
      readonly time: bigint
      readonly pid: number
      readonly tid: number
      readonly comm: string
    }
  | {
      readonly kind: 'fork'
      readonly time: bigint
      readonly pid: number
      readonly tid: number
      readonly parentPid: number
      readonly parentTid: number
    }
  | { readonly kind: 'exit'; readonly time: bigint; readonly pid: number; readonly tid: number }

/** Something that befell sampling. */
export type SamplingEvent =
  /** When exactly is not known: in a window. */
  | {
      readonly kind: 'lost'
      readonly session: number
      readonly from: bigint
      readonly until: bigint
      readonly reason: string
      readonly count: number
    }
  | {
      readonly kind: 'throttle' | 'unthrottle'
      readonly session: number
      readonly time: bigint
      readonly cpu: number
    }

/** An object with a handful of fields, some of them bigints. */
const EVENT_BYTES = 160

export class Timeline {
  readonly threads: ThreadEvent[] = []
  readonly sampling: SamplingEvent[] = []
  /** Events that found no room. */
  dropped = 0
  readonly #budget: MemoryBudget
  /** All sessions of a window tell of the same threads. */
  #window = ''

  constructor(budget: MemoryBudget) {
    this.#budget = budget
  }

  add(batch: ProfileBatch): void {
    const { session, window } = batch
    const unixOffset = window.unixStart - window.start
    const key = `${session.source}/${window.sequence}`
    if (key !== this.#window) this.#addThreads(batch, unixOffset)
    this.#window = key
    for (const { reason, count } of batch.losses) {
      const when = { from: window.unixStart, until: window.unixEnd }
      this.#keep(this.sampling, { kind: 'lost', session: session.id, ...when, reason, count })
    }
    for (const { kind, time, cpu } of batch.notices) {
      // Their counts are among the losses.
      if (kind === 'lost') continue
      this.#keep(this.sampling, { kind, session: session.id, time: time + unixOffset, cpu })
    }
  }

  #addThreads({ processes: { events, snapshotLength } }: ProfileBatch, unixOffset: bigint): void {
    for (let index = snapshotLength; index < events.length; index++) {
      const event = threadEventOf(events.at(index), unixOffset)
      if (event !== undefined) this.#keep(this.threads, event)
    }
  }

  #keep<Event>(events: Event[], event: Event): void {
    if (this.#budget.take(EVENT_BYTES)) events.push(event)
    else this.dropped++
  }
}

function threadEventOf(event: ProcessEvent, unixOffset: bigint): ThreadEvent | undefined {
  if (event.synthesised) return undefined
  const { pid, tid } = event
  const time = event.time + unixOffset
  switch (event.kind) {
    case 'comm':
      return event.exec ? { kind: 'exec', time, pid, tid, comm: event.comm } : undefined
    case 'fork':
      return { kind: 'fork', time, pid, tid, parentPid: event.parentPid, parentTid: event.parentTid }
    case 'exit':
      return { kind: 'exit', time, pid, tid }
    case 'mmap':
      return undefined
  }
}
