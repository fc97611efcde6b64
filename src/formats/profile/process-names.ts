import type { ProcessEvent } from '../../core/process.ts'

interface Change {
  readonly time: bigint
  readonly pid: number
  /** The new name, or the pid whose name the new process has. */
  readonly name: string | number
}

/** The names of processes (of their main threads) as they change in a window. Times asked for must not decrease. */
export class ProcessNames {
  readonly #changes: readonly Change[]
  readonly #names = new Map<number, string>()
  #next = 0

  constructor(events: readonly ProcessEvent[]) {
    this.#changes = events.flatMap(changesOf)
  }

  /** '' where it is not known. */
  at(pid: number, time: bigint): string {
    while (this.#next < this.#changes.length) {
      const change = this.#changes[this.#next] as Change
      if (change.time > time) break
      const name = typeof change.name === 'string' ? change.name : this.#names.get(change.name)
      if (name !== undefined) this.#names.set(change.pid, name)
      this.#next++
    }
    return this.#names.get(pid) ?? ''
  }
}

function changesOf(event: ProcessEvent): Change[] {
  if (event.pid !== event.tid) return []
  switch (event.kind) {
    case 'comm':
      return [{ time: event.time, pid: event.pid, name: event.comm }]
    case 'fork':
      return [{ time: event.time, pid: event.pid, name: event.parentPid }]
    case 'mmap':
    case 'exit':
      return []
  }
}
