import type { ProcessEvent, ProcessTable } from '../../core/process.ts'
import { ProcessStates } from '../../core/process-states.ts'

/** The names of processes (of their main threads) as they change in a window. Times asked for must not decrease. */
export class ProcessNames {
  readonly #names: ProcessStates<string>

  constructor(table: Pick<ProcessTable, 'events' | 'snapshotLength'>) {
    this.#names = new ProcessStates(table, nameAfter)
  }

  /** '' where it is not known. */
  at(pid: number, time: bigint): string {
    return this.#names.at(pid, time) ?? ''
  }
}

function nameAfter(
  event: ProcessEvent,
  before: string | undefined,
  nameOf: (pid: number) => string | undefined,
): string | undefined {
  if (event.pid !== event.tid) return before
  switch (event.kind) {
    case 'comm':
      return event.comm
    case 'fork':
      return nameOf(event.parentPid) ?? before
    case 'mmap':
    case 'exit':
      return before
  }
}
