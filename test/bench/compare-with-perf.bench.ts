// Sonde against perf, in turn, on the same load, in one run:
//   CPU 0: test/workloads/gaps, alone; CPU 1: libc_heavy, a Python and a Node program, where those are installed.
// Per rate and profiler: µs taken from the workload per sample (gap method), own CPU per sample in steady state (from second
// 11 on, all threads, everything but start and stop) and in all, bytes per sample, samples that are missing or were lost,
// seconds from exec to the first sample, peak RSS.
//   npm run bench -- compare-with-perf          32 s per measurement, 2 rounds
//   node test/bench/compare-with-perf.bench.ts [SECONDS [ROUNDS [RATE…]]]

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gapsWith, median } from '../support/gaps.ts'
import { launcher, run } from '../support/sonde.ts'
import { unwindWorkloads } from '../support/unwind-workloads.ts'
import { workload } from '../support/workload.ts'

const seconds = Number(process.argv[2] ?? 32)
const rounds = Number(process.argv[3] ?? 2)
const rates = process.argv.length > 4 ? process.argv.slice(4).map(Number) : [99, 999]
/** When the first window is closed and what happens once has happened. */
const STEADY_FROM_SECONDS = 11

interface Figures {
  readonly takenUs: number
  readonly steadyUs: number
  readonly cpuUsPerSample: number
  readonly bytesPerSample: number
  readonly missingPercent: number
  readonly firstSampleSeconds: number
  readonly rssMb: number
}

interface Usage {
  readonly execTime: string
  readonly cpuSeconds: number
  readonly maxRssBytes: number
  readonly status: number
}

const perf = (file: string, rate: number, ...chains: string[]): string[] => [
  ...['perf', 'record', '-q', '-k', 'mono', '-e', 'cpu-clock', '-F', `${rate}`, ...chains, '-a'],
  ...['-o', file, '--', 'sleep', `${seconds}`],
]
const sonde = (file: string, rate: number, ...chains: string[]): string[] => [
  ...[launcher, 'record', '-F', `${rate}`, ...chains, '-a', '-o', file, '--duration', `${seconds}s`],
]
const commandOf = {
  sonde: (file: string, rate: number) => sonde(file, rate),
  'perf dwarf': (file: string, rate: number) => perf(file, rate, '--call-graph', 'dwarf'),
  'sonde fp': (file: string, rate: number) => sonde(file, rate, '--call-graph', 'fp'),
  'perf fp': (file: string, rate: number) => perf(file, rate, '-g'),
}
type Profiler = keyof typeof commandOf
const PROFILERS = Object.keys(commandOf) as Profiler[]

const onCpu = (cpu: number, command: readonly string[]): ChildProcess =>
  spawn('taskset', ['-c', `${cpu}`, ...command], { stdio: 'ignore' })
const has = (program: string): boolean => spawnSync('which', [program]).status === 0
const loadSource = (name: string): string => join(import.meta.dirname, 'load', name)

function startLoads(gapsFile: string): {
  readonly gaps: ChildProcess
  readonly all: readonly ChildProcess[]
} {
  const lasts = `${seconds + 3}`
  const gaps = onCpu(0, [workload('gaps'), lasts, gapsFile])
  const libcHeavy = unwindWorkloads.libcHeavy.command(seconds + 3)
  const others = [onCpu(1, libcHeavy), onCpu(1, [process.execPath, loadSource('busy.js'), lasts])]
  if (has('python3')) others.push(onCpu(1, ['python3', loadSource('busy.py'), lasts]))
  return { gaps, all: [gaps, ...others] }
}

async function measure(profiler: Profiler, rate: number): Promise<Figures> {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-bench-'))
  const file = join(directory, 'perf.data')
  const loads = startLoads(join(directory, 'gaps'))
  const ended = loads.all.map((load) => once(load, 'exit'))
  await sleep(500)
  const profiling = spawn(
    workload('rusage'),
    [join(directory, 'usage'), ...commandOf[profiler](file, rate)],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let complaint = ''
  profiling.stderr.on('data', (text) => {
    complaint += text
  })
  const steady = steadyCpu(profiling)
  await once(profiling, 'exit')
  await Promise.all(ended)
  const usage = JSON.parse(readFileSync(join(directory, 'usage'), 'utf8')) as Usage
  if (usage.status !== 0) throw new Error(`${profiler}: exit ${usage.status}: ${complaint}`)
  const { cpuMs, forMs } = await steady
  const figures = figuresOf({ directory, file, usage, gapsPid: loads.gaps.pid ?? 0, rate })
  rmSync(directory, { recursive: true })
  return { ...figures, steadyUs: (cpuMs * 1e6) / (rate * 2 * forMs) }
}

/** CPU time between second 11 and the last moment before the end, of the profiler itself. */
async function steadyCpu({ pid: wrapper = 0 }: ChildProcess): Promise<{ cpuMs: number; forMs: number }> {
  const started = Date.now()
  await sleep(STEADY_FROM_SECONDS * 1000)
  const pid = Number(readFileSync(`/proc/${wrapper}/task/${wrapper}/children`, 'utf8').trim().split(' ')[0])
  const from = { cpu: cpuMsOf(pid), at: Date.now() }
  await sleep(started + seconds * 1000 - 500 - Date.now())
  return { cpuMs: cpuMsOf(pid) - from.cpu, forMs: Date.now() - from.at }
}

/** Run time of all threads, from schedstat's first field (nanoseconds). */
function cpuMsOf(pid: number): number {
  let total = 0
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    try {
      total += Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]) / 1e6
    } catch {} // a thread that ended meanwhile
  }
  return total
}

interface Outcome {
  readonly directory: string
  readonly file: string
  readonly usage: Usage
  readonly gapsPid: number
  readonly rate: number
}

function figuresOf({ directory, file, usage, gapsPid, rate }: Outcome): Omit<Figures, 'steadyUs'> {
  const lines = run('perf', ['script', '-F', 'pid,cpu,time', '--ns', '-G', '-i', file])
    .stdout.trim()
    .split('\n')
  const samples = lines.map((line) => {
    const [pid, cpu, time] = line.trim().split(/\s+/)
    return { pid: Number(pid), cpu, time: BigInt((time ?? '').replace(/[.:]/g, '')) }
  })
  const times = samples.map(({ time }) => time).toSorted((a, b) => Number(a - b))
  const files = readdirSync(directory).filter((name) => name.startsWith('perf.data'))
  const bytes = files.reduce((total, name) => total + statSync(join(directory, name)).size, 0)
  const ofGaps = samples.filter(({ pid }) => pid === gapsPid).map(({ time }) => time)
  return {
    takenUs: median(gapsWith(join(directory, 'gaps'), ofGaps)),
    cpuUsPerSample: (usage.cpuSeconds * 1e6) / samples.length,
    bytesPerSample: bytes / samples.length,
    missingPercent: 100 * (1 - samples.length / (rate * 2 * seconds)),
    firstSampleSeconds: Number((times[0] ?? 0n) - BigInt(usage.execTime)) / 1e9,
    rssMb: usage.maxRssBytes / 1e6,
  }
}

const rows = [
  ['takenUs', 'taken from the workload per sample, µs'],
  ['steadyUs', 'own CPU per sample, steady, µs'],
  ['cpuUsPerSample', 'own CPU per sample, start and stop too, µs'],
  ['bytesPerSample', 'bytes per sample'],
  ['missingPercent', 'samples missing, %'],
  ['firstSampleSeconds', 'exec to first sample, s'],
  ['rssMb', 'peak RSS, MB'],
] as const satisfies readonly (readonly [keyof Figures, string])[]

const columns = [...PROFILERS, '÷ dwarf', '÷ fp']
console.log(`${seconds} s per measurement, ${rounds} rounds, medians; the last columns are Sonde ÷ perf`)
for (const rate of rates) {
  const figures = new Map<Profiler, Figures[]>(PROFILERS.map((profiler) => [profiler, []]))
  for (let round = 0; round < rounds; round++) {
    for (const profiler of PROFILERS) figures.get(profiler)?.push(await measure(profiler, rate))
  }
  console.log(`\n${`${rate} Hz`.padEnd(44)}${columns.map((name) => name.padStart(11)).join('')}`)
  for (const [key, title] of rows) {
    const value = (profiler: Profiler) => median((figures.get(profiler) ?? []).map((figure) => figure[key]))
    const ratios = [value('sonde') / value('perf dwarf'), value('sonde') / value('perf fp')]
    const cells = [...PROFILERS.map(value), ...ratios].map((cell) => cell.toFixed(2).padStart(11))
    console.log(`  ${title.padEnd(42)}${cells.join('')}`)
  }
}
