// What unwinding a sample costs, in CPU time, on samples of running programs: hot (again and again), and cold (100 samples
// after another program has had the caches). The work is test/native/bench/unwind.cc.
//
//   npm run bench -- unwind

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { unwindWorkloads } from '../support/unwind-workloads.ts'

/** At a depth of 13 frames. */
const GOAL_NS = 2000
const GOAL_DEPTH = 13
const SECONDS = 4
/** A program has to live until its samples are unwound. */
const LASTS = String(SECONDS * 10)
const program = new URL('../../build/native/sonde_unwind_bench', import.meta.url).pathname
const load = (name: string): string => join(import.meta.dirname, 'load', name)
const Outcome = z.object({
  samples: z.number(),
  depth: z.number(),
  complete: z.number(),
  hotNs: z.number(),
  coldNs: z.number(),
})

const programs: Readonly<Record<string, readonly string[]>> = {
  'C, mostly in the C library': unwindWorkloads.libcHeavy.command(Number(LASTS)),
  Python: ['python3', load('busy.py'), LASTS],
  'Node.js': [process.execPath, load('busy.js'), LASTS],
}

for (const [name, [command = '', ...args]] of Object.entries(programs)) {
  if (spawnSync('which', [command]).status !== 0) {
    console.log(`${name}: skipped, there is no ${command}`)
    continue
  }
  const child = spawn(command, args, { stdio: 'ignore' })
  await sleep(500)
  const text = execFileSync(program, [String(child.pid), String(SECONDS)], { encoding: 'utf8' })
  child.kill()
  await once(child, 'exit')
  const { samples, depth, complete, hotNs, coldNs } = Outcome.parse(JSON.parse(text))
  const atGoal = (coldNs / depth) * GOAL_DEPTH
  console.log(`${name}: ${samples} samples, ${depth} frames deep, ${(complete * 100).toFixed(1)} % complete`)
  console.log(
    `  hot ${hotNs} ns, cold ${coldNs} ns per sample; ${(hotNs / depth).toFixed(0)} and ${(coldNs / depth).toFixed(0)} ns per frame`,
  )
  console.log(
    `  cold at ${GOAL_DEPTH} frames ${atGoal.toFixed(0)} ns, goal ≤ ${GOAL_NS}: ${atGoal <= GOAL_NS ? 'met' : 'missed'}`,
  )
}
