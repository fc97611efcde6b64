// The two back-ends against perf and, where it is at hand, opentelemetry-ebpf-profiler: in turn, on the same load, in one run.
//   CPU 0: test/workloads/gaps, alone, 20 frames deep; CPU 1: libc_heavy.
// Per rate and profiler: µs taken from the workload per sample (gap method), own CPU per sample in steady state, resident
// memory and kernel memory of BPF maps, seconds from the start to the first sample. At the end: what is lost at 20,000 Hz.
//   npm run bench -- sampler          24 s per measurement, 2 rounds
//   node test/bench/sampler.bench.ts [SECONDS [ROUNDS [RATE…]]]
// SONDE_OTEL_PROFILER names the binary of opentelemetry-ebpf-profiler. Where CAP_SYS_RESOURCE is missing it has to be built with
// rlimit.MaximizeMemlock doing nothing, or it exits. It is an OTLP sink of ours that it sends to.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { bpfUsageOf } from '../support/bpf-usage.ts'
import { gapsWith, median, monotonicTimes, quantile } from '../support/gaps.ts'
import { OtlpGrpcSink } from '../support/otlp-grpc-sink.ts'
import { launcher, readSummary, run, sum } from '../support/sonde.ts'
import { unwindWorkloads } from '../support/unwind-workloads.ts'
import { workload } from '../support/workload.ts'

const seconds = Number(process.argv[2] ?? 24)
const rounds = Number(process.argv[3] ?? 2)
const rates = process.argv.length > 4 ? process.argv.slice(4).map(Number) : [99, 999]
const otel = process.env.SONDE_OTEL_PROFILER ?? ''
/** When the first window is closed and what happens once has happened. */
const STEADY_FROM_SECONDS = Math.min(11, seconds / 2)
const FLOOD_HERTZ = 20_000
const FLOOD_SECONDS = 10

interface Figures {
  readonly takenUs: number
  readonly takenP90Us: number
  readonly ownUs: number
  readonly rssMb: number
  readonly mapsMb: number
  readonly firstSampleSeconds: number
}

interface Command {
  readonly file: string
  readonly rate: number
  readonly sinkPort: number
}

const sonde = (sampler: string, { file, rate }: Command): string[] => [
  ...[launcher, 'record', '--sampler', sampler, '-F', `${rate}`, '-a', '-o', file],
]
const perf = ({ file, rate }: Command, ...chains: string[]): string[] => [
  ...['perf', 'record', '-q', '-k', 'mono', '-e', 'cpu-clock', '-F', `${rate}`, ...chains, '-a', '-o', file],
]
const commandOf = {
  'sonde bpf': (command: Command) => sonde('bpf', command),
  'sonde perf': (command: Command) => sonde('perf', command),
  'perf fp': (command: Command) => perf(command, '-g'),
  'perf dwarf': (command: Command) => perf(command, '--call-graph', 'dwarf'),
  otel: ({ rate, sinkPort }: Command) => [
    ...[otel, '-collection-agent', `127.0.0.1:${sinkPort}`, '-disable-tls'],
    ...['-samples-per-second', `${rate}`],
  ],
}
type Profiler = keyof typeof commandOf
const PROFILERS = (Object.keys(commandOf) as Profiler[]).filter((name) => name !== 'otel' || existsSync(otel))

const onCpu = (cpu: number, command: readonly string[]): ChildProcess =>
  spawn('taskset', ['-c', `${cpu}`, ...command], { stdio: 'ignore' })

async function measure(profiler: Profiler, rate: number): Promise<Figures> {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-bench-'))
  const [file, gapsFile] = [join(directory, 'perf.data'), join(directory, 'gaps')]
  const sink = new OtlpGrpcSink()
  const gaps = onCpu(0, [workload('gaps'), `${seconds + 1}`, gapsFile])
  const other = onCpu(1, unwindWorkloads.libcHeavy.command(seconds + 1))
  const loads = [gaps, other].map((load) => once(load, 'exit'))
  await sleep(500)
  const startedAt = process.hrtime.bigint()
  const [program = '', ...args] = commandOf[profiler]({ file, rate, sinkPort: await sink.start() })
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (text) => {
    complaint += text
  })
  const ended = once(child, 'exit')
  try {
    const steady = await steadyOf(child.pid ?? 0, rate).catch((cause: unknown) => {
      throw new Error(`${profiler} did not last: ${complaint}`, { cause })
    })
    child.kill('SIGINT')
    await Promise.all([ended, ...loads])
    // Of its samples those of the other CPU are in no gap.
    const fromSink = (): bigint[] => monotonicTimes(gapsFile, sink.times())
    const times = profiler === 'otel' ? fromSink().map((time) => ({ pid: gaps.pid, time })) : timesIn(file)
    const taken = gapsWith(
      gapsFile,
      times.filter(({ pid }) => pid === gaps.pid).map(({ time }) => time),
    )
    const [first = startedAt] = times.map(({ time }) => time).toSorted((a, b) => Number(a - b))
    return {
      takenUs: median(taken),
      takenP90Us: quantile(taken, 0.9),
      ...steady,
      firstSampleSeconds: Number(first - startedAt) / 1e9,
    }
  } finally {
    sink.stop()
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true })
  }
}

type Steady = Pick<Figures, 'ownUs' | 'rssMb' | 'mapsMb'>

async function steadyOf(pid: number, rate: number): Promise<Steady> {
  await sleep(STEADY_FROM_SECONDS * 1000)
  const from = { cpuUs: cpuUsOf(pid), at: process.hrtime.bigint() }
  await sleep((seconds - STEADY_FROM_SECONDS - 1) * 1000)
  const forSeconds = Number(process.hrtime.bigint() - from.at) / 1e9
  const [, rssKb] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return {
    ownUs: (cpuUsOf(pid) - from.cpuUs) / (rate * 2 * forSeconds),
    rssMb: (Number(rssKb) * 1024) / 1e6,
    mapsMb: bpfUsageOf(pid).mapBytes / 1e6,
  }
}

/** Run time of all threads, from schedstat's first field. */
function cpuUsOf(pid: number): number {
  let total = 0
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    try {
      total += Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]) / 1e3
    } catch {} // a thread that ended meanwhile
  }
  return total
}

interface SampleTime {
  readonly pid: number | undefined
  readonly time: bigint
}

function timesIn(file: string): SampleTime[] {
  const { stdout, stderr } = run('perf', ['script', '-F', 'pid,time', '--ns', '-G', '-i', file])
  const lines = stdout.split('\n').filter((line) => line.trim() !== '')
  if (lines.length === 0) throw new Error(`perf script reads no sample of ${file}: ${stderr}`)
  return lines.map((line) => {
    const [pid, time = ''] = line.trim().split(/\s+/)
    return { pid: Number(pid), time: BigInt(time.replace(/[.:]/g, '')) }
  })
}

const ROWS = [
  ['takenUs', 'taken per sample, µs'],
  ['takenP90Us', 'taken per sample, p90, µs'],
  ['ownUs', 'own CPU per sample, steady, µs'],
  ['rssMb', 'RSS, MB'],
  ['mapsMb', 'kernel memory of BPF maps, MB'],
  ['firstSampleSeconds', 'start to first sample, s'],
] as const satisfies readonly (readonly [keyof Figures, string])[]

async function compare(rate: number): Promise<void> {
  const figures = new Map<Profiler, Figures[]>(PROFILERS.map((profiler) => [profiler, []]))
  for (let round = 0; round < rounds; round++) {
    for (const profiler of PROFILERS) figures.get(profiler)?.push(await measure(profiler, rate))
  }
  const references = PROFILERS.filter((name) => name === 'perf fp' || name === 'otel')
  const ratios = references.map((name) => `bpf ÷ ${name.replace('perf ', '')}`)
  console.log(row(`${rate} Hz`, [...PROFILERS, ...ratios]))
  for (const [key, title] of ROWS) {
    const value = (profiler: Profiler) => median((figures.get(profiler) ?? []).map((each) => each[key]))
    const cells = [...PROFILERS.map(value), ...references.map((name) => value('sonde bpf') / value(name))]
    console.log(
      row(
        title,
        cells.map((cell) => cell.toFixed(2)),
      ),
    )
  }
}

const row = (title: string, cells: readonly string[]): string =>
  title.padEnd(36) + cells.map((cell) => cell.padStart(12)).join('')

/** What is lost when both CPUs are busy and far more samples are taken than anybody asks for. */
function flood(sampler: string): void {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-bench-'))
  const load = spawn(workload('many_stacks'), [`${FLOOD_SECONDS + 5}`, '2'], { stdio: 'ignore' })
  try {
    const summary = join(directory, 's.json')
    const output = ['-o', join(directory, 'x.data'), '--summary', summary]
    const options = ['--sampler', sampler, '-a', '-F', `${FLOOD_HERTZ}`, '--duration', `${FLOOD_SECONDS}s`]
    const { status, stderr } = run(launcher, ['record', ...options, ...output])
    if (status !== 0) throw new Error(stderr)
    const { taken, lost } = readSummary(summary).samples
    const due = taken + sum(Object.values(lost))
    console.log(
      `${sampler} at ${FLOOD_HERTZ} Hz: ${taken} of ${due} samples, lost: ${JSON.stringify(lost)}; ` +
        `${Math.round(taken / FLOOD_SECONDS)} a second`,
    )
  } finally {
    load.kill('SIGKILL')
    rmSync(directory, { recursive: true })
  }
}

if (otel === '') console.log('SONDE_OTEL_PROFILER names no opentelemetry-ebpf-profiler: without it')
console.log(`${seconds} s per measurement, ${rounds} rounds, medians`)
for (const rate of rates) await compare(rate)
for (const sampler of ['bpf', 'perf']) flood(sampler)
