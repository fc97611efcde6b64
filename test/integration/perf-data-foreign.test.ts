// What perf itself writes, by the ways in which it writes: counted as perf script counts it.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Replay } from '../../src/sampler/replay.ts'
import { launcher, sonde } from '../support/sonde.ts'
import { NO_PERF, temporaryDirectory } from './perf-data-tools.ts'

const WORKLOAD = 'for i in 1 2 3; do ls -lR /usr/lib/x86_64-linux-gnu /usr/share/doc >/dev/null 2>&1; done'

/** The ways: name and options of perf record. */
const WAYS: readonly (readonly [string, readonly string[]])[] = [
  ['zstd', ['-z', '-F', '2999', '-e', 'cpu-clock', '-g']],
  ['a group whose leader samples', ['-c', '100000', '-e', '{task-clock,page-faults}:S']],
  ['several events', ['-F', '999', '-e', 'cpu-clock,task-clock,page-faults,context-switches']],
  ['a fixed period, which samples do not tell', ['-c', '1000000', '-e', 'cpu-clock']],
  [
    'registers, weights and addresses',
    ['-e', 'cpu-clock', '--user-regs=ip,sp', '--intr-regs=ip', '-d', '-W'],
  ],
  ['copies of stacks', ['-F', '999', '-e', 'cpu-clock', '--call-graph', 'dwarf,4096']],
  [
    'switches, namespaces and cgroups',
    ['-e', 'cpu-clock', '--switch-events', '--namespaces', '--all-cgroups'],
  ],
]

/** What `cat FILE | sonde …` says. */
const piped = (file: string, args: readonly string[]) =>
  spawnSync('sh', ['-c', 'cat "$0" | "$@"', file, launcher, ...args], { encoding: 'utf8' })

type Totals = Record<string, { samples: number; value: bigint }>

async function ours(file: string): Promise<{ totals: Totals; told: readonly string[] }> {
  const replay = Replay.open(file)
  const totals: Totals = {}
  await replay.run({
    async emit(batches) {
      for (const { session, samples } of batches) {
        if (samples.length === 0) continue
        totals[session.event.name] ??= { samples: 0, value: 0n }
        const total = totals[session.event.name]!
        total.samples += samples.length
        for (const value of samples.value) total.value += value
      }
    },
  })
  replay.close()
  return { totals, told: [...replay.problems, ...replay.damage] }
}

function theirs(file: string): Totals | undefined {
  const { status, stdout } = spawnSync('perf', ['script', '-i', file, '-F', 'event,period'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  if (status !== 0) return undefined
  const totals: Totals = {}
  for (const line of stdout.split('\n')) {
    const [, period, event] = /^\s*(\d+)\s+(\S+):\s*$/.exec(line) ?? []
    if (period === undefined || event === undefined) continue
    totals[event] ??= { samples: 0, value: 0n }
    totals[event].samples++
    totals[event].value += BigInt(period)
  }
  return totals
}

/** Build ids with maps: without, records are broken where others on the machine ask for them (Linux 6.18). */
function record(t: TestContext, options: readonly string[]): string | undefined {
  const file = join(temporaryDirectory(t), 'perf.data')
  const all = ['record', '--no-buildid', '--buildid-mmap', ...options, '-o', file, '--', 'sh', '-c', WORKLOAD]
  const { status, stderr } = spawnSync('perf', all, { encoding: 'utf8' })
  if (status === 0) return file
  t.skip(`perf record does not do this here: ${stderr.trim()}`)
  return undefined
}

for (const [name, options] of WAYS) {
  test(`samples and sums of a recording with ${name} are perf's`, { skip: NO_PERF }, async (t) => {
    const file = record(t, options)
    if (file === undefined) return
    const expected = theirs(file)
    if (expected === undefined) return t.skip('perf script cannot read what perf record wrote')
    const { totals, told } = await ours(file)
    assert.ok(Object.keys(expected).length > 0)
    assert.deepEqual(totals, expected)
    assert.deepEqual(told, [])
  })
}

test('what perf pipes is read from standard input, and a pipe that breaks is shown up to there', {
  skip: NO_PERF,
}, (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'pipe.data')
  const out = openSync(file, 'w')
  const options = [
    'record',
    '--buildid-mmap',
    '-o',
    '-',
    '-F',
    '2999',
    '-e',
    'cpu-clock',
    '--',
    'sh',
    '-c',
    WORKLOAD,
  ]
  const { status } = spawnSync('perf', options, { stdio: ['ignore', out, 'ignore'] })
  closeSync(out)
  if (status !== 0) return t.skip('perf record does not write into pipes here')
  const expected = theirs(file)?.['cpu-clock']
  if (expected === undefined) return t.skip('perf script cannot read what perf record wrote')

  const whole = piped(file, ['report', '-', '--by', 'comm'])
  assert.equal(whole.status, 0, whole.stderr)
  const counted = expected.samples.toLocaleString('en-US')
  assert.match(whole.stdout, new RegExp(`cpu-clock, ${counted} samples, `))

  const cut = join(directory, 'cut.data')
  const bytes = readFileSync(file)
  writeFileSync(cut, bytes.subarray(0, Math.floor(bytes.length / 2) + 3))
  const broken = sonde(['report', cut, '--by', 'comm'])
  assert.equal(broken.status, 1)
  assert.match(broken.stdout, /cpu-clock, [\d,]+ samples, /)
  assert.match(broken.stderr, /the last record is cut off: the one at byte \d+/)
})
