// The agent, as `sonde run` builds it, sending to an OTLP and a Datadog backend besides, on a machine of 200 busy processes of a dozen
// programs: how long a window waits for its names, what a window costs, and how long the event loop stands still. The load runs at idle priority, so that the agent waits little
// for a CPU.
//
//   npm run bench -- naming          or: node test/bench/naming.bench.ts [WINDOWS [RATE…]]

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Agent, startAgent } from '../../src/agent.ts'
import { ProfileTable } from '../../src/cli/profile-table.ts'
import { Tally } from '../../src/cli/tally.ts'
import { parseAgentConfig } from '../../src/config/agent-config.ts'
import { readConfig } from '../../src/config/config-file.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import { loadConsumers } from '../../src/open-pipeline.ts'
import { checkEventName } from '../../src/sampler/events/choose.ts'
import { isInstalled } from '../support/sonde.ts'
import { unwindWorkloads } from '../support/unwind-workloads.ts'

const PROCESSES = 200
const GOAL_MS = 20
/** What is read once, at the start, is not a window's usual work. */
const WARM_WINDOWS = 1
const TICK_MS = 2
/** What takes less is no stall. */
const WORK_MS = 1
const windows = Number(process.argv[2] ?? 4)
const rates = process.argv.length > 3 ? process.argv.slice(3).map(Number) : [99, 999]
const LASTS = 3600
const load = (name: string): string => join(import.meta.dirname, 'load', name)

const programs: readonly (readonly string[])[] = [
  [process.execPath, load('busy.js'), `${LASTS}`],
  ['python3', load('busy.py'), `${LASTS}`],
  unwindWorkloads.libcHeavy.command(LASTS),
  unwindWorkloads.static.command(LASTS),
  unwindWorkloads.exceptions.command(LASTS),
  ['perl', '-e', 'while (1) { $x{$i++ % 997} .= "a" x 3; $y = join ",", sort keys %x if $i % 1000 == 0 }'],
  [
    'awk',
    'BEGIN { while (1) { s = sprintf("%d:%s", i++, s); s = substr(s, 1, 50); a[i % 99] = length(s) } }',
  ],
  ['bash', '-c', 'while :; do : $((i += RANDOM)); done'],
  ['openssl', 'speed', '-seconds', `${LASTS}`, 'sha256'],
  ['sh', '-c', 'exec xz -9 </dev/urandom >/dev/null'],
  ['sh', '-c', 'exec gzip -9 </dev/urandom >/dev/null'],
  ['sh', '-c', 'exec sha512sum </dev/zero'],
]

function startLoad(): readonly ChildProcess[] {
  const present = programs.filter(([program = '']) => isInstalled(program))
  return Array.from({ length: PROCESSES }, (_, index) => {
    const command = present[index % present.length] ?? []
    return spawn('chrt', ['--idle', '0', ...command], { stdio: 'ignore' })
  })
}

interface WindowFigures {
  readonly samples: number
  readonly frames: number
  /** From the window's end until everybody had its names. */
  readonly waitMs: number
  /** CPU time of the process, all threads, from one window to the next. */
  readonly cpuMs: number
  readonly stalls: Stalls
}

/** How long the event loop stood still for a piece of work: CPU time of its thread, which others on the machine do not change. */
interface Stalls {
  /** Of those pieces that are worth the name. */
  readonly p99Ms: number
  readonly maxMs: number
  /** By the clock, waiting for a CPU included. */
  readonly lateMs: number
}

/** Stretches of the main thread between two ticks: CPU time in between, and how late the second one is. */
class Ticks {
  readonly #cpu: number[] = []
  readonly #late: number[] = []
  readonly #timer: NodeJS.Timeout
  #last = performance.now()
  #cpuBefore = mainThreadMs()

  constructor() {
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  #tick(): void {
    const now = performance.now()
    const cpu = mainThreadMs()
    this.#cpu.push(cpu - this.#cpuBefore)
    this.#late.push(now - this.#last - TICK_MS)
    this.#last = now
    this.#cpuBefore = cpu
  }

  /** Since the last call. */
  take(): Stalls {
    const worked = this.#cpu
      .splice(0)
      .filter((ms) => ms > WORK_MS)
      .sort((a, b) => a - b)
    return {
      p99Ms: worked[Math.floor(worked.length * 0.99)] ?? 0,
      maxMs: worked.at(-1) ?? 0,
      lateMs: Math.max(...this.#late.splice(0)),
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

const mainThreadMs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Takes the figures since the window before. */
class Watch {
  readonly figures: WindowFigures[] = []
  readonly #ticks = new Ticks()
  readonly #tally = new Tally()
  readonly #hottest = new ProfileTable('function', 20_000)
  #cpu = process.cpuUsage()

  /** Does what `sonde run` does with a batch, too. */
  readonly observe = async (batch: ProfileBatch): Promise<void> => {
    const waitMs = Number(process.hrtime.bigint() - batch.window.end) / 1e6
    await this.#tally.add(batch)
    await this.#hottest.addBatch(batch)
    const { user, system } = process.cpuUsage(this.#cpu)
    this.#cpu = process.cpuUsage()
    // What its consumers still do is in the figures of the next window.
    this.figures.push({
      samples: batch.samples.length,
      frames: batch.stacks.frames.length,
      waitMs,
      cpuMs: (user + system) / 1000,
      stalls: this.#ticks.take(),
    })
  }

  stop(): void {
    this.#ticks.stop()
  }
}

/** Another process, as a backend is. */
async function startSink(): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const child = spawn(process.execPath, [load('sink.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, url: `http://127.0.0.1:${String(port).trim()}` }
}

interface Run {
  readonly frequency: number
  readonly dataDirectory: string
  readonly backend: string
}

async function startWith(watch: Watch, { frequency, dataDirectory, backend }: Run): Promise<Agent> {
  const { text, file } = readConfig(undefined)
  const consumers = await loadConsumers()
  const senders = await loadConsumers(['otlp_profiles', 'datadog_pprof'])
  const config = parseAgentConfig(text.replace('frequency: 99', `frequency: ${frequency}`), file, {
    consumers,
    checkEvent: checkEventName,
  })
  return await startAgent({
    sampling: {
      ...config.sampler,
      missingCgroups: 'awaited',
      target: { kind: 'machine' },
      commandLine: ['sonde', 'run'],
      duration: undefined,
    },
    consumers: async () => [
      ...config.consumers,
      ...senders.map((plugin) => plugin.configure({}, plugin.type)),
    ],
    symbols: config.symbols,
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: backend, DD_TRACE_AGENT_URL: backend },
    services: config.services,
    dataDirectory,
    lockDirectory: true,
    children: 'commands',
    lockDown: false,
    observe: watch.observe,
    log: () => undefined,
    version: '0',
  })
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

function report(rate: number, all: readonly WindowFigures[]): void {
  const figures = all.slice(WARM_WINDOWS)
  const most = (of: (figure: WindowFigures) => number) => Math.max(...figures.map(of))
  const middle = (of: (figure: WindowFigures) => number) => median(figures.map(of))
  const p99 = most(({ stalls }) => stalls.p99Ms)
  console.log(`${rate} Hz: ${figures.length} windows of ${middle(({ samples }) => samples)} samples,`)
  console.log(`  ${middle(({ frames }) => frames)} distinct frames; medians, and the worst:`)
  const row = (what: string, of: (figure: WindowFigures) => number) =>
    console.log(
      `  ${what.padEnd(48)} ${middle(of).toFixed(1).padStart(8)} ${most(of).toFixed(1).padStart(8)}`,
    )
  row('from the end of a window to its names, ms', ({ waitMs }) => waitMs)
  row('CPU time of the agent per window, ms', ({ cpuMs }) => cpuMs)
  row('event loop stands still, p99 of the stalls, ms', ({ stalls }) => stalls.p99Ms)
  row('  longest, ms', ({ stalls }) => stalls.maxMs)
  row('  longest by the clock, among 200 busy processes, ms', ({ stalls }) => stalls.lateMs)
  const first = all[0]
  if (first) console.log(`  (the first window: names after ${first.waitMs.toFixed(0)} ms)`)
  console.log(`  p99 ≤ ${GOAL_MS} ms: ${p99 <= GOAL_MS ? 'met' : 'missed'}`)
}

const children = startLoad()
const sink = await startSink()
try {
  await sleep(8000)
  for (const rate of rates) {
    const directory = mkdtempSync(join(tmpdir(), 'sonde-bench-'))
    const watch = new Watch()
    const agent = await startWith(watch, { frequency: rate, dataDirectory: directory, backend: sink.url })
    while (watch.figures.length < windows + WARM_WINDOWS) await sleep(200)
    watch.stop()
    report(rate, watch.figures)
    const end = await agent.stop()
    for (const [name, { outcome }] of end.consumers) {
      if (outcome.delivery !== undefined)
        console.log(`  ${name}: ${outcome.written} samples sent, ${outcome.bytes} bytes`)
    }
    rmSync(directory, { recursive: true })
  }
} finally {
  sink.child.kill()
  for (const child of children) child.kill('SIGKILL')
}
