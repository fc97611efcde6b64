import { type MemoryBudget, NO_ROOM, SequenceTable } from './sequence-table.ts'

/** What tells samples apart. Numbers of the dictionary; `cpu` is 0 where CPUs are not told apart, otherwise cpu + 1. */
export interface Row {
  readonly stack: number
  readonly pid: number
  readonly tid: number
  readonly comm: number
  readonly processName: number
  readonly cpu: number
  /** Index into SessionProfile.resources. */
  readonly resource: number
  /** Path of the cgroup; of '' where cgroups are not told apart, or not known. */
  readonly cgroup: number
}

export const ROW_WORDS = 8
const FIRST_ROWS = 64
const GROWTH = 1.5

/** Samples that are alike, counted. */
export class RowTable {
  readonly #budget: MemoryBudget
  readonly #keys: SequenceTable
  #counts = new Float64Array(FIRST_ROWS)
  #values = new BigUint64Array(FIRST_ROWS)

  constructor(budget: MemoryBudget) {
    this.#budget = budget
    this.#keys = new SequenceTable(budget)
  }

  get length(): number {
    return this.#keys.length
  }

  /**
   * Counts a sample whose key is `[stack, pid, tid, comm, processName, cpu, resource, cgroup]`. Returns its row, or NO_ROOM.
   */
  add(key: Uint32Array, value: bigint): number {
    // Room for a row that may come, before the key is taken in: a row without a count would be an empty sample.
    if (this.#keys.length === this.#counts.length && !this.#grow()) return NO_ROOM
    const row = this.#keys.intern(key, ROW_WORDS)
    if (row === NO_ROOM) return NO_ROOM
    this.#counts[row] = (this.#counts[row] as number) + 1
    this.#values[row] = (this.#values[row] as bigint) + value
    return row
  }

  #grow(): boolean {
    const size = Math.ceil(this.#counts.length * GROWTH)
    if (!this.#budget.take((size - this.#counts.length) * 16)) return false
    const counts = new Float64Array(size)
    counts.set(this.#counts)
    this.#counts = counts
    const values = new BigUint64Array(size)
    values.set(this.#values)
    this.#values = values
    return true
  }

  at(row: number): Row {
    const word = (index: number): number => this.#word(row, index)
    return {
      stack: word(0),
      pid: word(1),
      tid: word(2),
      comm: word(3),
      processName: word(4),
      cpu: word(5),
      resource: word(6),
      cgroup: word(7),
    }
  }

  /** Every key has as many words: none has to be looked for. */
  #word(row: number, index: number): number {
    return this.#keys.words[row * ROW_WORDS + index] as number
  }

  stackOf(row: number): number {
    return this.#word(row, 0)
  }

  pidOf(row: number): number {
    return this.#word(row, 1)
  }

  tidOf(row: number): number {
    return this.#word(row, 2)
  }

  commOf(row: number): number {
    return this.#word(row, 3)
  }

  cpuOf(row: number): number {
    return this.#word(row, 5)
  }

  resourceOf(row: number): number {
    return this.#word(row, 6)
  }

  /** Samples of the row. */
  count(row: number): number {
    return this.#counts[row] as number
  }

  /** Sum of the samples' periods. */
  value(row: number): bigint {
    return this.#values[row] as bigint
  }

  /** Row numbers in order of their stacks: equal ones side by side are what makes a file compress. A counting sort. */
  byStack(): Uint32Array {
    let stackCount = 0
    for (let row = 0; row < this.length; row++) stackCount = Math.max(stackCount, this.stackOf(row) + 1)
    const places = new Uint32Array(stackCount + 1)
    for (let row = 0; row < this.length; row++) places[this.stackOf(row) + 1]!++
    for (let stack = 0; stack < stackCount; stack++) places[stack + 1]! += places[stack]!
    const order = new Uint32Array(this.length)
    for (let row = 0; row < this.length; row++) order[places[this.stackOf(row)]!++] = row
    return order
  }
}
