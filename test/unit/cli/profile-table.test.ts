import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import {
  Label,
  Line,
  Location,
  Mapping,
  Function as PprofFunction,
  Profile,
  Sample,
  StringTable,
  ValueType,
} from 'pprof-format'
import { readPprof } from '../../../src/cli/pprof-file.ts'
import { type Grouping, ProfileTable } from '../../../src/cli/profile-table.ts'
import { tableText } from '../../../src/cli/table-text.ts'
import { styleFor } from '../../../src/cli/terminal.ts'
import type { ProfileBatch } from '../../../src/core/profile.ts'
import { monotonicTime } from '../../../src/core/units.ts'
import { WindowBuilder } from '../../../src/core/window-builder.ts'
import { batchesOf } from '../../../src/core/window-view.ts'
import { encodePprof } from '../../../src/formats/pprof/pprof.ts'
import { profileOf } from '../../support/aggregated.ts'
import { profileBatchOf } from '../../support/profile-window.ts'
import { runtimeWindow } from '../../support/runtime-window.ts'
import { sessionInfo } from '../../support/session.ts'

type Row = readonly [stack: readonly string[], pid: number, comm: string, value: bigint]

/** Stacks leaf first; interpreted frames, because their names are in the batch. */
function batch(rows: readonly Row[]): ProfileBatch {
  const window = new WindowBuilder()
  window.addSession(0)
  rows.forEach(([names, pid, comm, value], index) => {
    const frames = names.map((name) =>
      window.addFrame(
        name.startsWith('[')
          ? { kind: 'reason', text: name }
          : { kind: 'interpreted', language: 'x', function: name, file: 'app', line: 1 },
      ),
    )
    const stack = window.addStack(frames, 'unverified')
    window.addSample(0, { time: BigInt(index), pid, tid: pid, cpu: 0, stack, value, comm })
  })
  const [built] = batchesOf(window.build({ start: 0n, end: 9n, unixOffset: 0n, sequence: 0 }), [
    sessionInfo(),
  ])
  if (built === undefined) throw new Error('no batch')
  return built
}

const rows: readonly Row[] = [
  [['leaf', 'middle', 'main'], 1, 'work', 30n],
  [['leaf', 'middle', 'main'], 1, 'work', 30n],
  [['middle', 'main'], 1, 'work', 20n],
  [['other', 'main', '[truncated]'], 2, 'idle', 20n],
]

async function tableOf(by: Grouping, all: readonly Row[] = rows): Promise<ProfileTable> {
  const table = new ProfileTable(by)
  await table.addBatch(batch(all))
  return table
}

const shown = (table: ProfileTable) =>
  table
    .top(10)
    .map(({ labels, samples, self, total }) => [
      labels.map(({ name }) => name).join(' '),
      samples,
      self,
      total,
    ])

test('functions have what ends in them and what passes through them', async () => {
  const table = await tableOf('function')
  assert.deepEqual(shown(table), [
    ['leaf', 2, 60, 60],
    ['middle', 1, 20, 80],
    ['other', 1, 20, 20],
    ['main', 0, 0, 100],
  ])
  assert.deepEqual([table.samples, table.weight], [4, 100])
})

test('a function that calls itself counts once', async () => {
  assert.deepEqual(shown(await tableOf('function', [[['f', 'f', 'f'], 1, 'a', 10n]])), [['f', 1, 10, 10]])
})

test('a function is one row, whether it was inlined into one of another script or stood for itself', async () => {
  const { buffer, sessions, names } = await runtimeWindow([
    [{ said: ['g /app/b.js', 'f /app/a.js'] }],
    [{ said: ['f /app/a.js'] }],
  ])
  const [inlined] = batchesOf(buffer, sessions, { names })
  assert.ok(inlined)
  const table = new ProfileTable('function')
  await table.addBatch(inlined)
  assert.deepEqual(
    table.top(5).map(({ labels, self, total }) => [...labels, self, total]),
    [
      [{ name: 'f', module: 'a.js' }, 1, 2],
      [{ name: 'g', module: 'b.js' }, 1, 1],
    ],
  )
})

test('a stack without any code shows why', async () => {
  assert.deepEqual(shown(await tableOf('function', [[['[no stack]'], 1, 'a', 10n]])), [
    ['[no stack]', 1, 10, 10],
  ])
})

test('threads, processes and stacks add up, too', async () => {
  assert.deepEqual(shown(await tableOf('comm')), [
    ['work', 3, 80, 80],
    ['idle', 1, 20, 20],
  ])
  assert.deepEqual(shown(await tableOf('stack'))[0], ['work main middle leaf', 2, 60, 60])
})

test('a process that called exec is one process, under its newest name', async () => {
  const table = await tableOf('pid', [
    [['f'], 7, 'shim', 1n],
    [['f'], 7, 'python', 1n],
  ])
  assert.deepEqual(
    table.top(5).map(({ labels: [label], samples }) => [label, samples]),
    [[{ name: '7', module: 'python' }, 2]],
  )
})

test('a process bears the name of its main thread, whichever of its threads was sampled last', async () => {
  const window = new WindowBuilder()
  window.addSession(0)
  const event = (time: bigint, tid: number, comm: string) =>
    window.addEvent({
      kind: 'comm',
      time: monotonicTime(time),
      pid: 7,
      tid,
      comm,
      exec: false,
      synthesised: true,
    })
  event(0n, 7, 'node')
  event(0n, 8, 'worker')
  const stack = window.addStack([window.addFrame({ kind: 'reason', text: '[none]' })], 'broken')
  const sample = { cpu: 0, pid: 7, stack, value: 1n }
  window.addSample(0, { ...sample, time: 1n, tid: 7, comm: 'node' })
  window.addSample(0, { ...sample, time: 2n, tid: 8, comm: 'worker' })
  const table = new ProfileTable('pid')
  for (const each of batchesOf(window.build({ start: 0n, end: 9n, unixOffset: 0n, sequence: 0 }), [
    sessionInfo(),
  ]))
    await table.addBatch(each)
  assert.deepEqual(table.top(5)[0]?.labels, [{ name: '7', module: 'node' }])
  const pprof = { frames: [], pid: 7, cgroup: '', samples: 1, weight: 1 }
  table.add({ ...pprof, comm: 'worker', process: 'node' })
  table.add({ ...pprof, comm: 'worker', process: '' })
  assert.deepEqual(table.top(5)[0]?.labels, [{ name: '7', module: 'node' }])
})

test('by cgroup, samples of two cgroups at one path are one row, and unknown ones another', async () => {
  const table = new ProfileTable('cgroup')
  const samples = [
    { stack: ['main@app'], cgroup: '/kubepods/a', count: 5 },
    { stack: ['main@app'], cgroup: '/system.slice', count: 3 },
    { stack: ['main@app'], cgroup: '' },
    { stack: ['other@app'], cgroup: '/kubepods/a' },
  ]
  await table.addBatch(profileBatchOf({ samples }))
  await table.addBatch(profileBatchOf({ samples: [{ stack: ['main@app'] }] }))
  const shown = tableText(table, { by: 'cgroup', top: 5, width: 80, style: styleFor({}) })
  assert.deepEqual(
    shown.split('\n').map((line) => line.trim().split(/ {2,}/)),
    [
      ['share', 'samples', 'cgroup'],
      ['54.5 %', '6', '/kubepods/a'],
      ['27.3 %', '3', '/system.slice'],
      ['18.2 %', '2', '[unknown]'],
    ],
  )
})

test('rows beyond the limit become one', async () => {
  const table = new ProfileTable('function', 2)
  await table.addBatch(
    batch([
      [['a'], 1, 'x', 1n],
      [['b'], 1, 'x', 1n],
      [['c'], 1, 'x', 5n],
      [['d'], 1, 'x', 5n],
    ]),
  )
  assert.deepEqual(shown(table)[0], ['[others]', 2, 10, 10])
})

test('the table has shares of the whole, in columns', async () => {
  const text = tableText(await tableOf('function'), {
    by: 'function',
    top: 2,
    width: 80,
    style: styleFor({}),
  })
  const lines = text.split('\n')
  assert.match(lines[0] ?? '', /^ +self +total +samples +function +module$/)
  assert.match(lines[1] ?? '', /^ +60\.0 % +60\.0 % +2 +leaf +app$/)
  assert.match(lines[2] ?? '', /^ +20\.0 % +80\.0 % +1 +middle +app$/)
  assert.equal(lines.length, 3)
})

function pprofFile(context: TestContext, content: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-pprof-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'x.pb.gz')
  writeFileSync(path, content)
  return path
}

test('a pprof profile is read with inlined functions, threads and weights', (context) => {
  const strings = new StringTable()
  const named = (id: number, name: string) => new PprofFunction({ id, name: strings.dedup(name) })
  const profile = new Profile({
    sampleType: [
      new ValueType({ type: strings.dedup('samples'), unit: strings.dedup('count') }),
      new ValueType({ type: strings.dedup('cpu'), unit: strings.dedup('nanoseconds') }),
    ],
    function: [named(1, 'inlined'), named(2, 'outer')],
    mapping: [new Mapping({ id: 1, filename: strings.dedup('/usr/bin/app') })],
    location: [
      new Location({ id: 1, mappingId: 1, line: [new Line({ functionId: 1 }), new Line({ functionId: 2 })] }),
      new Location({ id: 2, mappingId: 1, address: 0xabc }),
    ],
    sample: [
      new Sample({
        locationId: [1, 2],
        value: [3, 30_000_000],
        label: [
          new Label({ key: strings.dedup('thread name'), str: strings.dedup('work') }),
          new Label({ key: strings.dedup('process name'), str: strings.dedup('server') }),
          new Label({ key: strings.dedup('pid'), num: 42 }),
        ],
      }),
    ],
    stringTable: strings,
  })
  const { event, unit, groups } = readPprof(pprofFile(context, gzipSync(profile.encode())))
  assert.deepEqual([event, unit], ['cpu', 'nanoseconds'])
  assert.deepEqual(groups, [
    {
      frames: [
        { name: 'inlined', module: 'app' },
        { name: 'outer', module: 'app' },
        { name: 'app+0xabc', module: 'app' },
      ],
      comm: 'work',
      pid: 42,
      process: 'server',
      cgroup: '',
      samples: 3,
      weight: 30_000_000,
    },
  ])
})

test('what has no name reads in pprof as it reads in perf.data', async (context) => {
  const sample = { stack: ['@anon', '@kernel', '@libc.so.6', '!cut'] }
  const file = pprofFile(context, encodePprof(profileOf([{ samples: [sample] }])))
  const fromPprof = new ProfileTable('stack')
  for (const group of readPprof(file).groups) fromPprof.add(group)
  const fromBatch = new ProfileTable('stack')
  await fromBatch.addBatch(profileBatchOf({ samples: [sample] }))
  const labels = fromPprof.top(1)[0]?.labels
  assert.deepEqual(labels, fromBatch.top(1)[0]?.labels)
  assert.deepEqual(labels?.at(-1), { name: '[anonymous]', module: '//anon' })
  assert.match(labels?.at(-2)?.name ?? '', /^\[k\] 0x/)
})

test('what is no pprof profile is refused with its name', (context) => {
  for (const content of [
    Buffer.from('hello'),
    gzipSync('hello'),
    Buffer.from([0x1f, 0x8b, 1]),
    Buffer.alloc(0),
  ]) {
    const path = pprofFile(context, content)
    assert.throws(() => readPprof(path), {
      code: 'REPORT.NOT_PPROF',
      message: /x\.pb\.gz is no pprof profile/,
    })
  }
  assert.throws(() => readPprof('/nowhere.pb.gz'), { code: 'REPORT.UNREADABLE' })
})
