import type { CpuCaptureStatus } from '../core/status.ts'
import type { NativeCaptureCounts, NativeSessionStats } from '../native/binding.ts'

/** What the programs of all sessions counted, by CPU. */
export function captureStatus(sessions: readonly NativeSessionStats[]): readonly CpuCaptureStatus[] {
  const byCpu = new Map<number, NativeCaptureCounts>()
  for (const counts of sessions.flatMap(({ captured }) => captured)) {
    const sum = byCpu.get(counts.cpu)
    byCpu.set(counts.cpu, sum === undefined ? counts : added(sum, counts))
  }
  return [...byCpu.values()].map(({ timed, timedNs, ...counts }) => ({
    ...counts,
    runNs: timed === 0 ? null : Math.round(timedNs / timed),
  }))
}

const added = (sum: NativeCaptureCounts, more: NativeCaptureCounts): NativeCaptureCounts => ({
  cpu: sum.cpu,
  runs: sum.runs + more.runs,
  kept: sum.kept + more.kept,
  filtered: sum.filtered + more.filtered,
  sampledOut: sum.sampledOut + more.sampledOut,
  ringFull: sum.ringFull + more.ringFull,
  contended: sum.contended + more.contended,
  failed: sum.failed + more.failed,
  stackFaults: sum.stackFaults + more.stackFaults,
  timed: sum.timed + more.timed,
  timedNs: sum.timedNs + more.timedNs,
})
