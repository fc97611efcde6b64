// What BPF costs the kernel for a process: run time of its programs and memory of its maps, by /proc/PID/fdinfo.

import { readdirSync, readFileSync } from 'node:fs'

export interface BpfUsage {
  /** Of the programs, where kernel.bpf_stats_enabled is 1. */
  readonly runNs: number
  readonly runs: number
  /** Kernel memory of the maps. */
  readonly mapBytes: number
}

/** Of the programs and maps that the process holds open, each counted once. */
export function bpfUsageOf(pid: number): BpfUsage {
  const seen = new Map<string, BpfUsage>()
  for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
    const fields = fieldsOf(`/proc/${pid}/fdinfo/${fd}`)
    const { map_id: map, prog_id: program } = fields
    if (map !== undefined) seen.set(`map ${map}`, { runNs: 0, runs: 0, mapBytes: Number(fields.memlock) })
    // A link names its program, and does not count its runs.
    if (program === undefined || fields.link_id !== undefined) continue
    const { run_time_ns: runNs, run_cnt: runs } = fields
    seen.set(`program ${program}`, { runNs: Number(runNs), runs: Number(runs), mapBytes: 0 })
  }
  return [...seen.values()].reduce(added, { runNs: 0, runs: 0, mapBytes: 0 })
}

const added = (one: BpfUsage, other: BpfUsage): BpfUsage => ({
  runNs: one.runNs + other.runNs,
  runs: one.runs + other.runs,
  mapBytes: one.mapBytes + other.mapBytes,
})

function fieldsOf(path: string): Readonly<Partial<Record<string, string>>> {
  try {
    const lines = readFileSync(path, 'utf8').matchAll(/^(\w+):\t(.*)$/gm)
    return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]))
  } catch {
    return {} // closed meanwhile
  }
}
