// Whom an agent samples that may not sample the machine: the processes of its own user, which anybody may.

import { readdirSync, readlinkSync, statSync } from 'node:fs'

export interface OwnProcesses {
  readonly pids: readonly number[]
  /** Those beyond the bound. */
  readonly leftOut: number
}

export interface ProcessFiles {
  /** Numbers of the processes that run. */
  readonly pids: () => readonly number[]
  /** Threads of a process; 0 where it is not this user's, may not be looked into, or is gone. */
  readonly threads: (pid: number) => number
}

/**
 * This process, then the oldest first: what runs for long is what is profiled. Children are sampled with their parents.
 * @param maxThreads of all together: each takes a descriptor of every CPU and event
 */
export function ownProcesses(
  self: number,
  maxThreads: number,
  { pids, threads }: ProcessFiles = procFiles,
): OwnProcesses {
  const others = pids().filter((pid) => pid !== self)
  const own = [self, ...others].map((pid) => ({ pid, count: threads(pid) })).filter(({ count }) => count > 0)
  const taken: number[] = []
  let left = maxThreads
  for (const { pid, count } of own) {
    if (count > left) continue
    left -= count
    taken.push(pid)
  }
  return { pids: taken, leftOut: own.length - taken.length }
}

const procFiles: ProcessFiles = {
  pids: () =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number),
  threads(pid) {
    const directory = `/proc/${pid}`
    try {
      if (statSync(directory).uid !== process.geteuid?.()) return 0
      readlinkSync(`${directory}/exe`) // it may be looked into, as the kernel asks for sampling it
      return readdirSync(`${directory}/task`).length
    } catch {
      return 0
    }
  },
}
