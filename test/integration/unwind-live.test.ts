// Stacks of running programs at 999 Hz: how many reach their root, and what is said of the others.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProcessStacks } from '../../src/core/summary.ts'
import { isInstalled, readSummary, run, sonde, sum, temporaryDirectory } from '../support/sonde.ts'
import { StackJudge } from '../support/stack-judge.ts'
import { unwindWorkloads as all, type UnwindWorkload } from '../support/unwind-workloads.ts'

const seconds = 6

/** Nearly every stack has to be complete. */
const complete: readonly UnwindWorkload[] = [
  ...[all.libcHeavy, all.libcHeavyWithFramePointers, all.debugFrame, all.static, all.plt, all.vdso],
  ...[all.exceptions, all.threads, all.signals, all.oddFrames, all.rust, all.go, all.goStripped],
  ...[all.python, all.node, all.java],
]
/** What gdb cannot avoid either: libgcc installs the registers of a handler while rows still speak of its own. */
const inHandlers = { of: all.exceptions, reason: /^\[broken: bad (return address|frame pointer)\]$/ }
/** Why stacks of these end early. */
const broken: readonly (readonly [UnwindWorkload, RegExp])[] = [
  [all.garbage, /^\[broken: unreadable unwind rows in unwind-garbage\]$/],
  [all.musl, /^\[broken: no unwind rows in libc\.so\]$/],
  [all.javaWithoutFramePointers, /^\[broken: no unwind rows in code made at run time\]$/],
  [all.recursion, /^\[truncated: stack bytes\]$/],
  [all.signalsOtherStack, /^\[truncated: other stack\]$/],
]

/** Those that run side by side, the damaged beside the sound; a few at a time, so that each has its share of CPU. */
const groups: readonly (readonly UnwindWorkload[])[] = [
  [all.libcHeavy, all.libcHeavyWithFramePointers, all.debugFrame, all.static, all.garbage],
  [all.plt, all.vdso, all.exceptions, all.threads, all.musl],
  [all.signals, all.oddFrames, all.rust, all.recursion, all.signalsOtherStack],
  [all.go, all.goStripped, all.python, all.node],
  [all.java, all.javaWithoutFramePointers],
]
/** What perf's rings are looked at with, too: a few of each kind. */
const groupByPerf = [all.libcHeavy, all.threads, all.go, all.python, all.garbage, all.recursion]

interface Recorded {
  readonly sampler: 'auto' | 'perf'
  readonly groups: readonly (readonly UnwindWorkload[])[]
  readonly stacks: Map<UnwindWorkload, ProcessStacks>
}
const recordings: readonly Recorded[] = [
  { sampler: 'auto', groups, stacks: new Map() },
  { sampler: 'perf', groups: [groupByPerf], stacks: new Map() },
]
before(async (context) => {
  for (const recorded of recordings) {
    for (const group of recorded.groups) {
      await record(context as TestContext, recorded, group.filter(isRunnable))
    }
  }
})

/**
 * Records the whole machine while the programs run. With perf's rings only theirs are unwound: on a busy machine 2 to 4 % of
 * their stacks ended in `rows not read in time` otherwise, why is not known.
 */
async function record(
  context: TestContext,
  { sampler, stacks: recorded }: Recorded,
  workloads: readonly UnwindWorkload[],
): Promise<void> {
  const children = new Map(workloads.map((workload) => [workload, start(workload)]))
  // What compiles itself has done so.
  await sleep(workloads.includes(all.java) ? 6000 : 2000)
  const directory = temporaryDirectory(context)
  const summary = join(directory, 's.json')
  const outputs = ['-o', join(directory, 'x.data'), '--summary', summary]
  const own = [...children.values()].flatMap(({ pid }) => ['--include', `pid=${pid}`])
  const only = sampler === 'perf' ? own : []
  const result = sonde([
    ...['record', '--sampler', sampler, '-a', ...only, '-F', '999', '--duration', `${seconds}s`, ...outputs],
  ])
  await Promise.all([...children.values()].map(stop))
  assert.equal(result.status, 0, result.stderr)
  const { processes } = readSummary(summary).stacks
  for (const [workload, child] of children) {
    const stacks = processes.find(({ pid }) => pid === child.pid)
    if (stacks !== undefined) recorded.set(workload, stacks)
  }
}

for (const { sampler, groups: recordedGroups, stacks: recorded } of recordings) {
  const isRecorded = (workload: UnwindWorkload): boolean => recordedGroups.flat().includes(workload)
  for (const workload of complete.filter(isRecorded)) {
    test(`99 % of the stacks are complete: ${workload.name} (${sampler})`, lacking(workload), (context) => {
      const stacks = recorded.get(workload) ?? assert.fail('no samples')
      const total = samplesOf(stacks)
      context.diagnostic(`${stacks.complete} of ${total}; ${JSON.stringify(stacks.broken)}`)
      assert.ok(total > 100)
      const excused = workload === inHandlers.of ? countOf(stacks, inHandlers.reason) : 0
      assert.ok(excused <= 0.02 * total)
      assert.ok(stacks.complete >= 0.99 * (total - excused))
    })
  }

  for (const [workload, reason] of broken.filter(([workload]) => isRecorded(workload))) {
    test(`what ends stacks early is counted: ${workload.name} (${sampler})`, lacking(workload), (context) => {
      const stacks = recorded.get(workload) ?? assert.fail('no samples')
      context.diagnostic(`${stacks.complete} of ${samplesOf(stacks)}; ${JSON.stringify(stacks.broken)}`)
      const counted = countOf(stacks, reason)
      assert.ok(counted > 20)
      assert.ok(stacks.complete + counted >= 0.98 * samplesOf(stacks))
    })
  }
}

test('samples of a spinning thread show what gdb shows when it stands', {
  skip:
    process.arch !== 'x64' || !isInstalled('gdb') || !isInstalled('perf') ? 'needs x86-64, gdb, perf' : false,
}, async (context) => {
  const child = start(all.spin)
  context.after(() => stop(child))
  await sleep(300)
  const file = join(temporaryDirectory(context), 'spin.data')
  const options = ['-F', '999', '-p', String(child.pid), '--duration', '1s', '-o', file]
  assert.equal(sonde(['record', ...options]).status, 0)
  const judge = new StackJudge()
  context.after(() => judge.close())
  const [verdict] = await judge.look(child.pid ?? 0)
  const inFile = placesInFiles(child.pid ?? 0)
  const script = run('perf', ['script', '-F', 'ip', '-i', file]).stdout
  const samples = script
    .trim()
    .split('\n\n')
    .map((text) => text.split('\n').flatMap((line) => /[0-9a-f]{4,}/.exec(line) ?? []))
  // The interrupt may have come while the thread was in the kernel for another one.
  const callers = samples.map((frames) => frames.filter((frame) => !frame.startsWith('ffff')).slice(1))
  assert.ok(callers.length > 100)
  const expected = verdict?.gdb.frames.slice(1).map(inFile)
  assert.equal(expected?.length, 15)
  assert.deepEqual(
    callers.filter((frames) => frames.join() !== expected?.join()),
    [],
  )
})

/** From an address of the process to one in its file, as perf script prints it. */
function placesInFiles(pid: number): (address: string) => string {
  const mappings = readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/^(\w+)-(\w+) \S+ (\w+)/gm)
  const ranges = [...mappings].map((match) => match.slice(1).map((text) => BigInt(`0x${text}`)))
  return (text) => {
    const address = BigInt(`0x${text}`)
    const [start, , offset] = ranges.find(([from = 0n, to = 0n]) => address >= from && address < to) ?? []
    return (address - (start ?? 0n) + (offset ?? 0n)).toString(16)
  }
}

function lacking(workload: UnwindWorkload): { skip?: string } {
  return isRunnable(workload) ? {} : { skip: `needs ${workload.needs.join(', ')}` }
}

function isRunnable({ needs }: UnwindWorkload): boolean {
  return needs.every(isInstalled)
}

function start({ command }: UnwindWorkload): ChildProcess {
  const [program = '', ...args] = command(600)
  return spawn(program, args, { stdio: 'ignore' })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function countOf(stacks: ProcessStacks, reason: RegExp): number {
  const matching = Object.entries(stacks.broken).filter(([text]) => reason.test(text))
  return sum(matching.map(([, count]) => count))
}

function samplesOf(stacks: ProcessStacks): number {
  return stacks.complete + stacks.unverified + sum(Object.values(stacks.broken))
}
