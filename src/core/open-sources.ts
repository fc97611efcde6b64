// What is kept for each source between its windows, from its first batch until its end has come or must have been missed.

import type { ProfileBatch, TimeRange } from './profile.ts'
import type { MonotonicTime } from './units.ts'
import { sessionIdsOf } from './window-view.ts'

/**
 * A source of which nothing has come for so many of its windows, and the time below, while another's batches came: they
 * come in the order in which windows closed.
 */
const WINDOWS_MISSED = 2n
const MISSED_NS = 60_000_000_000n

/** How far one source has come, and what is kept for it. */
export class OpenSource<Kept> {
  /** Undefined: nothing, now. */
  kept: Kept | undefined
  /** Sessions of the newest window whose batches have not come yet. */
  readonly #awaited = new Set<number>()
  #newest: Pick<TimeRange, 'sequence' | 'end'> | undefined
  #longestWindow = 0n
  #isLast = false

  note({ window, buffer, isLast, session }: ProfileBatch): void {
    if (this.#newest?.sequence !== window.sequence) {
      this.#awaited.clear()
      for (const id of sessionIdsOf(buffer)) this.#awaited.add(id)
    }
    this.#awaited.delete(session.id)
    this.#newest = { sequence: window.sequence, end: window.end }
    this.#isLast = isLast
    const length = window.end - window.start
    if (length > this.#longestWindow) this.#longestWindow = length
  }

  /** All batches of its newest window have come. */
  get isWindowComplete(): boolean {
    return this.#awaited.size === 0
  }

  /** No more batches come. */
  get isOver(): boolean {
    return this.#isLast && this.isWindowComplete
  }

  /** Its last batch was dropped on the way: another's window ends at `time`, and no more of its own have come. */
  isOverdue(time: MonotonicTime): boolean {
    if (this.#newest === undefined) return false
    return time - this.#newest.end > WINDOWS_MISSED * this.#longestWindow + MISSED_NS
  }
}

export class OpenSources<Kept> {
  readonly #sources = new Map<number, OpenSource<Kept>>()

  /** Takes note of a batch. Returns its source, which is open from its first batch on. */
  note(batch: ProfileBatch): OpenSource<Kept> {
    const known = this.#sources.get(batch.session.source) ?? new OpenSource<Kept>()
    this.#sources.set(batch.session.source, known)
    known.note(batch)
    return known
  }

  /** Is done with those that are over, or overdue when `batch` comes. Returns them: what is kept for them is to be finished. */
  takeEnded({ window }: ProfileBatch): readonly OpenSource<Kept>[] {
    const ended = [...this.#sources].filter(([, source]) => source.isOver || source.isOverdue(window.end))
    for (const [number] of ended) this.#sources.delete(number)
    return ended.map(([, source]) => source)
  }

  /** Is done with all. */
  takeAll(): readonly OpenSource<Kept>[] {
    const all = this.open
    this.#sources.clear()
    return all
  }

  get open(): readonly OpenSource<Kept>[] {
    return [...this.#sources.values()]
  }

  /** What is kept for all of them. */
  get kept(): readonly Kept[] {
    return this.open.flatMap(({ kept }) => (kept === undefined ? [] : [kept]))
  }
}
