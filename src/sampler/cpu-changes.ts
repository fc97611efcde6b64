// CPUs that come online and go offline while they are sampled.

import { isDeepStrictEqual } from 'node:util'
import type { SessionInfo } from '../core/profile.ts'
import type { NativeSampledCpus } from '../native/binding.ts'

export interface CpuNews {
  /** What the batches say of the sessions from now on; the same objects where nothing has changed. */
  readonly sessions: readonly SessionInfo[]
  /** What has changed, in a sentence each. */
  readonly said: readonly string[]
}

/** @param before of `problems`, when this was asked last */
export function cpuNews(
  sessions: readonly SessionInfo[],
  { sampled, problems }: NativeSampledCpus,
  before: readonly string[],
): CpuNews {
  const was = sessions[0]?.cpus ?? []
  const said = problems.filter((problem) => !before.includes(problem))
  // Of processes nothing is said, nor after the end.
  if (sampled.length === 0 || isDeepStrictEqual(was, sampled)) return { sessions, said }
  const gone = was.filter((cpu) => !sampled.includes(cpu))
  const come = sampled.filter((cpu) => !was.includes(cpu))
  return {
    sessions: sessions.map((session) => ({
      ...session,
      cpus: sampled,
      host: { ...session.host, cpusOnline: sampled.length },
    })),
    said: [
      ...gone.map((cpu) => `CPU ${cpu} is offline; it is sampled again when it comes back.`),
      ...come.map((cpu) => `CPU ${cpu} came online, and is sampled from now on.`),
      ...said,
    ],
  }
}
