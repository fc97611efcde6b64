// What Sonde writes, in each way, is read by each perf of Debian without a warning, with the same samples.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MACHINES_PERF, type Perf, perfEnvironment, perfScript, type Script } from '../support/perf-script.ts'
import { differences } from '../support/recording-judge.ts'
import { replayed } from '../support/replayed-recording.ts'
import { sonde } from '../support/sonde.ts'
import { CORPUS_DIRECTORY, PERFS } from './place.ts'

interface Written {
  readonly name: string
  /**
   * What makes it, one after the other in a directory of its own. All files that then begin with perf.data are read.
   */
  readonly steps: readonly (readonly [program: 'sonde' | 'perf', ...words: string[]])[]
}

const WORK = ['--', 'sh', '-c', 'for i in 1 2 3; do ls -lR /usr/lib/python3* >/dev/null; done'] as const
const MACHINE = ['-a', ...WORK] as const
const RATE = ['-F', '499'] as const
const EVENTS = ['-e', 'cpu-clock', '-e', 'page-faults', '-e', 'context-switches'] as const
const TRACEPOINTS = ['-e', 'sched:sched_switch', '-e', 'sched:sched_wakeup', '-e', 'raw_syscalls:sys_enter']
/** Two of one system, one of another. */
const TRACED = [...TRACEPOINTS, '-c', '10'] as const
/** Runs code that a runtime makes: what stack notes are about. */
const runtime = (ms: number) =>
  [
    '--',
    process.execPath,
    '-e',
    `for (const end = Date.now() + ${ms}; Date.now() < end; ) JSON.parse("[1,2]")`,
  ] as const
/** By perf of the machine, of the machine; with build ids in all maps for the sake of old perfs, see recorder.ts. */
const perfRecord = (...words: readonly string[]) =>
  ['perf', 'record', '-o', 'a.data', '--buildid-mmap', '-g', ...RATE, ...words, ...MACHINE] as const

const recorded = (...words: readonly string[]): Written['steps'] => [['sonde', 'record', ...words]]

const WRITTEN: readonly Written[] = [
  { name: 'a command', steps: recorded(...RATE, ...WORK) },
  { name: 'the whole machine', steps: recorded(...RATE, ...MACHINE) },
  { name: 'rings of perf', steps: recorded(...RATE, '--sampler', 'perf', ...MACHINE) },
  { name: 'frame pointers', steps: recorded(...RATE, '--call-graph', 'fp', ...WORK) },
  {
    name: 'copies of stacks',
    steps: recorded(...RATE, '--sampler', 'perf', '--call-graph', 'dwarf,4096', ...WORK),
  },
  { name: 'several events', steps: recorded(...RATE, ...EVENTS, ...MACHINE) },
  { name: 'a count', steps: recorded('-c', '2000000', '-e', 'task-clock', ...WORK) },
  { name: 'user mode', steps: recorded(...RATE, '-e', 'cpu-clock:u', ...WORK) },
  { name: 'tracepoints', steps: recorded(...TRACED, ...MACHINE) },
  {
    name: 'a tracepoint and a clock',
    steps: recorded(...RATE, ...TRACEPOINTS, '-e', 'cpu-clock', ...MACHINE),
  },
  { name: 'zstd', steps: recorded(...RATE, '-z', ...MACHINE) },
  {
    name: 'zstd of several events',
    steps: recorded(...RATE, ...EVENTS, ...TRACEPOINTS, '--compression-level=19', ...WORK),
  },
  { name: 'what is filtered', steps: recorded(...RATE, '--include', 'comm=ls', ...MACHINE) },
  { name: 'stack notes', steps: recorded(...RATE, ...runtime(1000)) },
  { name: 'stack notes and zstd', steps: recorded(...RATE, '-z', ...runtime(1000)) },
  { name: 'raw clock', steps: recorded(...RATE, '--clockid', 'monotonic_raw', ...WORK) },
  { name: 'wall clock', steps: recorded(...RATE, '--clockid', 'realtime', ...WORK) },
  { name: 'late start', steps: recorded(...RATE, '-D', '200', ...runtime(1000)) },
  { name: 'a flight recorder', steps: recorded(...RATE, '--overwrite=10', ...WORK) },
  { name: 'several files', steps: recorded(...RATE, '--switch-output=1s', ...runtime(2500)) },
  {
    name: 'rewritten',
    steps: [
      ['sonde', 'record', '-o', 'a.data', ...RATE, ...EVENTS, ...TRACEPOINTS, ...WORK],
      ['sonde', 'convert', 'a.data'],
    ],
  },
  {
    name: 'rewritten with stack notes, compressed',
    steps: [
      ['sonde', 'record', '-o', 'a.data', ...RATE, ...runtime(1000)],
      ['sonde', 'convert', 'a.data', '-z'],
    ],
  },
  {
    name: 'cut and filtered',
    steps: [
      ['sonde', 'record', '-o', 'a.data', ...RATE, '-z', ...EVENTS, ...WORK],
      ['sonde', 'convert', 'a.data', '--time', '10%-80%', '--include', 'comm=ls'],
    ],
  },
  {
    name: 'joined',
    steps: [
      ['sonde', 'record', '-o', 'a.data', ...RATE, ...TRACEPOINTS, ...WORK],
      ['sonde', 'record', '-o', 'b.data', ...RATE, '-z', ...EVENTS, ...WORK],
      ['sonde', 'convert', 'a.data', 'b.data'],
    ],
  },
  {
    name: 'rewritten of perf',
    steps: [perfRecord(...EVENTS, ...TRACEPOINTS), ['sonde', 'convert', 'a.data']],
  },
  {
    name: 'joined of perf and Sonde',
    steps: [
      perfRecord('-k', 'mono', ...EVENTS),
      ['sonde', 'record', '-o', 'b.data', ...RATE, ...EVENTS, ...WORK],
      ['sonde', 'convert', 'a.data', 'b.data', '-z'],
    ],
  },
]

/** What perf says of every file of some kind, and why it may. */
const KNOWN: readonly { readonly text: RegExp; readonly why: string }[] = [
  {
    text: /Reserved bits are set unexpectedly\. Please update perf tool\.\n/g,
    why: 'perf before 5.12 knows no build ids in maps; it reads the files all the same',
  },
]

const COMMANDS = [
  ['script', '--no-inline', '-F', 'comm,pid,tid,time,event,period,ip,sym,dso'],
  ['report', '--no-inline', '--stdio', '-g', 'none'],
  ['report', '--header-only'],
  ['buildid-list'],
] as const

for (const { name, steps } of WRITTEN) {
  const directory = join(CORPUS_DIRECTORY, 'written', name.replaceAll(/\W+/g, '-'))
  test(`of Sonde: ${name}`, async (t) => {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
    for (const step of steps) made(step, directory)
    const files = readdirSync(directory).filter((file) => file.startsWith('perf.data'))
    assert.ok(files.length > 0, 'nothing was written')
    for (const { line, found } of PERFS) {
      const skip = 'lacking' in found && found.lacking
      await t.test(`is read by perf ${line.name}`, { skip }, async (each) => {
        if ('lacking' in found) return
        if (isCompressed(steps) && !hasZstd(found.perf)) return each.skip('this perf was built without zstd')
        for (const file of files) await isReadAlike(join(directory, file), found.perf)
      })
    }
  })
}

function made([program, verb = '', ...words]: Written['steps'][number], directory: string): void {
  const output = words.includes('-o') ? [] : ['-o', 'perf.data']
  const args = [verb, ...output, ...words]
  const { status, stderr } =
    program === 'sonde' ? sonde(args, { cwd: directory }) : run(MACHINES_PERF, args, directory)
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stderr}`)
}

const isCompressed = (steps: Written['steps']): boolean =>
  steps.at(-1)?.some((word) => word.startsWith('-z') || word.startsWith('--compression')) ?? false

async function isReadAlike(file: string, perf: Perf): Promise<void> {
  for (const [verb, ...words] of COMMANDS) assertQuiet(perf, [verb, '-i', file, ...words])
  const told = await replayed(file)
  assert.ok(told.samples.length > 0, `${file} has no samples`)
  assert.deepEqual(told.problems, [], file)
  assert.deepEqual(differences(told, plainlyNamed(perfScript(file, perf)), { stacks: 'none' }), [], file)
}

/** perf 5.10 names events by their attrs: those of hosts and guests, which ours are, it marks. */
const plainlyNamed = (script: Script): Script => ({
  ...script,
  samples: script.samples.map((sample) => ({ ...sample, event: sample.event.replace(/:HG$/, '') })),
})

function run([program, ...words]: Perf, args: readonly string[], cwd = CORPUS_DIRECTORY) {
  return spawnSync(program, [...words, ...args], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    timeout: 120_000,
    env: perfEnvironment(),
  })
}

function assertQuiet(perf: Perf, args: readonly string[]): void {
  const { status, signal, stderr } = run(perf, args)
  const said = KNOWN.reduce((text, known) => text.replaceAll(known.text, ''), stderr)
  assert.deepEqual({ status, signal, said }, { status: 0, signal: null, said: '' }, `perf ${args.join(' ')}`)
}

const hasZstd = (perf: Perf): boolean => /zstd: \[ on/.test(run(perf, ['version', '--build-options']).stdout)
