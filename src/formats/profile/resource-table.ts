import type { ProcessResource } from '../../core/resource.ts'
import { type MemoryBudget, NO_ROOM } from './sequence-table.ts'

/** A process of which nothing is known. */
export const UNKNOWN_RESOURCE: ProcessResource = {
  pid: 0,
  service: { name: 'unknown_service', from: 'default' },
  executablePath: '',
  executableName: '',
  containerId: '',
  cgroupPath: '',
}

/** An object of some strings, and an entry of the map that finds it again. */
const OVERHEAD_BYTES = 300

/** The resources of many windows, equal ones once. Number 0 is UNKNOWN_RESOURCE. */
export class ResourceTable {
  readonly rows: ProcessResource[] = [UNKNOWN_RESOURCE]
  readonly #budget: MemoryBudget
  readonly #numbers = new Map<string, number>()
  /** Of the window that is being added: its table, and our numbers of it. */
  #window: readonly ProcessResource[] = []
  #ofWindow: (number | undefined)[] = []

  constructor(budget: MemoryBudget) {
    this.#budget = budget
  }

  /** The number of `window[index]`; NO_ROOM when it is new and does not fit. */
  number(window: readonly ProcessResource[], index: number): number {
    if (window !== this.#window) {
      this.#window = window
      this.#ofWindow = []
    }
    const known = this.#ofWindow[index]
    if (known !== undefined) return known
    const resource = window[index]
    const number = resource === undefined ? 0 : this.#intern(resource)
    this.#ofWindow[index] = number
    return number
  }

  #intern(resource: ProcessResource): number {
    const key = JSON.stringify(resource)
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    if (!this.#budget.take(OVERHEAD_BYTES + 4 * key.length)) return NO_ROOM
    const number = this.rows.push(resource) - 1
    this.#numbers.set(key, number)
    return number
  }
}
