import type { SessionInfo } from '../../core/profile.ts'
import { clockIdOf } from './attr.ts'
import type { BuildIdEntry, ClockMoment, Features } from './features.ts'
import { fileEventOf } from './header.ts'
import { CLOCK_MONOTONIC } from './layout.ts'

/** What a file learned while it was written. */
export interface Recorded {
  readonly sessions: readonly SessionInfo[]
  readonly firstSample: bigint
  readonly lastSample: bigint
  readonly clock: ClockMoment
  /** Of the objects that were mapped; the kernel's is added. */
  readonly buildIds: readonly BuildIdEntry[]
  /** Of Sonde. */
  readonly version: string
  readonly stackNotes?: Uint8Array | undefined
}

/** The features of a file, in perf's terms. What is not known is left out, not invented. */
export function featuresOf(recorded: Recorded): Features {
  const { sessions, buildIds } = recorded
  const [first] = sessions
  if (first === undefined) return {}
  const { host, commandLine } = first
  const kernelId = host.kernel?.buildId ?? ''
  const kernel = kernelId === '' ? [] : [{ buildId: kernelId, path: '[kernel.kallsyms]', kernel: true }]
  const allBuildIds = [...kernel, ...buildIds]
  return {
    ...(allBuildIds.length > 0 && { buildIds: allBuildIds }),
    ...stated({
      hostname: host.hostname,
      osRelease: host.osRelease,
      version: recorded.version,
      arch: host.arch,
    }),
    cpus: { available: host.cpusAvailable, online: host.cpusOnline },
    ...stated({ cpuDescription: host.cpuDescription, cpuId: host.cpuId }),
    totalMemoryKb: host.totalMemoryKb,
    ...(commandLine.length > 0 && { commandLine }),
    events: sessions.map(fileEventOf),
    sampleTime: { first: recorded.firstSample, last: recorded.lastSample },
    ...clockOf(first, recorded.clock),
    ...(recorded.stackNotes !== undefined && { stackNotes: recorded.stackNotes }),
  }
}

/** How the samples' clock stands to the wall clock, where that is known. */
function clockOf(session: SessionInfo, moment: ClockMoment): Features {
  const clockId = clockIdOf(session)
  if (clockId === undefined) return {}
  const known = session.clock?.tellsUnixTime ?? true
  return {
    clockResolution: 1n,
    ...(known && { clock: clockId === CLOCK_MONOTONIC ? moment : { ...moment, clockId } }),
  }
}

/** The texts that are not empty. */
const stated = (texts: Features): Features =>
  Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ''))
