// Records stopped threads of this machine as fixtures, where gdb sees the same frames (test/fixtures/snapshots/README.md).

import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StackJudge, snapshotProgram } from './stack-judge.ts'
import { unwindWorkloads as all, type UnwindWorkload } from './unwind-workloads.ts'

const directory = join(import.meta.dirname, '../fixtures/snapshots')

/** By the name of the fixture; with as many frames, or a line, as make it what it is meant to be. */
const wanted: Readonly<Record<string, readonly [UnwindWorkload, number, RegExp?]>> = {
  libc: [all.libcHeavy, 16],
  exception: [all.exceptions, 14],
  'signal-handler': [all.signals, 14],
  plt: [all.plt, 6],
  // No row covers the instruction.
  'static-stub': [all.static, 6, /^bare/m],
  vdso: [all.vdso, 6],
  'aligned-stack': [all.oddFrames, 8],
  thread: [all.threads, 3],
}

const only = process.argv.slice(2)
for (const [name, [workload, least, line = /^/]] of Object.entries(wanted)) {
  if (only.length > 0 && !only.includes(name)) continue
  const [command = '', ...args] = workload.command(60)
  const child = spawn(command, args, { stdio: 'ignore' })
  const pid = child.pid ?? 0
  await sleep(500)
  const judge = new StackJudge()
  for (let tries = 0; tries < 500; tries++) {
    await sleep(5 + 20 * Math.random())
    process.kill(pid, 'SIGSTOP')
    await sleep(10)
    const recording = spawnSync(snapshotProgram, ['--record', String(pid)], { encoding: 'utf8' }).stdout
    const frames = [...recording.matchAll(/^frame (.*)$/gm)].map(([, address]) => address)
    if (frames.length < least || !line.test(recording)) {
      process.kill(pid, 'SIGCONT')
      continue
    }
    const [verdict] = await judge.look(pid)
    if (verdict?.gdb.frames.join() !== frames.join()) continue
    writeFileSync(join(directory, `x86-64-${name}.snapshot`), recording)
    console.log(`${name}: ${frames.length} frames, ${recording.length} bytes`)
    break
  }
  judge.close()
  child.kill('SIGKILL')
}
