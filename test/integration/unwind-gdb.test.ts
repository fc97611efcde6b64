// Programs are stopped at moments they do not choose; gdb and Sonde's unwinder have to see the same frames.
// SONDE_UNWIND_STOPS=100 npm test -- test/integration/unwind-gdb.test.ts is the long form; npm run test:unwind does it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isInstalled } from '../support/sonde.ts'
import { type Allowances, agree, goSwitches } from '../support/stack-comparison.ts'
import { StackJudge, type Verdict } from '../support/stack-judge.ts'
import { type UnwindWorkload, unwindWorkloads } from '../support/unwind-workloads.ts'

const stops = Number(process.env.SONDE_UNWIND_STOPS ?? 8)
const { garbage: _, javaWithoutFramePointers: __, ...workloads } = unwindWorkloads

for (const workload of Object.values<UnwindWorkload>(workloads)) {
  test(`gdb sees the same frames: ${workload.name}`, lacking(workload), async (context) => {
    const { verdicts, looks } = await stoppedStacks(context, workload)
    const allowances = allowancesOf(workload)
    const different = verdicts.filter((verdict) => !agree(verdict, allowances))
    const complete = verdicts.filter(({ sonde }) => sonde.end === 'complete').length
    const equal = verdicts.length - different.length
    context.diagnostic(`${verdicts.length} stacks, ${equal} equal, ${complete} complete`)
    for (const verdict of different) context.diagnostic(`different: ${JSON.stringify(verdict)}`)
    // A loop of three instructions stands where it stood more often than not.
    assert.ok(looks >= stops / 3 && verdicts.length > 0, `it does something: ${looks} looks`)
    // Of a few stacks, one may be of the 1 % that may differ.
    assert.ok(different.length <= Math.max(1, 0.01 * verdicts.length))
  })
}

function lacking({ needs }: UnwindWorkload): { skip?: string } {
  if (process.arch !== 'x64') return { skip: 'gdb_frames.py knows the registers of x86-64' }
  const missing = ['gdb', ...needs].filter((program) => !isInstalled(program))
  return missing.length > 0 ? { skip: `needs ${missing.join(', ')}` } : {}
}

const allowancesOf = ({ name, mayEnd = [], unstripped, command }: UnwindWorkload): Allowances => ({
  mayEnd,
  switches: name.startsWith('Go') ? goSwitches(unstripped?.() ?? command(0)[0] ?? '') : [],
})

/** What both see at every stop. A thread that stands where it stood counts once. */
async function stoppedStacks(
  context: TestContext,
  workload: UnwindWorkload,
): Promise<{ readonly verdicts: readonly Verdict[]; readonly looks: number }> {
  const judge = new StackJudge()
  const [command = '', ...args] = workload.command(3600)
  const child = spawn(command, args, { stdio: 'ignore' })
  context.after(async () => {
    judge.close()
    child.kill('SIGKILL')
    if (child.exitCode === null) await once(child, 'exit')
  })
  const pid = child.pid ?? assert.fail(`${command} does not start`)
  await sleep(500)
  const seen = new Map<number, string>()
  const verdicts: Verdict[] = []
  let looks = 0
  for (let stop = 0; stop < stops; stop++) {
    await sleep(2 + 20 * Math.random())
    for (const verdict of await judge.look(pid, workload.unstripped?.())) {
      looks++
      const frames = verdict.sonde.frames.join()
      if (seen.get(verdict.tid) === frames) continue
      seen.set(verdict.tid, frames)
      verdicts.push(verdict)
    }
  }
  return { verdicts, looks }
}
