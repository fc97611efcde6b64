// What Sonde writes, in each way, is read by each perf of Debian without a warning, with the same samples.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Perf, perfEnvironment, perfScript, type Script } from '../support/perf-script.ts'
import { differences } from '../support/recording-judge.ts'
import { replayed } from '../support/replayed-recording.ts'
import { sonde } from '../support/sonde.ts'
import { CORPUS_DIRECTORY, PERFS } from './place.ts'

interface Recorded {
  readonly name: string
  /** Of `sonde record`. */
  readonly options: readonly string[]
}

const WORK = ['sh', '-c', 'for i in 1 2 3; do ls -lR /usr/lib/python3* >/dev/null; done'] as const
const RATE = ['-F', '499'] as const

const RECORDED: readonly Recorded[] = [
  { name: 'a command', options: [...RATE, '--', ...WORK] },
  { name: 'the whole machine', options: [...RATE, '-a', '--', ...WORK] },
  { name: 'rings of perf', options: [...RATE, '--sampler', 'perf', '-a', '--', ...WORK] },
  { name: 'frame pointers', options: [...RATE, '--call-graph', 'fp', '-a', '--', ...WORK] },
  {
    name: 'copies of stacks',
    options: [...RATE, '--sampler', 'perf', '--call-graph', 'dwarf,4096', '--', ...WORK],
  },
  {
    name: 'several events',
    options: [...RATE, '-e', 'cpu-clock', '-e', 'page-faults', '-e', 'context-switches', '-a', '--', ...WORK],
  },
  { name: 'a count', options: ['-c', '2000000', '-e', 'task-clock', '--', ...WORK] },
  { name: 'user mode', options: [...RATE, '-e', 'cpu-clock:u', '--', ...WORK] },
  { name: 'zstd', options: [...RATE, '-z', '-a', '--', ...WORK] },
  { name: 'what is filtered', options: [...RATE, '-a', '--include', 'comm=ls', '--', ...WORK] },
]

/** What perf says of every file of some kind, and why it may. */
const KNOWN: readonly { readonly text: RegExp; readonly why: string }[] = [
  {
    text: /Reserved bits are set unexpectedly\. Please update perf tool\.\n/g,
    why: 'perf before 5.12 knows no build ids in maps; it reads the files all the same',
  },
]

const COMMANDS = [
  ['script', '-F', 'comm,pid,tid,time,event,period,ip,sym,dso'],
  ['report', '--stdio', '-g', 'none'],
  ['report', '--header-only'],
  ['buildid-list'],
] as const

for (const { name, options } of RECORDED) {
  const directory = join(CORPUS_DIRECTORY, 'written', name.replaceAll(/\W+/g, '-'))
  const file = join(directory, 'perf.data')
  test(`sonde record, ${name}`, async (t) => {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
    const made = sonde(['record', '-o', file, ...options])
    assert.equal(made.status, 0, made.stderr)
    for (const { line, found } of PERFS) {
      await t.test(
        `is read by perf ${line.name}`,
        { skip: 'lacking' in found && found.lacking },
        async (each) => {
          if ('lacking' in found) return
          const { perf } = found
          const zstd = options.includes('-z') && !hasZstd(perf)
          if (zstd) return each.skip('this perf was built without zstd')
          for (const words of COMMANDS) assertQuiet(perf, [words[0], '-i', file, ...words.slice(1)])
          const told = await replayed(file)
          assert.ok(told.samples.length > 0)
          assert.deepEqual(differences(told, plainlyNamed(perfScript(file, perf)), { stacks: 'none' }), [])
        },
      )
    }
  })
}

/** perf 5.10 names events by their attrs: those of hosts and guests, which ours are, it marks. */
const plainlyNamed = (script: Script): Script => ({
  ...script,
  samples: script.samples.map((sample) => ({ ...sample, event: sample.event.replace(/:HG$/, '') })),
})

function run([program, ...words]: Perf, args: readonly string[]) {
  return spawnSync(program, [...words, ...args], {
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
