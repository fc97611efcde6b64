// The agent as a flight recorder for an hour: its memory stays flat, and every SIGUSR2 gives the last 30 s.
//   node test/soak/flight-recorder.soak.ts [MINUTES]        default 60; prints a line a minute; exits 1 where it is not so

import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { askAgent } from '../../src/cli/ask-agent.ts'
import type { Status } from '../../src/core/status.ts'

const KEEP_SECONDS = 30
const LOOK_SECONDS = 10
const MINUTES = Number(process.argv[2] ?? 60)
const MINUTES_PER_DUMP = Math.min(10, Math.max(1, Math.floor(MINUTES / 3)))
/** Caches and pools fill at first. */
const WARM_UP_MINUTES = Math.min(15, MINUTES / 3)
/** What memory may grow by in an hour, by the slope of all that is measured behind the warm-up. */
const FLAT_BYTES_PER_HOUR = 10e6

type Memory = NodeJS.MemoryUsage
interface Look extends Pick<Memory, 'rss' | 'heapUsed' | 'arrayBuffers'> {
  readonly minute: number
}

const root = join(import.meta.dirname, '../..')
const directory = mkdtempSync(join(tmpdir(), 'sonde-soak-'))

function startAgent(): ChildProcess {
  const argv = ['run', '--data-directory', directory, '--flight-recorder-keep', `${KEEP_SECONDS}s`]
  return fork(join(root, 'src/main.ts'), [...argv, '--files=false', '--log-level', 'warn'], {
    execArgv: ['--import', join(import.meta.dirname, 'tell-memory.ts')],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}

/** Processes that come and go all the time, of a few milliseconds of work each. */
function startWorkload(): ChildProcess {
  const loop =
    'while :; do sh -c "i=0; while [ \\$i -lt 4000 ]; do i=\\$((i+1)); done; ls / >/dev/null"; sleep 0.3; done'
  return spawn('sh', ['-c', loop], { stdio: 'ignore' })
}

async function memoryOf(agent: ChildProcess): Promise<Memory> {
  const answer = once(agent, 'message', { signal: AbortSignal.timeout(30_000) })
  agent.send('memory')
  const [memory] = (await answer) as [Memory]
  return memory
}

const files = (): readonly string[] =>
  readdirSync(join(directory, 'profiles'))
    .filter((name) => name.endsWith('.data'))
    .sort()
    .map((name) => join(directory, 'profiles', name))

/** Seconds between its first sample and its last, as perf reads them; whatever perf says besides is an error. */
function secondsIn(file: string): number {
  const { stdout, stderr, status } = spawnSync('perf', ['script', '-i', file, '-G', '-F', 'time'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (status !== 0 || stderr.trim() !== '') throw new Error(`perf script -i ${file}: ${stderr.trim()}`)
  const times = [...stdout.matchAll(/(\d+\.\d+):/g)].map(([, time]) => Number(time))
  return (times.at(-1) ?? 0) - (times[0] ?? 0)
}

async function dump(agent: ChildProcess): Promise<string | undefined> {
  const before = new Set(files())
  agent.kill('SIGUSR2')
  for (let waited = 0; waited < 60; waited++) {
    await sleep(1_000)
    const file = files().find((each) => !before.has(each))
    if (file === undefined) continue
    const seconds = secondsIn(file)
    const isRight = seconds > KEEP_SECONDS - 2 && seconds < KEEP_SECONDS + 2
    console.log(`  SIGUSR2: ${seconds.toFixed(1)} s in ${file}, read by perf without a warning`)
    return isRight ? undefined : `a file has ${seconds} s, and should have ${KEEP_SECONDS}`
  }
  return 'SIGUSR2 gave no file within a minute'
}

/** Least squares. */
function slopePerHour(looks: readonly Look[], of: (look: Look) => number): number {
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  const x = mean(looks.map(({ minute }) => minute))
  const y = mean(looks.map(of))
  const above = looks.reduce((sum, look) => sum + (look.minute - x) * (of(look) - y), 0)
  const below = looks.reduce((sum, look) => sum + (look.minute - x) ** 2, 0)
  return (above / below) * 60
}

const MB = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

async function soak(agent: ChildProcess): Promise<readonly string[]> {
  const looks: Look[] = []
  const problems: string[] = []
  await sleep(5_000)
  const started = performance.now()
  const minutes = (): number => (performance.now() - started) / 60_000
  for (let minute = 1; minute <= MINUTES; minute++) {
    while (minutes() < minute) {
      await sleep(Math.min(LOOK_SECONDS * 1_000, (minute - minutes()) * 60_000 + 1))
      looks.push({ ...(await memoryOf(agent)), minute: minutes() })
    }
    const { rss, heapUsed, arrayBuffers } = looks.at(-1) as Look
    const { flightRecorder, windows } = JSON.parse(await askAgent(directory)) as Status
    const held = `${flightRecorder?.windows} windows of ${MB(flightRecorder?.bytes ?? 0)} held, ${windows.closed} closed, lost ${JSON.stringify(flightRecorder?.lost)}`
    console.log(
      `${new Date().toISOString()} minute ${minute}: RSS ${MB(rss)}, heap ${MB(heapUsed)}, array buffers ${MB(arrayBuffers)}; ${held}`,
    )
    if (minute % MINUTES_PER_DUMP === 0)
      await dump(agent).then((problem) => problem !== undefined && problems.push(problem))
  }
  const judged = looks.filter(({ minute }) => minute > WARM_UP_MINUTES)
  for (const figure of ['rss', 'heapUsed', 'arrayBuffers'] as const) {
    const slope = slopePerHour(judged, (look) => look[figure])
    console.log(`${figure}: ${MB(slope)} an hour, from ${judged.length} looks`)
    if (slope > FLAT_BYTES_PER_HOUR) problems.push(`${figure} grows by ${MB(slope)} an hour`)
  }
  return problems
}

const agent = startAgent()
const workload = startWorkload()
try {
  const problems = await soak(agent)
  agent.kill('SIGTERM')
  const [status] = await once(agent, 'exit')
  if (status !== 0) throw new Error(`the agent ended with ${status}`)
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
} finally {
  workload.kill()
  agent.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
}
