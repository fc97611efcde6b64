// Sonde against `perf record -g -a`, alternately, on the same load, in one run:
//   CPU 0: test/workloads/gaps, alone; CPU 1: many_stacks.
// Prints per rate: µs taken from the workload per sample (gap method), own CPU per sample (process tree, from exec), bytes
// per sample, seconds from exec to the first sample, peak RSS, and Sonde's ratio to perf.
//   node test/bench/compare-with-perf.bench.ts [SECONDS [ROUNDS]]

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launcher, run } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'

const seconds = Number(process.argv[2] ?? 10)
const rounds = Number(process.argv[3] ?? 3)

interface Figures {
  readonly takenUs: number
  readonly cpuUsPerSample: number
  readonly cpuSeconds: number
  readonly bytesPerSample: number
  readonly firstSampleSeconds: number
  readonly rssMb: number
  readonly samples: number
}

interface Usage {
  readonly execTime: string
  readonly cpuSeconds: number
  readonly maxRssBytes: number
  readonly status: number
}

const commandOf = {
  perf: (file: string, rate: number) => [
    'perf',
    'record',
    '-q',
    '-k',
    'mono',
    '-e',
    'cpu-clock',
    '-F',
    `${rate}`,
    '-g',
    '-a',
    '-o',
    file,
    '--',
    'sleep',
    `${seconds}`,
  ],
  sonde: (file: string, rate: number) => [
    launcher,
    'record',
    '-F',
    `${rate}`,
    '-a',
    '-o',
    file,
    '--duration',
    `${seconds}s`,
  ],
}
type Profiler = keyof typeof commandOf

async function measure(profiler: Profiler, rate: number): Promise<Figures> {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-bench-'))
  const file = join(directory, 'perf.data')
  const loads = [
    spawn('taskset', ['-c', '0', workload('gaps'), `${seconds + 3}`, join(directory, 'gaps')]),
    spawn('taskset', ['-c', '1', workload('many_stacks'), `${seconds + 3}`, '1']),
  ]
  const gapsPid = loads[0]?.pid ?? 0
  const ended = loads.map((load) => once(load, 'exit'))
  await once(spawn('sleep', ['0.5']), 'exit')
  const profiling = spawn(
    workload('rusage'),
    [join(directory, 'usage'), ...commandOf[profiler](file, rate)],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let complaint = ''
  profiling.stderr.on('data', (text) => {
    complaint += text
  })
  await once(profiling, 'exit')
  await Promise.all(ended)
  const usage = JSON.parse(readFileSync(join(directory, 'usage'), 'utf8')) as Usage
  if (usage.status !== 0) throw new Error(`${profiler}: exit ${usage.status}: ${complaint}`)
  const figures = figuresOf(directory, file, usage, gapsPid)
  rmSync(directory, { recursive: true })
  return figures
}

function figuresOf(directory: string, file: string, usage: Usage, gapsPid: number): Figures {
  const lines = run('perf', ['script', '-F', 'pid,time', '--ns', '-G', '-i', file]).stdout.trim().split('\n')
  const samples = lines.map((line) => {
    const [pid, time] = line.trim().split(/\s+/)
    return { pid: Number(pid), time: BigInt((time ?? '').replace(/[.:]/g, '')) }
  })
  const times = samples.map(({ time }) => time).toSorted((a, b) => Number(a - b))
  const files = readdirSync(directory).filter((name) => name.startsWith('perf.data'))
  const bytes = files.reduce((total, name) => total + statSync(join(directory, name)).size, 0)
  return {
    takenUs: takenPerSample(
      join(directory, 'gaps'),
      samples.filter(({ pid }) => pid === gapsPid).map(({ time }) => time),
    ),
    cpuUsPerSample: (usage.cpuSeconds * 1e6) / samples.length,
    cpuSeconds: usage.cpuSeconds,
    bytesPerSample: bytes / samples.length,
    firstSampleSeconds: Number((times[0] ?? 0n) - BigInt(usage.execTime)) / 1e9,
    rssMb: usage.maxRssBytes / 1e6,
    samples: samples.length,
  }
}

/** Median length of the gaps that contain a sample's time, µs. */
function takenPerSample(gapsFile: string, times: bigint[]): number {
  const gaps = readFileSync(gapsFile, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(BigInt) as [bigint, bigint])
  const sorted = times.toSorted((a, b) => Number(a - b))
  const taken: number[] = []
  let next = 0
  for (const time of sorted) {
    while (next < gaps.length && (gaps[next]?.[1] ?? 0n) < time) next++
    const gap = gaps[next]
    if (gap !== undefined && gap[0] <= time) taken.push(Number(gap[1] - gap[0]) / 1e3)
  }
  return median(taken)
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

const rows = [
  ['takenUs', 'taken from the workload per sample, µs'],
  ['cpuUsPerSample', 'own CPU per sample, µs'],
  ['cpuSeconds', 'own CPU in all, s'],
  ['bytesPerSample', 'bytes per sample'],
  ['firstSampleSeconds', 'exec to first sample, s'],
  ['rssMb', 'peak RSS, MB'],
  ['samples', 'samples'],
] as const satisfies readonly (readonly [keyof Figures, string])[]

console.log(`${seconds} s per measurement, ${rounds} rounds, medians; Sonde, perf, Sonde ÷ perf`)
for (const rate of [99, 999, 4999]) {
  const figures: Record<Profiler, Figures[]> = { sonde: [], perf: [] }
  for (let round = 0; round < rounds; round++) {
    for (const profiler of ['sonde', 'perf'] as const) figures[profiler].push(await measure(profiler, rate))
  }
  console.log(`\n${rate} Hz`)
  for (const [key, title] of rows) {
    const ours = median(figures.sonde.map((figure) => figure[key]))
    const perfs = median(figures.perf.map((figure) => figure[key]))
    console.log(
      `  ${title.padEnd(40)} ${ours.toFixed(2).padStart(10)} ${perfs.toFixed(2).padStart(10)} ${(ours / perfs).toFixed(2).padStart(7)}`,
    )
  }
}
