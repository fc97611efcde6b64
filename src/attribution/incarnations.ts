// The processes of one window, told apart by fork and exec.

import { inTurns } from '../base/turns.ts'
import type { ProcessEvent, ProcessTable } from '../core/process.ts'
import { ProcessStates } from '../core/process-states.ts'

interface Origin {
  readonly forkedBy?: Incarnation | undefined
  /** What the number was until then. */
  readonly execBy?: Incarnation | undefined
}

/** A process from an exec (or fork) to the next exec or its end. */
export class Incarnation {
  readonly pid: number
  /** Its fork or exec; 0 where it was there before the window. */
  readonly from: bigint
  /** What forked it, or called exec in it; undefined where it was there before the window. */
  readonly parent: Incarnation | undefined
  /** What it mapped itself: indices into ProcessTable.mappings. */
  readonly #own: number[] = []
  /** What its parent had mapped when it forked: not copied, for a process may map and fork as often as it likes. */
  readonly #inherited: { readonly of: Incarnation; readonly count: number } | undefined

  constructor(pid: number, from: bigint, origin: Origin = {}) {
    this.pid = pid
    this.from = from
    this.parent = origin.forkedBy ?? origin.execBy
    this.#inherited = origin.forkedBy && { of: origin.forkedBy, count: origin.forkedBy.#own.length }
  }

  addMapping(mapping: number): void {
    this.#own.push(mapping)
  }

  /** Newest first. */
  *mappings(): Iterable<number> {
    yield* this.#own.toReversed()
    for (let link = this.#inherited; link !== undefined; link = link.of.#inherited) {
      for (let index = link.count - 1; index >= 0; index--) yield link.of.#own[index] as number
    }
  }
}

export class Incarnations {
  readonly #table: ProcessTable
  readonly #states: ProcessStates<Incarnation>
  /** In order of time. */
  readonly #byPid = new Map<number, Incarnation[]>()
  readonly #ended = new Set<number>()

  private constructor(table: ProcessTable) {
    this.#table = table
    this.#states = new ProcessStates(table, (event, before, stateOf) => this.#after(event, before, stateOf))
  }

  /** Goes through what happened in the window, in turns with others. */
  static async of(table: ProcessTable): Promise<Incarnations> {
    const incarnations = new Incarnations(table)
    const { events, snapshotLength } = table
    for await (const [, to] of inTurns(events.length - snapshotLength)) {
      incarnations.#states.at(0, events.time[snapshotLength + to - 1] ?? 0n)
    }
    return incarnations
  }

  /** Whose number it was then; one of which nothing is known where no event told of it. */
  at(pid: number, time: bigint): Incarnation {
    const known = this.#known(pid).findLast(({ from }) => from <= time)
    return known ?? this.#unseen(pid)
  }

  isLast(incarnation: Incarnation): boolean {
    return this.#known(incarnation.pid).at(-1) === incarnation
  }

  /** Whether the process forked or called exec in the window: what was known of its number holds no longer at the end. */
  hasChanged(pid: number): boolean {
    return (this.#byPid.get(pid) ?? []).some(({ from }) => from > 0n)
  }

  /** Numbers of processes whose first thread ended. */
  get ended(): ReadonlySet<number> {
    return this.#ended
  }

  /** The executable by what is mapped, '' where none is known: programs lie below what they load, on every architecture. */
  executableOf(incarnation: Incarnation): string {
    let lowest: { readonly start: bigint; readonly path: string } | undefined
    for (const number of incarnation.mappings()) {
      const { start, image } = this.#table.mappings.at(number)
      if (lowest !== undefined && lowest.start <= start) continue
      const { kind, path } = this.#table.images.at(image)
      if (kind === 'file' || path.startsWith('/memfd:')) lowest = { start, path }
    }
    return lowest?.path ?? ''
  }

  /** Whether an address lies in what it has mapped (a program may have replaced its code's file by memory); true where nothing is known. */
  mayHold(incarnation: Incarnation, address: bigint): boolean {
    let isKnown = false
    for (const number of incarnation.mappings()) {
      const { start, end } = this.#table.mappings.at(number)
      if (start <= address && address < end) return true
      isKnown = true
    }
    return !isKnown
  }

  #known(pid: number): readonly Incarnation[] {
    this.#states.at(pid, 0n) // looks at the snapshot, where it has not yet
    return this.#byPid.get(pid) ?? []
  }

  #unseen(pid: number): Incarnation {
    const incarnation = new Incarnation(pid, 0n)
    this.#byPid.set(pid, [incarnation, ...(this.#byPid.get(pid) ?? [])])
    return incarnation
  }

  #added(incarnation: Incarnation): Incarnation {
    const known = this.#byPid.get(incarnation.pid)
    if (known === undefined) this.#byPid.set(incarnation.pid, [incarnation])
    else known.push(incarnation)
    return incarnation
  }

  #after(
    event: ProcessEvent,
    before: Incarnation | undefined,
    stateOf: (pid: number) => Incarnation | undefined,
  ): Incarnation | undefined {
    const { pid, time } = event
    switch (event.kind) {
      case 'mmap': {
        const incarnation = before ?? this.#added(new Incarnation(pid, 0n))
        incarnation.addMapping(event.mapping)
        return incarnation
      }
      case 'comm':
        if (event.exec) return this.#added(new Incarnation(pid, time, { execBy: before }))
        return before ?? this.#added(new Incarnation(pid, 0n))
      case 'fork':
        if (pid === event.parentPid) return before
        return this.#added(new Incarnation(pid, time, { forkedBy: stateOf(event.parentPid) }))
      case 'exit':
        if (event.tid === pid) this.#ended.add(pid)
        return before
    }
  }
}
