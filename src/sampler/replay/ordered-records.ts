import type { TimedRecord } from '../../formats/perf-data/file-records.ts'

/** Without any rounds records are passed on when this many wait; half of them stay to be mixed with what follows. */
const MAX_WAITING = 500_000
/** The same for what they hold: a copy of a stack has up to 64 KiB. */
const MAX_WAITING_BYTES = 256 * 2 ** 20

/**
 * Puts records into order of time. They stand in a file as they left the rings; a round says that nothing behind it is
 * older than what stood before the round before it.
 */
export class OrderedRecords {
  readonly #emit: (record: TimedRecord) => void
  #waiting: TimedRecord[] = []
  #waitingBytes = 0
  /** The newest time seen, and what it was at the last round. */
  #newest = 0n
  #newestAtRound = 0n

  constructor(emit: (record: TimedRecord) => void) {
    this.#emit = emit
  }

  push(record: TimedRecord): void {
    this.#waiting.push(record)
    this.#waitingBytes += bytesOf(record)
    if (record.time > this.#newest) this.#newest = record.time
    if (this.#waiting.length >= MAX_WAITING || this.#waitingBytes >= MAX_WAITING_BYTES)
      this.#flushOldestHalf()
  }

  round(): void {
    this.#flushUntil(this.#newestAtRound)
    this.#newestAtRound = this.#newest
  }

  end(): void {
    this.#flushUntil(this.#newest)
  }

  #flushOldestHalf(): void {
    this.#sort()
    const middle = this.#waiting[this.#waiting.length >> 1]
    if (middle !== undefined) this.#flushUntil(middle.time)
  }

  #flushUntil(time: bigint): void {
    this.#sort()
    let count = this.#waiting.findIndex((record) => record.time > time)
    if (count < 0) count = this.#waiting.length
    for (let index = 0; index < count; index++) {
      const record = this.#waiting[index]!
      this.#waitingBytes -= bytesOf(record)
      this.#emit(record)
    }
    this.#waiting = this.#waiting.slice(count)
  }

  /** Stable: records of one time stay as they stand in the file. */
  #sort(): void {
    this.#waiting.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  }
}

/** Of what a sample holds besides its numbers. */
const bytesOf = (record: TimedRecord): number =>
  record.kind === 'sample' ? record.fields.chain.byteLength + (record.fields.userStack?.byteLength ?? 0) : 0
