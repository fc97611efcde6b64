// The two back-ends side by side, on the same processes at the same time: both say the same of them.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { BACK_ENDS, type BackEnd } from '../../src/core/back-end.ts'
import { whyNot } from '../support/back-ends.ts'
import {
  isInstalled,
  launcher,
  readSummary,
  type Summary,
  sum,
  temporaryDirectory,
} from '../support/sonde.ts'
import { unwindWorkloads } from '../support/unwind-workloads.ts'
import { workload } from '../support/workload.ts'

const SECONDS = 4
/** Of all samples: functions and stacks below it are left to chance. */
const SHARE = 0.01
/** Some 350 shares are compared: chance alone would exceed 4 in one run of 50, and exceeds 5 in one of 5,000. */
const SIGMAS = 5
/** As much of the stack by both: by default perf's rings hold half of what BPF takes. */
const SAMPLING = ['-F', '999', '--call-graph', 'dwarf,16384'] as const
const TOTALS_DIFFER_BY = 0.02

const { libcHeavy, threads, go, python } = unwindWorkloads
const SHARES = {
  name: 'two functions, 3:1',
  needs: ['cc'],
  command: (seconds: number) => [workload('shares'), String(seconds)],
}

for (const { name, needs, command } of [SHARES, libcHeavy, threads, go, python]) {
  const missing = needs.filter((program) => !isInstalled(program))
  const skip = missing.length > 0 && `needs ${missing.join(', ')}`
  test(`perf and bpf see the same totals, functions and stacks: ${name}`, { skip }, async (context) => {
    for (const backEnd of BACK_ENDS) {
      const reason = whyNot(backEnd)
      if (reason !== undefined) return context.skip(reason)
    }
    const recordings = await recordedByAll(context, command(SECONDS))
    for (const { backEnd, summary, total } of recordings) {
      context.diagnostic(`${backEnd}: ${total} samples, lost ${JSON.stringify(summary.samples.lost)}`)
    }
    const [one, other] = recordings
    assert.ok(one !== undefined && other !== undefined)
    assert.ok(one.total > 300)
    assertSameTotals(one.summary, other.summary)
    assertSameShares(context, one, other, 'functions')
    assertSameShares(context, one, other, 'stacks')
    if (name === SHARES.name) for (const recording of recordings) assertThreeToOne(recording)
  })
}

interface Recording {
  readonly backEnd: BackEnd
  readonly summary: Summary
  readonly total: number
  /** Samples in which a function is on the stack. */
  readonly functions: ReadonlyMap<string, number>
  /** Samples by their user stack, root first. */
  readonly stacks: ReadonlyMap<string, number>
}

/** Each of them samples the process before its first instruction, and after its last. */
async function recordedByAll(context: TestContext, command: readonly string[]): Promise<Recording[]> {
  const directory = temporaryDirectory(context)
  const target = started(context, 'sh', ['-c', 'read go; exec "$@"', 'sh', ...command])
  const recorders = await Promise.all(
    BACK_ENDS.map(async (backEnd) => {
      const outputs = ['-o', join(directory, `${backEnd}.folded`), '--summary', join(directory, backEnd)]
      const howLong = ['--', 'sh', '-c', 'echo begun; read end']
      const options = ['--sampler', backEnd, ...SAMPLING, '-p', String(target.pid), ...outputs]
      const child = started(context, launcher, ['record', ...options, ...howLong])
      // It runs its command when the process is being sampled.
      const { stdout } = child
      if (stdout === null) throw new Error('no output')
      await Promise.race([once(stdout, 'data'), once(child, 'exit')])
      assert.equal(child.exitCode, null, `${backEnd} does not sample`)
      return child
    }),
  )
  await ended(target)
  await Promise.all(recorders.map(ended))
  return BACK_ENDS.map((backEnd) => readRecording(directory, backEnd))
}

function started(context: TestContext, command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  context.after(() => child.kill('SIGKILL'))
  return child
}

/** Gives it the line that it waits for, and waits for its end. */
async function ended(child: ChildProcess): Promise<void> {
  child.stdout?.resume()
  const exit = once(child, 'exit')
  child.stdin?.end('\n')
  const [status] = await exit
  assert.equal(status, 0)
}

function readRecording(directory: string, backEnd: BackEnd): Recording {
  const lines = readFileSync(join(directory, `${backEnd}.folded`), 'utf8')
    .trimEnd()
    .split('\n')
  const functions = new Map<string, number>()
  const stacks = new Map<string, number>()
  const add = (map: Map<string, number>, key: string, count: number): unknown =>
    map.set(key, (map.get(key) ?? 0) + count)
  let total = 0
  for (const line of lines) {
    const [, stack = '', count] = /^(.*) (\d+)$/.exec(line) ?? []
    // The kernel's part is what the interrupts of one back-end show of the other.
    const frames = stack.split(';').filter((frame) => !frame.endsWith('_[k]'))
    total += Number(count)
    add(stacks, frames.join(';'), Number(count))
    for (const name of new Set(frames)) add(functions, name, Number(count))
  }
  return { backEnd, summary: readSummary(join(directory, backEnd)), total, functions, stacks }
}

function assertSameTotals(one: Summary, other: Summary): void {
  const due = [one, other].map(({ samples }) => samples.taken + sum(Object.values(samples.lost)))
  const values = [one, other].map(({ sessions }) => sum(sessions.map(({ value }) => value)))
  for (const totals of [due, values]) {
    assert.ok(Math.max(...totals) / Math.min(...totals) - 1 <= TOTALS_DIFFER_BY, totals.join(' and '))
  }
}

/** Both may err alike. */
function assertThreeToOne({ backEnd, functions }: Recording): void {
  const [three = 0, one = 0] = ['three_quarters', 'one_quarter'].map((name) => functions.get(name))
  const deviation = Math.sqrt((0.75 * 0.25) / (three + one))
  assert.ok(Math.abs(three / (three + one) - 0.75) <= SIGMAS * deviation, `${backEnd}: ${three} and ${one}`)
}

function assertSameShares(
  context: TestContext,
  one: Recording,
  other: Recording,
  kind: 'functions' | 'stacks',
): void {
  const shareOf = (recording: Recording, key: string): number =>
    (recording[kind].get(key) ?? 0) / recording.total
  const frequent = [...new Set([...one[kind].keys(), ...other[kind].keys()])].filter(
    (key) => Math.max(shareOf(one, key), shareOf(other, key)) > SHARE,
  )
  context.diagnostic(`${frequent.length} frequent ${kind}`)
  assert.ok(frequent.length > 1)
  const different = frequent
    .map((key) => ({ key, shares: [shareOf(one, key), shareOf(other, key)] as const }))
    .filter(({ shares: [share, otherShare] }) => {
      const common = (share * one.total + otherShare * other.total + 4) / (one.total + other.total + 8)
      const deviation = Math.sqrt(common * (1 - common) * (1 / one.total + 1 / other.total))
      return Math.abs(share - otherShare) > SIGMAS * deviation
    })
  assert.deepEqual(
    different.map(({ key, shares }) => `${key}: ${shares.join(' and ')}`),
    [],
  )
}
