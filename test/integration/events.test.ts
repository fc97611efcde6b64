// What perf makes of the same events: their attrs, their list, their counts, and the files that Sonde writes of them.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { attrOf, type EventAttr } from '../../src/formats/perf-data/attr.ts'
import { ATTR_FLAG, PRECISE_IP_SHIFT } from '../../src/formats/perf-data/layout.ts'
import { CACHE_NAMES } from '../../src/sampler/events/cache.ts'
import { EVENTS } from '../../src/sampler/events/names.ts'
import { parseEvents } from '../../src/sampler/events/parse.ts'
import { EVENT_PLACES } from '../../src/sampler/events/places.ts'
import { findTracefs } from '../../src/sampler/events/tracepoint.ts'
import { sessionInfo } from '../support/session.ts'
import { run, sonde, temporaryDirectory } from '../support/sonde.ts'

const NO_PERF = spawnSync('perf', ['--version']).error === undefined ? false : 'perf is not installed'
const NOT_ROOT = process.getuid?.() === 0 ? false : 'tracepoints need root'
const tracefs = findTracefs(EVENT_PLACES)
const NO_TRACEFS = 'problem' in tracefs ? tracefs.problem : false

/** Fields of perf_event_attr that say which event it is, by the names that perf prints. */
type Identity = Readonly<Record<string, number | bigint>>

const FLAGS = [
  'exclude_user',
  'exclude_kernel',
  'exclude_hv',
  'exclude_host',
  'exclude_guest',
  'pinned',
  'exclusive',
] as const

function ofSonde(
  { type, config, config1, config2, bpType, flags }: EventAttr,
  guestsMatter: boolean,
): Identity {
  const set = FLAGS.filter((flag) => (flags & ATTR_FLAG[flag]) !== 0n)
  const precise = (flags >> PRECISE_IP_SHIFT) & 3n
  return identity(
    {
      type,
      config,
      config1,
      config2,
      bp_type: bpType,
      precise_ip: precise,
      ...Object.fromEntries(set.map((flag) => [flag, 1])),
    },
    guestsMatter,
  )
}

/** perf leaves guests out unless it is told otherwise; Sonde where it is told. */
function identity(fields: Readonly<Record<string, number | bigint>>, guestsMatter: boolean): Identity {
  const kept = Object.entries(fields)
    .filter(([name, value]) => BigInt(value) !== 0n && (guestsMatter || name !== 'exclude_guest'))
    .map(([name, value]): [string, bigint] => [name, BigInt(value)])
  return Object.fromEntries(kept.sort(([one], [other]) => (one < other ? -1 : 1)))
}

const NAMES = new Set<string>(['type', 'config', 'bp_type', 'precise_ip', ...FLAGS])

/** The first attr that `perf stat -vv` prints, before it tries to open it; undefined where perf does not know the event. */
function ofPerf(event: string, guestsMatter: boolean): Identity | undefined {
  const { stderr, stdout } = run('perf', ['stat', '-vv', '-e', event, 'true'])
  const printed = /perf_event_attr:\n(.*?)\n-{20}/s.exec(stderr + stdout)?.[1]
  if (printed === undefined) return undefined
  const fields: Record<string, bigint> = {}
  for (const line of printed.split('\n')) {
    const [, name = '', value = ''] = /^\s*(.*?)\s+(0x[0-9a-f]+|\d+)$/.exec(line) ?? []
    if (NAMES.has(name)) fields[name] = BigInt(value)
    if (/\bconfig1\b/.test(name)) fields.config1 = BigInt(value)
    if (/\bconfig2\b/.test(name)) fields.config2 = BigInt(value)
  }
  return identity(fields, guestsMatter)
}

const SPELLINGS: readonly string[] = [
  ...EVENTS.flatMap(({ name, aliases }) => [name, ...aliases]),
  ...CACHE_NAMES,
  ...[
    'l1d-misses',
    'LLC',
    'bpu-loads',
    'dTLB-store-misses:u',
    'L1-icache-prefetch-misses:k',
    'branch-loads:uk',
  ],
  ...['r1a8', 'rffff:u', 'r1234567890abcdef'],
  ...[
    'cycles:u',
    'cycles:k',
    'cycles:h',
    'cycles:uh',
    'cycles:p',
    'cycles:pp',
    'cycles:ppp',
    'cycles:upp',
    'cycles:H',
  ],
  ...[
    'cycles:G',
    'cycles:D',
    'cycles:e',
    'cpu-clock:uk',
    'cpu-clock:D',
    'cpu-clock:I',
    'cpu-clock:H',
    'instructions:ukHG',
  ],
  ...['cpu-clock/freq=50/', 'faults/period=10,name=mine/u', 'software/config=2/', 'software/config=0x1/u'],
  ...[
    'mem:0x1000',
    'mem:0x1000:w',
    'mem:0x1000/8:rw',
    'mem:0x1000/1:r',
    'mem:0x1000:x',
    'mem:0x1000:x:u',
    'mem:4096/2:w:k',
  ],
  ...[
    'msr/tsc/',
    'msr/event=1/',
    'msr/config=2/u',
    'cpu/event=0x3c/',
    'cpu/cpu-cycles/u',
    'cpu/event=0x3c,umask=1,cmask=2,inv/',
  ],
]

test('an event is the attr that perf makes of the same spelling', { skip: NO_PERF }, (t) => {
  const events = [
    ...SPELLINGS,
    ...(NO_TRACEFS || NOT_ROOT ? [] : ['sched:sched_switch', 'syscalls:sys_enter_write:k']),
  ]
  let compared = 0
  for (const event of events) {
    const [, letters = ''] = /[:/]([a-zA-Z]+)$/.exec(event) ?? []
    const guestsMatter = /[GHp]/.test(letters)
    const expected = ofPerf(event, guestsMatter)
    if (expected === undefined) {
      t.diagnostic(`${event}: perf does not take it on this machine`)
      continue
    }
    compared++
    const [{ info } = assert.fail(event)] = parseEvents(event, EVENT_PLACES)
    assert.deepEqual(ofSonde(attrOf(sessionInfo({ event: info })), guestsMatter), expected, event)
  }
  t.diagnostic(`${compared} of ${events.length} spellings compared`)
  assert.ok(compared >= 80, `${compared}`)
})

const KINDS = [
  ['Hardware event', 'hw'],
  ['Software event', 'sw'],
  ['Hardware cache event', 'cache'],
  ['Tracepoint event', 'tracepoint'],
] as const

test('the list is perf list’s, and what it names opens', { skip: NO_PERF || NO_TRACEFS || NOT_ROOT }, () => {
  const lines = run('perf', ['list']).stdout.split('\n')
  const { events } = JSON.parse(sonde(['list', '--json']).stdout) as { events: readonly Listed[] }
  for (const [title, kind] of KINDS) {
    const ofThePerf = lines
      .filter((line) => line.includes(`[${title}]`))
      .map((line) => line.replace(/\[.*/, '').trim())
    const ours = events
      .filter((event) => event.kind === kind)
      .map(({ name, aliases }) => [name, ...aliases].join(' OR '))
    assert.deepEqual(ours.map(sortedNames).sort(), ofThePerf.map(sortedNames).sort(), title)
  }
  assert.ok(events.some(({ name }) => name === 'cpu-clock'))
})

interface Listed {
  readonly kind: string
  readonly name: string
  readonly aliases: readonly string[]
}

const sortedNames = (text: string): string => text.split(' OR ').sort().join(' OR ')

test('the list says what is not here, and takes kinds and globs', () => {
  const all = sonde(['list'])
  assert.equal(all.status, 0)
  if (!existsSync('/sys/bus/event_source/devices/cpu'))
    assert.match(all.stdout, /Not here \(hw\): there is no CPU PMU/)
  assert.match(sonde(['list', 'sw', '*faults']).stdout, /^ {2}page-faults OR faults .*\n {2}minor-faults/)
  const none = sonde(['list', 'no-such-event'])
  assert.equal(none.status, 1)
  assert.match(none.stderr, /No event here matches no-such-event\./)
})

/** `dd` of so many blocks: each is one read and one write. */
const WRITES = 100
const WORKLOAD = ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64', `count=${WRITES}`]

test('tracepoints and their filters count what perf counts, and perf reads the file', {
  skip: NO_PERF || NO_TRACEFS || NOT_ROOT,
}, (t) => {
  const events = [
    '-e',
    'syscalls:sys_enter_write',
    '--filter',
    'count == 64',
    '-e',
    'syscalls:sys_enter_read',
  ]
  const own = recorded(t, [...events, '--', ...WORKLOAD])
  const counted = run('perf', ['stat', '-x,', ...events, ...WORKLOAD]).stderr
  assert.deepEqual(countsIn(own), statedIn(counted))
  assert.equal(countsIn(own).get('syscalls:sys_enter_write'), WRITES)
  for (const tool of [['script'], ['report', '--stdio'], ['evlist']]) {
    const read = run('perf', [...tool, '-i', own])
    assert.equal(read.status, 0, read.stderr)
    assert.equal(read.stderr.trim(), '')
  }
})

/** `100,,syscalls:sys_enter_write,…` */
const statedIn = (text: string): ReadonlyMap<string, number> =>
  new Map(
    [...text.matchAll(/^(\d+),,([\w:]+),/gm)]
      .map((line): [string, number] => [line[2] ?? '', Number(line[1])])
      .sort(),
  )

function recorded(t: TestContext, args: readonly string[]): string {
  const file = join(temporaryDirectory(t), 'perf.data')
  const { status, stderr } = sonde(['record', '-o', file, ...args])
  assert.equal(status, 0, stderr)
  return file
}

/** Samples of each event, as perf script counts them. */
function countsIn(file: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const line of run('perf', ['script', '-F', 'event', '-i', file]).stdout.split('\n')) {
    const name = line.trim().replace(/:$/, '')
    if (/^[\w-]+(:[\w/]+)*$/.test(name)) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return new Map([...counts].sort())
}

test('--sampler bpf says why it does not take a tracepoint', { skip: NO_TRACEFS || NOT_ROOT }, (t) => {
  const file = join(temporaryDirectory(t), 'perf.data')
  const { status, stderr } = sonde([
    'record',
    '--sampler',
    'bpf',
    '-e',
    'sched:sched_switch',
    '-o',
    file,
    '--',
    'true',
  ])
  assert.equal(status, 1)
  assert.match(stderr, /Cannot sample by bpf: sched:sched_switch is a tracepoint/)
})

test('a filter that the kernel does not take is shown with its expression', {
  skip: NO_TRACEFS || NOT_ROOT,
}, (t) => {
  const file = join(temporaryDirectory(t), 'perf.data')
  const filter = 'prev_comm > 3'
  const { status, stderr } = sonde([
    'record',
    '-e',
    'sched:sched_switch',
    '--filter',
    filter,
    '-o',
    file,
    '--',
    'true',
  ])
  assert.equal(status, 1)
  assert.match(
    stderr,
    /the kernel does not take the filter.*\n\(ioctl\(PERF_EVENT_IOC_SET_FILTER, sched:sched_switch, 'prev_comm > 3'\): EINVAL\)/,
  )
})

const NO_CC = spawnSync('cc', ['--version']).error === undefined ? false : 'cc is not installed'

const PROGRAM = `
volatile int watched;
__attribute__((noinline)) void called(void) { __asm__ volatile(""); }
int main(void) { for (int turn = 1; turn <= 250; turn++) { watched = turn; called(); } return 0; }
`

/** A program that writes one address and calls one function 250 times, and breakpoints on both. */
function watchedProgram(t: TestContext): {
  readonly program: string
  readonly writes: string
  readonly calls: string
} {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'watched.c'), PROGRAM)
  const program = join(directory, 'watched')
  const built = run('cc', ['-O1', '-no-pie', '-o', program, join(directory, 'watched.c')])
  assert.equal(built.status, 0, built.stderr)
  const symbols = run('nm', [program]).stdout
  const addressOf = (name: string): string =>
    `0x${new RegExp(`(\\w+) \\w ${name}$`, 'm').exec(symbols)?.[1] ?? ''}`
  return { program, writes: `mem:${addressOf('watched')}/4:w`, calls: `mem:${addressOf('called')}:x` }
}

/** What a breakpoint needs of the machine: emulated ones have none. */
function lacksBreakpoints(t: TestContext, { program, calls }: { program: string; calls: string }): boolean {
  const counted = run('perf', ['stat', '-x,', '-e', `${calls}:u`, program]).stderr
  if (counted.startsWith('250,')) return false
  t.skip(`perf stat does not count the breakpoint: ${counted.trim()}`)
  return true
}

for (const backEnd of ['bpf', 'perf']) {
  test(`a breakpoint is sampled each time, by ${backEnd}`, { skip: NO_PERF || NOT_ROOT || NO_CC }, (t) => {
    const watched = watchedProgram(t)
    if (lacksBreakpoints(t, watched)) return
    const { program, writes, calls } = watched
    const file = recorded(t, ['--sampler', backEnd, '-e', `${writes}:u,${calls}:u`, '--', program])
    assert.deepEqual([...countsIn(file).values()], [250, 250])
  })
}

test('a group is sampled by its leader: each event has what it counted', {
  skip: NO_PERF || NOT_ROOT || NO_CC,
}, (t) => {
  const watched = watchedProgram(t)
  if (lacksBreakpoints(t, watched)) return
  const { program, writes, calls } = watched
  const file = recorded(t, ['-c', '10', '-e', `{${writes},${calls}}:uS`, '--', program])
  const periods = run('perf', ['script', '-F', 'event,period', '-i', file]).stdout
  const sums = new Map<string, number>()
  for (const [, period, name = ''] of periods.matchAll(/^\s*(\d+)\s+(mem:\S+):\s*$/gm)) {
    sums.set(name, (sums.get(name) ?? 0) + Number(period))
  }
  assert.equal(countsIn(file).size, 2)
  // The tenth write is before the tenth call.
  assert.deepEqual([...sums.values()].sort(), [249, 250])
})
