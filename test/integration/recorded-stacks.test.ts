// Stacks that perf recorded as bytes: unwound here, and by perf itself.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { compared, perfStacksOf, recordWithStacks, stacksOf } from '../support/recorded-stacks.ts'
import { sonde, temporaryDirectory } from '../support/sonde.ts'
import { type UnwindWorkload, unwindWorkloads } from '../support/unwind-workloads.ts'
import { workload } from '../support/workload.ts'
import { NO_PERF } from './perf-data-tools.ts'

const isHere = (program: string): boolean => {
  const { status } = spawnSync('sh', ['-c', `command -v ${program}`])
  return status === 0
}

function recorded(t: TestContext, { name, needs, command }: UnwindWorkload): string | undefined {
  const missing = needs.find((program) => !isHere(program))
  if (missing !== undefined) {
    t.diagnostic(`${name}: left out, there is no ${missing}`)
    return undefined
  }
  const file = join(temporaryDirectory(t), 'perf.data')
  const problem = recordWithStacks(file, command(2))
  if (problem !== undefined) t.skip(problem)
  return problem === undefined ? file : undefined
}

type Stacks = Awaited<ReturnType<typeof stacksOf>>

/** That we see what perf sees. */
function assertAllOf(perfs: ReturnType<typeof perfStacksOf>, ours: Stacks): void {
  for (const [moment, { frames, reason }] of ours) {
    const told = `${moment}: ${frames.join(' ')} ${reason}\nperf: ${perfs.get(moment)?.join(' ')}`
    // perf guesses on where nothing says how a function is left.
    if (reason.startsWith('[broken: no unwind rows')) continue
    assert.notEqual(compared(frames, perfs.get(moment) ?? []), 'not all', told)
  }
}

/** What perf 6.1 unwinds as well: rows in .eh_frame of files that are not static. */
const ALIKE = ['libcHeavy', 'exceptions', 'threads', 'signals', 'plt', 'oddFrames', 'vdso', 'python'] as const

for (const key of ALIKE) {
  const program: UnwindWorkload = unwindWorkloads[key]
  test(`${program.name}: stacks that perf recorded are those that perf script shows, to their root`, {
    skip: NO_PERF,
  }, async (t) => {
    const file = recorded(t, program)
    if (file === undefined) return
    const [ours, perfs] = [await stacksOf(file), perfStacksOf(file)]
    assert.deepEqual([...ours.keys()].sort(), [...perfs.keys()].sort())
    assert.ok(ours.size > 10, `${ours.size} samples`)
    assertAllOf(perfs, ours)
    const complete = [...ours.values()].filter(({ state }) => state === 'complete').length
    assert.ok(complete >= ours.size * 0.9, `${complete} of ${ours.size} complete`)
  })
}

test('of a signal handler with a stack of its own, what it interrupted is the last frame, as for perf script', {
  skip: NO_PERF,
}, async (t) => {
  const file = recorded(t, unwindWorkloads.signalsOtherStack)
  if (file === undefined) return
  const ours = await stacksOf(file)
  assertAllOf(perfStacksOf(file), ours)
  const handlers = [...ours.values()].filter(({ reason }) => reason === '[truncated: other stack]')
  assert.ok(handlers.length > 10, `${handlers.length} of ${ours.size} in the handler`)
})

test('stacks of static programs, and of code made at run time, go on where perf script gives up', {
  skip: NO_PERF,
}, async (t) => {
  for (const program of [unwindWorkloads.static, unwindWorkloads.node]) {
    const file = recorded(t, program)
    if (file === undefined) continue
    const [ours, perfs] = [await stacksOf(file), perfStacksOf(file)]
    const all = [...ours]
    const complete = all.filter(([, { state }]) => state === 'complete').length
    assert.ok(complete >= ours.size * 0.9, `${program.name}: ${complete} of ${ours.size} complete`)
    const more = all.filter(([moment, { frames }]) => compared(frames, perfs.get(moment) ?? []) === 'more')
    assert.ok(more.length > 0, `${program.name}: perf shows as much`)
  }
})

const IDENTITIES = {
  'its build id': ['--buildid-mmap'],
  'its inode on this machine': ['--no-buildid'],
}

for (const [identity, options] of Object.entries(IDENTITIES)) {
  test(`the file of a recorded program counts only as long as it is that file, by ${identity}`, {
    skip: NO_PERF,
  }, (t) => {
    const directory = temporaryDirectory(t)
    const [program, file] = [join(directory, 'program'), join(directory, 'perf.data')]
    const [command = '', seconds = ''] = unwindWorkloads.libcHeavy.command(2)
    copyFileSync(command, program)
    const problem = recordWithStacks(file, [program, seconds], options)
    if (problem !== undefined) return t.skip(problem)
    // What other recordings left in perf's cache has the build id, too.
    const env = { ...process.env, PERF_BUILDID_DIR: join(directory, 'no-cache') }
    const stacks = () => sonde(['report', '--stacks', file], { env }).stdout
    assert.match(stacks(), /(9\d\.\d|100\.0) % complete/)
    copyFileSync(workload('shares'), program)
    assert.match(stacks(), /\[broken: file not here: program\]/)
    assert.doesNotMatch(stacks(), /(9\d\.\d|100\.0) % complete/)
  })
}

test('a recording of another machine is unwound by the files below --symfs', { skip: NO_PERF }, async (t) => {
  const directory = temporaryDirectory(t)
  const [program, file] = [join(directory, 'program'), join(directory, 'perf.data')]
  const [command = '', seconds = ''] = unwindWorkloads.static.command(2)
  copyFileSync(command, program)
  const problem = recordWithStacks(file, [program, seconds])
  if (problem !== undefined) return t.skip(problem)
  const root = join(directory, 'root')
  mkdirSync(join(root, directory), { recursive: true })
  copyFileSync(program, join(root, program))
  writeFileSync(program, '')
  assert.doesNotMatch(sonde(['report', '--stacks', file]).stdout, /100\.0 % complete/)
  assert.match(sonde(['report', '--stacks', '--symfs', root, file]).stdout, /(9\d\.\d|100\.0) % complete/)
})
