// What it costs to know whom samples belong to: 200 processes of this machine, asked for the first time, and again in later
// windows, and the longest that the event loop stood still meanwhile.
//
//   npm run bench -- resources       or: node test/bench/resources.bench.ts [PROCESSES [SAMPLES]]

import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProcFiles } from '../../src/attribution/proc-files.ts'
import { createResourceFinder } from '../../src/attribution/resource-finder.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import { DEFAULT_SERVICE_POLICY } from '../../src/core/service-policy.ts'
import { milliseconds } from '../../src/core/units.ts'
import { batchOf } from '../support/consumers.ts'
import { processTableOf } from '../support/process-table.ts'

const processes = Number(process.argv[2] ?? 200)
const samples = Number(process.argv[3] ?? 20_000)
const WINDOWS = 6
const TICK_MS = 1

/** As large as environments are in Kubernetes. */
const environment = Object.fromEntries(
  Array.from({ length: 80 }, (_, index) => [`SERVICE_${index}_PORT`, `tcp://10.0.0.${index}:8080`]),
)

const startProcess = (_: unknown, index: number): ChildProcess =>
  spawn('sleep', ['3600'], { env: { ...environment, OTEL_SERVICE_NAME: `service-${index % 20}` } })

/** The processes as if they had been sampled just now, and nothing had happened since the window before. */
function windowOf(children: readonly ChildProcess[], sequence: number): ProfileBatch {
  const batch = batchOf(samples, sequence)
  const pids = children.map(({ pid }) => pid ?? 0)
  const now = process.hrtime.bigint()
  return {
    ...batch,
    samples: {
      ...batch.samples,
      time: new BigUint64Array(samples).fill(now),
      pid: Uint32Array.from({ length: samples }, (_, index) => pids[index % pids.length] ?? 0),
    },
    processes: processTableOf({ events: [] }, 0),
  }
}

async function measure(title: string, work: () => Promise<number>): Promise<void> {
  let longest = 0
  let last = performance.now()
  const ticks = setInterval(() => {
    longest = Math.max(longest, performance.now() - last - TICK_MS)
    last = performance.now()
  }, TICK_MS)
  const before = process.cpuUsage()
  const began = performance.now()
  const known = await work()
  const { user, system } = process.cpuUsage(before)
  const ms = performance.now() - began
  clearInterval(ticks)
  const figures = `${((user + system) / 1_000).toFixed(1)} ms of CPU in ${ms.toFixed(1)} ms`
  console.log(`${title}: ${figures}, longest turn ${longest.toFixed(1)} ms, ${known} named by themselves`)
}

const children = Array.from({ length: processes }, startProcess)
try {
  await sleep(500)
  const finder = createResourceFinder(DEFAULT_SERVICE_POLICY, {
    files: new ProcFiles(),
    clock: systemClock,
    limit: () => milliseconds(5_000),
  })
  console.log(`${processes} processes, ${samples} samples a window`)
  for (let sequence = 0; sequence < WINDOWS; sequence++) {
    const batch = windowOf(children, sequence)
    await measure(sequence === 0 ? 'first window' : `window ${sequence + 1}`, async () => {
      const { table } = await finder.find(batch)
      return table.filter(({ service }) => service.from === 'environment').length
    })
  }
} finally {
  for (const child of children) child.kill('SIGKILL')
}
