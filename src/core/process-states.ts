import type { EventTable, ProcessEvent, ProcessTable } from './process.ts'

/**
 * What an event makes of what was known of its process, undefined for nothing. It changes no other process.
 * @param stateOf what is known of another process at that moment: a fork copies
 */
export type Transition<State> = (
  event: ProcessEvent,
  before: State | undefined,
  stateOf: (pid: number) => State | undefined,
) => State | undefined

/**
 * What is known of processes as it changes in a window. Times asked for must not decrease. Of the snapshot at the
 * window's start only those processes are looked at that somebody asks for: most of a machine's sleep.
 */
export class ProcessStates<State> {
  readonly #events: EventTable
  readonly #length: number
  readonly #transition: Transition<State>
  readonly #snapshot: ReadonlyMap<number, readonly Run[]>
  readonly #states = new Map<number, State | undefined>()
  #next: number
  #nextTime: bigint

  constructor(
    { events, snapshotLength }: Pick<ProcessTable, 'events' | 'snapshotLength'>,
    transition: Transition<State>,
  ) {
    this.#events = events
    this.#length = events.length
    this.#transition = transition
    this.#snapshot = runsOf(events.pid, snapshotLength)
    this.#next = snapshotLength
    this.#nextTime = this.#timeOfNext()
  }

  at(pid: number, time: bigint): State | undefined {
    while (this.#next < this.#length && this.#nextTime <= time) {
      this.#take(this.#events.at(this.#next++))
      this.#nextTime = this.#timeOfNext()
    }
    return this.#stateOf(pid)
  }

  #timeOfNext(): bigint {
    return this.#events.time[this.#next] ?? 0n
  }

  #take(event: ProcessEvent): void {
    const before = this.#stateOf(event.pid)
    this.#states.set(
      event.pid,
      this.#transition(event, before, (pid) => this.#stateOf(pid)),
    )
  }

  #stateOf(pid: number): State | undefined {
    const known = this.#states.get(pid)
    if (known !== undefined || this.#states.has(pid)) return known
    this.#states.set(pid, undefined)
    for (const { from, to } of this.#snapshot.get(pid) ?? []) {
      for (let index = from; index < to; index++) this.#take(this.#events.at(index))
    }
    return this.#states.get(pid)
  }
}

/** Events of one process that stand one behind the other. */
interface Run {
  readonly from: number
  readonly to: number
}

function runsOf(pids: Uint32Array, length: number): Map<number, Run[]> {
  const runs = new Map<number, Run[]>()
  for (let from = 0; from < length; ) {
    const pid = pids[from]!
    let to = from + 1
    while (to < length && pids[to] === pid) to++
    const known = runs.get(pid)
    if (known === undefined) runs.set(pid, [{ from, to }])
    else known.push({ from, to })
    from = to
  }
  return runs
}
