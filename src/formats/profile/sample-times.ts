import type { MemoryBudget } from './sequence-table.ts'

const FIRST = 256
const GROWTH = 1.5
const BYTES_EACH = 20

/** Samples of one row: when they were taken (Unix ns, ascending), and what each weighs in the event's unit. */
export interface TimedSamples {
  readonly times: BigUint64Array
  readonly weights: BigUint64Array
}

export interface TimedRows extends TimedSamples {
  readonly rows: Uint32Array
}

/** When each sample of a profile was taken, in order of arrival, which is the order of time. */
export class SampleTimes {
  readonly #budget: MemoryBudget
  #rows = new Uint32Array(FIRST)
  #times = new BigUint64Array(FIRST)
  #weights = new BigUint64Array(FIRST)
  #length = 0

  constructor(budget: MemoryBudget) {
    this.#budget = budget
  }

  /** To be asked before `add`. */
  hasRoom(): boolean {
    return this.#length < this.#rows.length || this.#grow()
  }

  add(row: number, unixTime: bigint, weight: bigint): void {
    this.#rows[this.#length] = row
    this.#times[this.#length] = unixTime
    this.#weights[this.#length++] = weight
  }

  /** All of them, as they came. */
  inOrder(): TimedRows {
    return {
      rows: this.#rows.subarray(0, this.#length),
      times: this.#times.subarray(0, this.#length),
      weights: this.#weights.subarray(0, this.#length),
    }
  }

  /** By row; `rows` is how many rows there are. */
  byRow(rows: number): (row: number) => TimedSamples {
    const ends = new Uint32Array(rows + 1)
    for (let at = 0; at < this.#length; at++) ends[this.#rows[at]! + 1]!++
    for (let row = 0; row < rows; row++) ends[row + 1]! += ends[row]!
    const next = ends.slice()
    const times = new BigUint64Array(this.#length)
    const weights = new BigUint64Array(this.#length)
    for (let at = 0; at < this.#length; at++) {
      const to = next[this.#rows[at]!]!++
      times[to] = this.#times[at]!
      weights[to] = this.#weights[at]!
    }
    return (row) => ({
      times: times.subarray(ends[row], ends[row + 1]),
      weights: weights.subarray(ends[row], ends[row + 1]),
    })
  }

  #grow(): boolean {
    const size = Math.ceil(this.#rows.length * GROWTH)
    if (!this.#budget.take((size - this.#rows.length) * BYTES_EACH)) return false
    const rows = new Uint32Array(size)
    rows.set(this.#rows)
    this.#rows = rows
    this.#times = enlarged(this.#times, size)
    this.#weights = enlarged(this.#weights, size)
    return true
  }
}

function enlarged(column: BigUint64Array, size: number): BigUint64Array<ArrayBuffer> {
  const larger = new BigUint64Array(size)
  larger.set(column)
  return larger
}
