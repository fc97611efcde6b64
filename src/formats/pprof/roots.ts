// The frame below every stack that says which program it is of, where a dialect wants one.

import type { Row } from '../profile/row-table.ts'
import type { LocationTables, PprofContent } from './location-tables.ts'

const KERNEL = 'kernel'

export class Roots {
  readonly #content: PprofContent
  readonly #tables: LocationTables
  /** Locations by resource, where that says which program it is; 0 where it does not. */
  readonly #ofResource: (number | undefined)[] = []
  /** The stack that was asked for last. */
  #stack = -1
  #isKernelOnly = false

  constructor(content: PprofContent, tables: LocationTables) {
    this.#content = content
    this.#tables = tables
  }

  /** The location's id; 0 where there is none. */
  of(row: Row): number {
    if (this.#content.dialect.root === 'none') return 0
    return this.#program(row.resource) || this.#substitute(row)
  }

  #program(resource: number): number {
    const known = this.#ofResource[resource]
    if (known !== undefined) return known
    const { executableName, executablePath } = this.#content.profile.resources[resource] ?? {}
    const id = executableName ? this.#tables.placeless(executableName, executablePath ?? '') : 0
    this.#ofResource[resource] = id
    return id
  }

  /** The kernel's threads have no program, and of what has ended nothing may be known but its name. */
  #substitute({ stack, processName, comm }: Row): number {
    if (stack !== this.#stack) {
      this.#stack = stack
      this.#isKernelOnly = this.#tables.isKernelOnly(stack)
    }
    if (this.#isKernelOnly) return this.#tables.placeless(KERNEL, KERNEL)
    const { dictionary } = this.#content.profile
    const name = dictionary.string(processName) || dictionary.string(comm)
    return name === '' ? 0 : this.#tables.placeless(name, name)
  }
}
