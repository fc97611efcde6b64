// The samples of a session by thread, in order of time.

import type { SessionProfile } from '../profile/profile-aggregate.ts'

export interface SampledThread {
  readonly profile: SessionProfile
  readonly pid: number
  readonly tid: number
  /** What it was called last. */
  readonly comm: string
  readonly processName: string
  /** Unix ns. */
  readonly times: BigUint64Array
  /** The dictionary's numbers. */
  readonly stacks: Uint32Array
  /** In the event's unit. */
  readonly weights: BigUint64Array
}

interface Growing {
  readonly pid: number
  readonly tid: number
  count: number
  comm: number
  processName: number
  readonly samples: { times: BigUint64Array; stacks: Uint32Array; weights: BigUint64Array; length: number }
}

/** The heaviest first. */
export function threadsOf(profile: SessionProfile): SampledThread[] {
  const { rows, dictionary, times } = profile
  if (times === undefined) throw new Error('the profile was opened without times')
  const timed = times.inOrder()
  const threads = new Map<string, Growing>()
  const ofRow = Array.from({ length: rows.length }, (_, row) => {
    const { pid, tid } = rows.at(row)
    const key = `${pid}/${tid}`
    const thread = threads.get(key) ?? newThread(pid, tid)
    threads.set(key, thread)
    return thread
  })
  for (const row of timed.rows) ofRow[row]!.count++
  for (const { samples, count } of threads.values()) {
    samples.times = new BigUint64Array(count)
    samples.stacks = new Uint32Array(count)
    samples.weights = new BigUint64Array(count)
  }
  for (const [index, number] of timed.rows.entries()) {
    const thread = ofRow[number]!
    const { samples } = thread
    const row = rows.at(number)
    samples.times[samples.length] = timed.times[index]!
    samples.stacks[samples.length] = row.stack
    samples.weights[samples.length++] = timed.weights[index]!
    thread.comm = row.comm
    thread.processName = row.processName
  }
  return [...threads.values()]
    .map(({ pid, tid, comm, processName, samples }) => ({
      profile,
      pid,
      tid,
      comm: dictionary.string(comm),
      processName: dictionary.string(processName),
      ...samples,
    }))
    .sort((a, b) => b.times.length - a.times.length)
}

const newThread = (pid: number, tid: number): Growing => ({
  pid,
  tid,
  count: 0,
  comm: 0,
  processName: 0,
  samples: {
    times: new BigUint64Array(0),
    stacks: new Uint32Array(0),
    weights: new BigUint64Array(0),
    length: 0,
  },
})
