// Judges a recording of the two known programs: as many samples as were due, the hot function named and hottest, and a
// file that sonde and perf read. An emulated machine is slow: shares are loosely bounded, and losses only have to be told.

import { join } from 'node:path'
import { launcher, type Run, readSummary, run, sum } from '../support/sonde.ts'
import { type Check, checked, demand } from './check.ts'
import { lastLine } from './programs.ts'
import { reportedSamples, reportRows, succeeded } from './results.ts'

export interface Expected {
  readonly hertz: number
  readonly cpus: number
  readonly groupings: readonly string[]
}

/** Everything about `record-SAMPLER`; when it did not succeed, only that. */
export function judgeRecording(out: string, sampler: string, expected: Expected): Check[] {
  const name = `record-${sampler}`
  const ends = checked(`${sampler}: records`, () => `${Math.round(succeeded(out, name).seconds)} s`)
  if (ends.outcome !== 'ok') return [ends]
  const file = join(out, `${name}.data`)
  return [
    ends,
    checked(`${sampler}: as many samples as were due`, () => samplesDue(join(out, `${name}.json`), expected)),
    checked(`${sampler}: sonde report names the hot function`, () =>
      hotFunction(reportOf(['--top', '500', file]), readSummary(join(out, `${name}.json`)).samples.written),
    ),
    checked(`${sampler}: stacks reach their roots`, () => stacksComplete(join(out, `${name}.json`))),
    checked(`${sampler}: perf report names it too`, () => perfReads(file)),
    ...(expected.groupings.includes('cgroup') ? [checked(`${sampler}: cgroups`, () => cgroups(file))] : []),
  ]
}

/** What is lost counts with what is taken: the sum was due. */
function samplesDue(summaryFile: string, { hertz, cpus }: Expected): string {
  const { samples, sessions } = readSummary(summaryFile)
  const [session] = sessions
  demand(session !== undefined, 'the summary has no session')
  const seconds = (Date.parse(session.endedAt) - Date.parse(session.startedAt)) / 1000
  const lost = sum(Object.values(samples.lost))
  const due = hertz * cpus * seconds
  const figures = `${samples.taken} taken, ${lost} lost, ${Math.round(due)} due`
  demand(samples.taken > due / 4, `too few: ${figures}`)
  demand(Math.abs((samples.taken + lost) / due - 1) < 0.25, `not the number due: ${figures}`)
  return figures
}

/** Of the program with known shares, three to one. */
function hotFunction(report: string, written: number): string {
  const samples = reportedSamples(report)
  demand(samples === written, `${samples} samples are reported, ${written} were written`)
  const rows = reportRows(report)
  const own = rows.filter(({ module }) => module === 'shares')
  const [hottest] = own
  demand(hottest?.name === 'three_quarters', `the hottest is ${hottest?.name ?? 'missing'}`)
  const both = sum(own.filter(({ name }) => /_quarter/.test(name)).map(({ selfPercent }) => selfPercent))
  const share = hottest.selfPercent / both
  demand(share > 0.55 && share < 0.95, `its share is ${share.toFixed(2)} instead of 0.75`)
  demand(rows.some(isKernel), 'there is no frame of the kernel')
  return `share ${share.toFixed(2)}`
}

/**
 * Of the two loads: one is sampled in user mode, the other mostly in the kernel, where the user's registers are saved. Some
 * of the first samples of a process come before its mappings are known.
 */
function stacksComplete(summaryFile: string): string {
  const loads = readSummary(summaryFile).stacks.processes.filter(({ comm }) => /^(yes|shares)$/.test(comm))
  const figures = loads.map(({ comm, complete, broken }) => {
    const all = complete + sum(Object.values(broken))
    demand(complete > 0.85 * all, `${comm}: ${complete} of ${all}: ${Object.keys(broken).join(', ')}`)
    return `${comm} ${complete} of ${all}`
  })
  demand(loads.length === 2, `only these were sampled: ${figures.join(', ')}`)
  return figures.join(', ')
}

/** The guest's own report, which names the kernel's functions; `yes` does little but call it. */
export const judgeNames = (out: string, sampler: string): Check =>
  checked('the kernel’s functions are named', () => {
    const kernel = reportRows(succeeded(out, `names-${sampler}`).stdout).filter(isKernel)
    const named = kernel.filter(({ name }) => !/0x[0-9a-f]+$/.test(name))
    demand(
      named.some(({ name }) => /vfs_write|ksys_write|write_null/.test(name)),
      `none of ${kernel.length} is of write(2)`,
    )
    return `${named.length} of ${kernel.length}`
  })

const isKernel = ({ module }: { readonly module: string }): boolean => module.startsWith('[kernel')

function cgroups(file: string): string {
  const report = reportOf(['--by', 'cgroup', file])
  for (const name of ['sonde-shares', 'sonde-yes'])
    demand(report.includes(name), `${name} is not in the report`)
  return ''
}

function perfReads(file: string): string {
  const { status, stdout, stderr } = run('perf', [
    'report',
    '--stdio',
    '--no-children',
    '-g',
    'none',
    '-i',
    file,
  ])
  demand(status === 0, lastLine(stderr))
  demand(/\[\.\] three_quarters/.test(stdout), 'it does not name three_quarters')
  return ''
}

function reportOf(args: readonly string[]): string {
  const { status, stdout, stderr }: Run = run(launcher, ['report', ...args])
  demand(status === 0, lastLine(stderr))
  return stdout
}
