// The processes of one window, told apart by fork and exec.

import { inTurns } from '../base/turns.ts'
import type { ProcessEvent, ProcessTable } from '../core/process.ts'
import { ProcessStates } from '../core/process-states.ts'

/** A process from an exec (or fork) to the next exec or its end. */
export class Incarnation {
  readonly pid: number
  /** Its fork or exec; 0 where it was there before the window. */
  readonly from: bigint
  /** What forked it, or called exec in it; undefined where it was there before the window. */
  readonly parent: Incarnation | undefined
  /** Files that it has mapped: indices into ProcessTable.mappings. */
  #files: number[] = []
  #sharesFiles = false

  constructor(pid: number, from: bigint, parent: Incarnation | undefined) {
    this.pid = pid
    this.from = from
    this.parent = parent
  }

  get files(): readonly number[] {
    return this.#files
  }

  addFile(mapping: number): void {
    if (this.#sharesFiles) this.#files = [...this.#files]
    this.#sharesFiles = false
    this.#files.push(mapping)
  }

  /** A fork has what its parent has mapped until then. */
  fork(pid: number, time: bigint): Incarnation {
    const child = new Incarnation(pid, time, this)
    child.#files = this.#files
    child.#sharesFiles = true
    this.#sharesFiles = true
    return child
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

  /** The executable by its files, '' where none is known: programs lie below what they load, on every architecture. */
  executableOf({ files }: Incarnation): string {
    let lowest: { readonly start: bigint; readonly image: number } | undefined
    for (const file of files) {
      const mapping = this.#table.mappings.at(file)
      if (lowest === undefined || mapping.start < lowest.start) lowest = mapping
    }
    return lowest === undefined ? '' : this.#table.images.at(lowest.image).path
  }

  /** Whether an address lies in a file that it has mapped; true where none is known. */
  mayHold({ files }: Incarnation, address: bigint): boolean {
    const holds = (file: number): boolean => {
      const { start, end } = this.#table.mappings.at(file)
      return start <= address && address < end
    }
    return files.length === 0 || files.some(holds)
  }

  #known(pid: number): readonly Incarnation[] {
    this.#states.at(pid, 0n) // looks at the snapshot, where it has not yet
    return this.#byPid.get(pid) ?? []
  }

  #unseen(pid: number): Incarnation {
    const incarnation = new Incarnation(pid, 0n, undefined)
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
        const incarnation = before ?? this.#added(new Incarnation(pid, 0n, undefined))
        const { image } = this.#table.mappings.at(event.mapping)
        if (this.#table.images.at(image).kind === 'file') incarnation.addFile(event.mapping)
        return incarnation
      }
      case 'comm':
        if (event.exec) return this.#added(new Incarnation(pid, time, before))
        return before ?? this.#added(new Incarnation(pid, 0n, undefined))
      case 'fork': {
        if (pid === event.parentPid) return before
        const parent = stateOf(event.parentPid)
        return this.#added(parent?.fork(pid, time) ?? new Incarnation(pid, time, undefined))
      }
      case 'exit':
        if (event.tid === pid) this.#ended.add(pid)
        return before
    }
  }
}
