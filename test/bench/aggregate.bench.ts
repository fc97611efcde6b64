// What a sample costs the agent between the ring and the window's buffer, in CPU time: the drain thread's share (parsing,
// interning) and the closing thread's (resolving, laying out). The work is test/native/bench/aggregate.cc.
//
//   npm run bench -- aggregate

import { execFileSync } from 'node:child_process'
import { z } from 'zod'

const GOAL_NS = 500
const program = new URL('../../build/native/sonde_aggregate_bench', import.meta.url).pathname
const Case = z.object({
  name: z.string(),
  depth: z.number(),
  samples: z.number(),
  stacks: z.number(),
  drainNs: z.number(),
  closeNs: z.number(),
  bytes: z.number(),
})

for (const line of execFileSync(program, { encoding: 'utf8' }).trim().split('\n')) {
  const { name, depth, samples, stacks, drainNs, closeNs, bytes } = Case.parse(JSON.parse(line))
  const total = drainNs + closeNs
  console.log(`${name}: ${samples} samples of depth ${depth}, ${stacks} stacks`)
  console.log(
    `  drain ${drainNs.toFixed(0)} ns + close ${closeNs.toFixed(0)} ns = ${total.toFixed(0)} ns per sample`,
  )
  console.log(
    `  goal ≤ ${GOAL_NS} ns: ${total <= GOAL_NS ? 'met' : 'missed'}; ${bytes} bytes of buffer per sample`,
  )
}
