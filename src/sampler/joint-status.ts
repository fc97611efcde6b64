import type { CpuCaptureStatus, SamplerStatus } from '../core/status.ts'

/** Of several samplers, as if they were one; null of none. */
export function jointStatus(all: readonly SamplerStatus[]): SamplerStatus | null {
  const [first] = all
  if (first === undefined) return null
  const cpus = new Map<number, CpuCaptureStatus>()
  for (const each of all.flatMap((status) => status.cpus)) {
    const known = cpus.get(each.cpu)
    cpus.set(each.cpu, known === undefined ? each : joint(known, each))
  }
  return {
    backEnd: all.every(({ backEnd }) => backEnd === first.backEnd) ? first.backEnd : 'perf',
    filterProblem: all.find(({ filterProblem }) => filterProblem !== null)?.filterProblem ?? null,
    cpuProblems: [...new Set(all.flatMap(({ cpuProblems }) => cpuProblems))],
    cgroups: {
      byKernel: all.every(({ cgroups }) => cgroups.byKernel),
      refused: all.find(({ cgroups }) => cgroups.refused !== null)?.cgroups.refused ?? null,
      missing: allOrNull(all.map(({ cgroups }) => cgroups.missing)),
    },
    cpus: [...cpus.values()].sort((a, b) => a.cpu - b.cpu),
  }
}

/** Null where one of them is. */
function allOrNull(lists: readonly (readonly string[] | null)[]): readonly string[] | null {
  const known = lists.filter((list) => list !== null)
  return known.length < lists.length ? null : [...new Set(known.flat())]
}

const joint = (a: CpuCaptureStatus, b: CpuCaptureStatus): CpuCaptureStatus => ({
  cpu: a.cpu,
  runs: a.runs + b.runs,
  kept: a.kept + b.kept,
  filtered: a.filtered + b.filtered,
  sampledOut: a.sampledOut + b.sampledOut,
  ringFull: a.ringFull + b.ringFull,
  contended: a.contended + b.contended,
  failed: a.failed + b.failed,
  stackFaults: a.stackFaults + b.stackFaults,
  runNs: meanOf([a, b]),
})

/** By how often each ran; null where none was timed. */
function meanOf(parts: readonly CpuCaptureStatus[]): number | null {
  const timed = parts.filter(({ runNs }) => runNs !== null)
  const runs = timed.reduce((sum, part) => sum + part.runs, 0)
  if (runs === 0) return null
  return timed.reduce((sum, part) => sum + (part.runNs ?? 0) * part.runs, 0) / runs
}
