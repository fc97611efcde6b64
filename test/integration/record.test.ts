// sonde record on the real kernel: targets, outputs, exit codes, signals, privileges.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { launcher, type Run, readSummary, run, sonde, sum, temporaryDirectory } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'

/** Keeps one CPU busy for about a second, without another program. */
const BUSY = ['sh', '-c', 'i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done'] as const
const nobody = [
  ...['--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'],
  '--no-new-privs',
]
const isRoot = process.getuid?.() === 0
const wholeMachine = isRoot ? {} : { skip: 'sampling the whole machine needs root' }
const asNobody = isRoot ? {} : { skip: 'becoming another user needs root' }

/** The last line that record says. */
const closing = ({ stderr }: Run): string => stderr.trim().split('\n').at(-1) ?? ''

function started(context: TestContext, directory: string, args: readonly string[]): ChildProcess {
  const child = spawn(launcher, args, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] })
  context.after(() => child.kill('SIGKILL'))
  return child
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

test('a command is recorded with its summary, and every sample is accounted for', (context) => {
  const cwd = temporaryDirectory(context)
  const recorded = sonde(['record', '-F', '999', '--summary', 's.json', '--', ...BUSY], { cwd })
  assert.equal(recorded.status, 0, recorded.stderr)
  const summary = readSummary(join(cwd, 's.json'))
  const { taken, written, lost } = summary.samples
  assert.ok(taken > 100, `${taken} samples`)
  assert.equal(taken, sum(summary.sessions.map((session) => session.taken)))
  assert.equal(written, taken)
  assert.equal(
    sum(Object.values(lost)),
    sum(summary.sessions.flatMap((session) => Object.values(session.lost))),
  )
  const { complete, unverified, broken } = summary.stacks
  assert.equal(complete + unverified + sum(Object.values(broken)), taken)
  const consumer = summary.consumers.perf_data
  assert.deepEqual([consumer?.delivered, consumer?.dropped, consumer?.failed], [taken, 0, 0])
  assert.deepEqual(consumer?.files, [join(cwd, 'perf.data')])
  assert.equal(statSync(join(cwd, 'perf.data')).size, consumer?.bytes)
  assert.ok((summary.firstSampleSeconds ?? 0) > 0)
  assert.match(closing(recorded), /samples, .* lost.* Wrote perf\.data \(/)
})

test('one recording goes into several formats, named by their extensions', (context) => {
  const cwd = temporaryDirectory(context)
  const outputs = ['a.data', 'a.pb.gz', 'a.folded', 'a.html', 'a.speedscope.json']
  const recorded = sonde(['record', '-F', '999', ...outputs.flatMap((file) => ['-o', file]), '--', ...BUSY], {
    cwd,
  })
  assert.equal(recorded.status, 0, recorded.stderr)
  assert.deepEqual(readdirSync(cwd).sort(), outputs.toSorted())
  assert.equal(readFileSync(join(cwd, 'a.data'), 'latin1').slice(0, 8), 'PERFILE2')
  assert.ok(gunzipSync(readFileSync(join(cwd, 'a.pb.gz'))).length > 0)
  assert.match(readFileSync(join(cwd, 'a.folded'), 'utf8'), /^sh;.* \d+\n/m)
  assert.match(readFileSync(join(cwd, 'a.html'), 'utf8'), /^<!doctype html>/i)
  assert.ok(JSON.parse(readFileSync(join(cwd, 'a.speedscope.json'), 'utf8')))
})

test('the exit status is the command’s, with 128 + the signal that killed it', (context) => {
  const cwd = temporaryDirectory(context)
  const status = (...command: string[]): number | null => sonde(['record', '--', ...command], { cwd }).status
  assert.equal(status('true'), 0)
  assert.equal(status('sh', '-c', 'exit 7'), 7)
  assert.equal(status('sh', '-c', 'kill -9 $$'), 137)
  assert.equal(sonde(['record', 'sh', '-c', 'exit 3'], { cwd }).status, 3, 'also without --')
})

test('an existing perf.data becomes perf.data.old', (context) => {
  const cwd = temporaryDirectory(context)
  writeFileSync(join(cwd, 'perf.data'), 'before')
  assert.equal(sonde(['record', '-F', '999', '--', ...BUSY], { cwd }).status, 0)
  assert.equal(readFileSync(join(cwd, 'perf.data.old'), 'utf8'), 'before')
  assert.equal(readFileSync(join(cwd, 'perf.data'), 'latin1').slice(0, 8), 'PERFILE2')
})

test('a command too short to be sampled leaves no older recording under its name', (context) => {
  const cwd = temporaryDirectory(context)
  for (const file of ['perf.data', 'x.html']) writeFileSync(join(cwd, file), 'before')
  const args = ['record', '-F', '1', '-o', 'perf.data', '-o', 'x.html', '--', 'true']
  const recorded = sonde(args, { cwd })
  assert.equal(recorded.status, 0, recorded.stderr)
  assert.match(recorded.stderr, /Wrote no file: nothing was sampled/)
  assert.deepEqual(readdirSync(cwd).sort(), ['perf.data.old', 'x.html.old'])
})

test('a command that cannot be run leaves no file, and the old one as it was', (context) => {
  const cwd = temporaryDirectory(context)
  writeFileSync(join(cwd, 'perf.data'), 'before')
  writeFileSync(join(cwd, 'script'), 'not executable')
  for (const [command, why] of [
    ['/nowhere/program', /Cannot run \/nowhere\/program: no such command/],
    ['./script', /Cannot run \.\/script: permission denied/],
  ] as const) {
    const failed = sonde(['record', '-o', 'perf.data', '-o', 'x.html', '--', command], { cwd })
    assert.equal(failed.status, 1)
    assert.match(failed.stderr, why)
    assert.ok(failed.stderr.trim().split('\n').length <= 2, failed.stderr)
  }
  assert.deepEqual(readdirSync(cwd).sort(), ['perf.data', 'script'])
  assert.equal(readFileSync(join(cwd, 'perf.data'), 'utf8'), 'before')
})

test('wrong usage is told before anything is done, with exit code 2', (context) => {
  const cwd = temporaryDirectory(context)
  for (const args of [
    ['-o', 'x.unknown', '--', 'touch', 'ran'],
    ['-F', '0', '--', 'touch', 'ran'],
    ['-F', '9', '-c', '9', '--', 'touch', 'ran'],
    ['--nonsense', '--', 'touch', 'ran'],
    ['--duration', 'soon', '--', 'touch', 'ran'],
    ['-a', '-p', '1'],
    ['--'],
  ]) {
    const wrong = sonde(['record', ...args], { cwd })
    assert.equal(wrong.status, 2, `${args.join(' ')}: ${wrong.stderr}`)
    assert.match(wrong.stderr, /^sonde record: .*\nUsage: sonde record /)
  }
  assert.deepEqual(readdirSync(cwd), [])
})

test('what cannot be sampled is told without a stack trace, and the command is not run', (context) => {
  const cwd = temporaryDirectory(context)
  for (const [args, why] of [
    [['-e', 'cpu-clok'], /no event 'cpu-clok' \(did you mean cpu-clock\?\)/],
    [['-F', '100000000'], /more than/],
    [['-o', 'no/such/directory/x.html'], /its directory does not exist/],
    [['--summary', 'no/such/directory/s.json'], /its directory does not exist\. Make it/],
  ] as const) {
    const failed = sonde(['record', ...args, '--', 'touch', 'ran'], { cwd })
    assert.equal(failed.status, 1, failed.stderr)
    assert.match(failed.stderr, why)
    assert.doesNotMatch(failed.stderr, /^\s+at /m)
  }
  const gone = sonde(['record', '-p', '4194303'], { cwd })
  assert.equal(gone.status, 1)
  assert.match(gone.stderr, /Cannot sample process 4194303: it has ended/)
  assert.deepEqual(readdirSync(cwd), [])
})

test('Ctrl-C ends a recording with a valid file and status 0', wholeMachine, async (context) => {
  const cwd = temporaryDirectory(context)
  const child = started(context, cwd, ['record', '-a', '-F', '499', '--summary', 's.json'])
  const exit = once(child, 'exit')
  while (child.exitCode === null && !hasEvents(child)) await after(20)
  await after(1_500)
  child.kill('SIGINT')
  assert.deepEqual(await exit, [0, null])
  const { samples } = readSummary(join(cwd, 's.json'))
  assert.ok(samples.taken > 0)
  assert.equal(samples.written, samples.taken)
  assert.ok(existsSync(join(cwd, 'perf.data')))
})

test('Ctrl-C ends the command that is recorded, too', async (context) => {
  const cwd = temporaryDirectory(context)
  const child = started(context, cwd, ['record', '--', 'sh', '-c', 'echo $$ > pid; exec sleep 60'])
  while (!existsSync(join(cwd, 'pid')) || readFileSync(join(cwd, 'pid'), 'utf8') === '') await after(50)
  await after(500)
  child.kill('SIGINT')
  assert.deepEqual(await once(child, 'exit'), [0, null])
  await after(200)
  const pid = readFileSync(join(cwd, 'pid'), 'utf8').trim()
  assert.ok(!existsSync(`/proc/${pid}`), 'sleep still runs')
})

test('--duration ends a recording in time', wholeMachine, (context) => {
  const cwd = temporaryDirectory(context)
  const recorded = sonde(['record', '-a', '--duration', '700ms', '-F', '99', '--summary', 's.json'], { cwd })
  assert.equal(recorded.status, 0, recorded.stderr)
  const { durationSeconds } = readSummary(join(cwd, 's.json')) as unknown as { durationSeconds: number }
  assert.ok(durationSeconds >= 0.6 && durationSeconds < 5, `${durationSeconds} s`)
})

/** Whether it has opened events, after which it knows what signals mean. */
function hasEvents({ pid }: ChildProcess): boolean {
  const directory = `/proc/${pid}/fd`
  return readdirSync(directory).some((fd) => {
    try {
      return readlinkSync(join(directory, fd)).includes('perf_event')
    } catch {
      return false // closed meanwhile
    }
  })
}

/** How long it has run on a CPU, nanoseconds. */
const ranFor = ({ pid }: ChildProcess): number =>
  Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0])

test('-p samples a running process, and ends when it ends', async (context) => {
  const cwd = temporaryDirectory(context)
  const target = spawn(BUSY[0], ['-c', 'while :; do :; done'])
  context.after(() => target.kill('SIGKILL'))
  const child = started(context, cwd, [
    'record',
    '-p',
    `${target.pid}`,
    '-F',
    '499',
    '--summary',
    's.json',
    '-o',
    'p.folded',
  ])
  const exit = once(child, 'exit')
  while (child.exitCode === null && !hasEvents(child)) await after(20)
  const ran = ranFor(target)
  while (child.exitCode === null && ranFor(target) - ran < 0.5e9) await after(20)
  target.kill('SIGKILL')
  assert.deepEqual(await exit, [0, null])
  assert.ok(readSummary(join(cwd, 's.json')).samples.taken > 100)
  const threads = readFileSync(join(cwd, 'p.folded'), 'utf8')
    .split('\n')
    .map((line) => line.split(/[; ]/)[0])
  assert.deepEqual(
    [...new Set(threads)].filter((name) => name !== ''),
    ['sh'],
  )
})

test('-a -- CMD samples the whole machine while CMD runs', wholeMachine, (context) => {
  const cwd = temporaryDirectory(context)
  const recorded = sonde(
    ['record', '-a', '-F', '199', '-o', 'a.folded', '--', 'sh', '-c', 'sleep 1; exit 5'],
    { cwd },
  )
  assert.equal(recorded.status, 5, recorded.stderr)
})

test('several events make several sessions, each with its own unit', (context) => {
  const cwd = temporaryDirectory(context)
  const args = [
    'record',
    '-e',
    'cpu-clock,page-faults',
    '-c',
    '1000000',
    '--summary',
    's.json',
    '--',
    ...BUSY,
  ]
  assert.equal(sonde(args, { cwd }).status, 0)
  const { sessions } = readSummary(join(cwd, 's.json')) as unknown as {
    sessions: { event: string; unit: string }[]
  }
  assert.deepEqual(
    sessions.map(({ event, unit }) => [event, unit]),
    [
      ['cpu-clock', 'nanoseconds'],
      ['page-faults', 'count'],
    ],
  )
})

test(
  'without privileges one’s own command is sampled in user mode, and that is said',
  asNobody,
  (context) => {
    const cwd = temporaryDirectory(context)
    chmodSync(cwd, 0o777)
    const recorded = run(
      'setpriv',
      [...nobody, launcher, 'record', '-F', '999', '--summary', 's.json', '--', ...BUSY],
      { cwd },
    )
    assert.equal(recorded.status, 0, recorded.stderr)
    const { sessions, samples } = readSummary(join(cwd, 's.json'))
    assert.ok(samples.taken > 100)
    if (readFileSync('/proc/sys/kernel/perf_event_paranoid', 'utf8').trim() !== '2') return
    assert.match(recorded.stderr, /user mode only.*CAP_PERFMON/)
    assert.equal(sessions[0]?.event, 'cpu-clock:u')
  },
)

test('without privileges the whole machine is refused, with what is missing', asNobody, (context) => {
  const paranoid = readFileSync('/proc/sys/kernel/perf_event_paranoid', 'utf8').trim()
  if (Number(paranoid) <= 0) return context.skip('perf_event_paranoid allows it')
  const cwd = temporaryDirectory(context)
  chmodSync(cwd, 0o777)
  const refused = run('setpriv', [...nobody, launcher, 'record', '-a', '--duration', '1s'], { cwd })
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, new RegExp(`perf_event_paranoid is ${paranoid}.*CAP_PERFMON`))
  assert.deepEqual(readdirSync(cwd), [])
})

test('the first sample comes within half a second of the start', wholeMachine, (context) => {
  const cwd = temporaryDirectory(context)
  const times = [1, 2, 3].map(() => {
    sonde(['record', '-a', '-F', '499', '--duration', '300ms', '--summary', 's.json'], { cwd })
    return readSummary(join(cwd, 's.json')).firstSampleSeconds ?? Number.POSITIVE_INFINITY
  })
  // The best of three: other work on the machine is not Sonde's start.
  assert.ok(Math.min(...times) <= 0.5, `${times.join(' s, ')} s`)
})

test('-c makes a sample of every so many page faults, as perf does', (context) => {
  const cwd = temporaryDirectory(context)
  const command = [workload('touch_pages'), '20000']
  const samplesAt = (period: string): number => {
    const args = ['-e', 'page-faults', '-c', period, '--summary', 's.json', '-o', 'f.data', '--']
    assert.equal(sonde(['record', ...args, ...command], { cwd }).status, 0)
    const [session] = readSummary(join(cwd, 's.json')).sessions
    assert.equal(session?.value, (session?.taken ?? 0) * Number(period))
    // A burst of one a microsecond fills the ring of a busy machine; what did not fit is counted.
    return (session?.taken ?? 0) + sum(Object.values(session?.lost ?? {}))
  }
  const [single, hundredth] = [samplesAt('1'), samplesAt('100')]
  assert.ok(
    Math.abs(hundredth / (single / 100) - 1) < 0.02,
    `${single} samples, ${hundredth} of every hundredth`,
  )
})
