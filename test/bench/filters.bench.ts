// What a filter saves: 20 busy processes, and how long the kernel runs our programs when all of them are profiled, and when
// one of them is, by its cgroup. By the kernel's own statistics of BPF programs (kernel.bpf_stats_enabled, as it was afterwards):
// the run of a program that keeps nothing is all that the others cost. Needs root.
//   npm run bench -- filters          3 rounds of 6 s
//   node test/bench/filters.bench.ts [SECONDS [ROUNDS]]

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cgroupMountsOf } from '../../src/sampler/cgroup-hierarchy.ts'
import { bpfUsageOf } from '../support/bpf-usage.ts'
import { median } from '../support/gaps.ts'
import { launcher } from '../support/sonde.ts'
import { unwindWorkloads } from '../support/unwind-workloads.ts'

const seconds = Number(process.argv[2] ?? 6)
const rounds = Number(process.argv[3] ?? 3)
const PROCESSES = 20
const RATES = [99, 999]
const GOAL = 0.1
/** By then it is known what each of the processes needs. */
const SETTLING_MS = 2000
const STATISTICS = '/proc/sys/kernel/bpf_stats_enabled'

interface Figures {
  readonly nsPerRun: number
  readonly runs: number
}

const mount = cgroupMountsOf(readFileSync('/proc/self/mountinfo', 'utf8')).find(
  ({ controllers }) => controllers.length === 0,
)
if (mount === undefined) throw new Error('needs cgroups of version 2')
const cgroup = `/sonde-bench-${process.pid}`
const cgroupDirectory = `${mount.mount}${cgroup}`

function startProcesses(): ChildProcess[] {
  const [command = '', ...args] = unwindWorkloads.libcHeavy.command(3600)
  return Array.from({ length: PROCESSES }, () => spawn(command, args, { stdio: 'ignore' }))
}

/** The programs' run time while they sample, after start-up. */
async function measure(rate: number, filter: readonly string[]): Promise<Figures> {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-bench-'))
  const output = ['-o', join(directory, 'x.pb.gz')]
  const options = ['-a', '--sampler', 'bpf', '-F', String(rate), ...filter, ...output]
  // Ahead of the busy ones, or it would take long to begin.
  const command = ['-n', '-15', launcher, 'record', ...options]
  const recorder = spawn('nice', command, { stdio: 'ignore' })
  try {
    while (bpfUsageOf(recorder.pid ?? 0).runs === 0) await sleep(100)
    await sleep(SETTLING_MS)
    const from = bpfUsageOf(recorder.pid ?? 0)
    await sleep(seconds * 1000)
    const until = bpfUsageOf(recorder.pid ?? 0)
    const runs = until.runs - from.runs
    return { runs, nsPerRun: (until.runNs - from.runNs) / runs }
  } finally {
    const exit = once(recorder, 'exit')
    recorder.kill('SIGINT')
    await exit
    rmSync(directory, { recursive: true })
  }
}

async function compare(rate: number): Promise<void> {
  const all: Figures[] = []
  const one: Figures[] = []
  for (let round = 0; round < rounds; round++) {
    all.push(await measure(rate, []))
    one.push(await measure(rate, ['--cgroup', cgroup]))
  }
  const nsOf = (figures: readonly Figures[]): number => median(figures.map(({ nsPerRun }) => nsPerRun))
  const ratio = nsOf(one) / nsOf(all)
  const each = one.map(({ nsPerRun }, round) => (nsPerRun / (all[round]?.nsPerRun ?? Number.NaN)).toFixed(3))
  console.log(
    `${rate} Hz: all ${nsOf(all).toFixed(0)} ns per run, one cgroup ${nsOf(one).toFixed(0)} ns: ` +
      `${(100 * ratio).toFixed(1)} % (goal < ${100 * GOAL} %; rounds ${each.join(', ')}; ${one[0]?.runs} runs in a round)`,
  )
}

const before = readFileSync(STATISTICS, 'utf8')
mkdirSync(cgroupDirectory)
const children = startProcesses()
try {
  writeFileSync(`${cgroupDirectory}/cgroup.procs`, String(children[0]?.pid))
  writeFileSync(STATISTICS, '1')
  console.log(`${PROCESSES} busy processes, ${rounds} rounds of ${seconds} s in turn, medians`)
  for (const rate of RATES) await compare(rate)
} finally {
  writeFileSync(STATISTICS, before)
  const exits = children.map((child) => once(child, 'exit'))
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(exits)
  rmdirSync(cgroupDirectory)
}
