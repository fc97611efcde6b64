// What windows leave to the next ones: whom live processes belong to.

import type { ServiceName } from '../core/resource.ts'
import type { Incarnations } from './incarnations.ts'
import type { Sighting } from './process-status.ts'

/** Whom an incarnation belongs to; nothing else of what was read is kept. */
export interface Owner {
  readonly service: ServiceName
  readonly executablePath: string
  readonly containerId: string
}

/** What was found of a number's last incarnation, and by what it is known again. */
export interface KnownProcess {
  readonly sighting: Sighting
  readonly owner: Owner
}

/** More processes than these are sampled on few machines; those asked for longest ago are read anew. */
const MAX_PROCESSES = 8192

export class KnownProcesses {
  readonly #max: number
  /** Those asked for last stand last. */
  readonly #living = new Map<number, KnownProcess>()
  /** Of those that forked or called exec in this window: what they were at its start. */
  #former: ReadonlyMap<number, KnownProcess> = new Map()

  constructor(max: number = MAX_PROCESSES) {
    this.#max = max
  }

  /** @param ended numbers of processes that ended in the window before */
  beginWindow(incarnations: Incarnations, ended: ReadonlySet<number>): void {
    for (const pid of ended) this.#living.delete(pid)
    const former = new Map<number, KnownProcess>()
    for (const [pid, known] of this.#living) {
      if (incarnations.hasChanged(pid)) former.set(pid, known)
    }
    for (const pid of former.keys()) this.#living.delete(pid)
    this.#former = former
  }

  /** When windows are missing, nobody knows what happened meanwhile. */
  forgetAll(): void {
    this.#living.clear()
    this.#former = new Map()
  }

  /** What the number was known as at the window's end, if it is that still. */
  living(pid: number): KnownProcess | undefined {
    const known = this.#living.get(pid)
    if (known !== undefined) this.keep(pid, known)
    return known
  }

  /** What it was known as at the window's start, where it became something else in the window. */
  former(pid: number): KnownProcess | undefined {
    return this.#former.get(pid)
  }

  keep(pid: number, known: KnownProcess): void {
    this.#living.delete(pid)
    this.#living.set(pid, known)
    const [oldest] = this.#living.keys()
    if (this.#living.size > this.#max && oldest !== undefined) this.#living.delete(oldest)
  }
}
