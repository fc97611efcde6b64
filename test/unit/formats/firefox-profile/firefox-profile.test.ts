import assert from 'node:assert/strict'
import test from 'node:test'
import { encodeFirefoxProfile } from '../../../../src/formats/firefox-profile/firefox-profile.ts'
import { ProfileAggregate, type SessionProfile } from '../../../../src/formats/profile/profile-aggregate.ts'
import { checkFirefoxProfile, type FirefoxProfile, stackNames } from '../../../support/firefox-profile.ts'
import { PERIOD, type TestWindow, UNIX_START, windowOf } from '../../../support/profile-window.ts'
import { sessionInfo } from '../../../support/session.ts'

const LIMITS = { maxBytes: 1 << 26, labels: ['time', 'timeline'] } as const
const faults = sessionInfo({ id: 1, event: { ...sessionInfo().event, name: 'page-faults', unit: 'count' } })

const samples = [
  { stack: ['leaf@libc.so.6', 'main@app'], count: 3 },
  { stack: ['inner|outer@app', 'main@app'], count: 2 },
  {
    stack: ['fault@kernel', '@anon', 'main@app', '!no frame pointer'],
    pid: 7,
    tid: 8,
    comm: 'other "quoted"',
  },
  { stack: [], pid: 7, tid: 7, comm: 'boss' },
]

function profiles(windows: readonly TestWindow[]): readonly SessionProfile[] {
  const aggregate = new ProfileAggregate(LIMITS)
  for (const window of windows) aggregate.add(windowOf(window))
  return [0, 1].flatMap((session) => aggregate.session(session) ?? [])
}

function documentOf(windows: readonly TestWindow[]): FirefoxProfile {
  const bytes = encodeFirefoxProfile(profiles(windows))
  const document: FirefoxProfile = JSON.parse(new TextDecoder().decode(bytes))
  checkFirefoxProfile(document)
  return document
}

const ms = (ns: bigint | number): number => Number(ns) / 1e6
const sum = (values: readonly number[] | null): number =>
  (values ?? []).reduce((total, each) => total + each, 0)
const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} instead of ${expected}`)

test('threads have their samples, at their times, with the stacks and weights of the recording', () => {
  const document = documentOf([{ samples }])
  assert.deepEqual(
    document.threads.map(({ name, pid, tid, isMainThread, samples: { length } }) => [
      name,
      pid,
      tid,
      isMainThread,
      length,
    ]),
    [
      ['app', '100', 100, true, 5],
      ['other "quoted"', '7', 8, false, 1],
      ['boss', '7', 7, true, 1],
    ],
  )
  const [app, other, boss] = document.threads
  assert.equal(app?.samples.weightType, 'tracing-ms')
  near(sum(app?.samples.weight ?? null), ms(5n * PERIOD))
  assert.deepEqual(app?.samples.threadCPUDelta, new Array(5).fill(Number(PERIOD)))
  const stacks = app?.samples.stack.map((stack) => stackNames(document, stack).join(' '))
  assert.deepEqual([...new Set(stacks)], ['main leaf', 'main outer inner'])
  const [strange] = other?.samples.stack.map((stack) => stackNames(document, stack)) ?? []
  assert.equal(strange?.[0], 'no frame pointer')
  assert.equal(strange?.[1], 'main')
  assert.equal(strange?.[3], 'fault')
  assert.deepEqual(stackNames(document, boss?.samples.stack[0] ?? null), ['[no stack]'])
  near(document.meta.startTime, ms(UNIX_START))
})

test('frames say whose code they are, in which library, and how deep they are inlined', () => {
  const { shared, libs, meta } = documentOf([{ samples }])
  const { frameTable, funcTable, stringArray } = shared
  const frames = Array.from({ length: frameTable.length }, (_, frame) => {
    const func = Number(frameTable.func![frame])
    const library = libs[Number(frameTable.lib![frame])]?.name ?? ''
    const category = meta.categories[Number(frameTable.category![frame])]?.name
    return `${stringArray[Number(funcTable.name![func])]} ${library} ${category} ${frameTable.inlineDepth![frame]}`
  })
  for (const frame of [
    'leaf libc.so.6 User 0',
    'outer app User 0',
    'inner app User 1',
    'fault [kernel.kallsyms] Kernel 0',
  ])
    assert.ok(frames.includes(frame), `${frame}: ${frames.join(', ')}`)
})

test('several events are tracks of their own, and counts weigh what they counted', () => {
  const document = documentOf([
    { samples },
    { session: faults, samples: [{ stack: ['main@app'], value: 10n, count: 4 }] },
  ])
  const names = document.threads.map(({ name }) => name)
  assert.ok(names.includes('app (cpu-clock)') && names.includes('app (page-faults)'), names.join())
  const counted = document.threads.find(({ name }) => name === 'app (page-faults)')
  assert.equal(counted?.samples.weightType, 'samples')
  assert.equal(sum(counted?.samples.weight ?? null), 40)
  assert.equal(counted?.samples.threadCPUDelta, undefined)
})

test('losses are markers of the window that they fell into, and figures of the profile', () => {
  const document = documentOf([{ samples, losses: { ring_full: 3, missed: 2 } }])
  const sampling = document.threads.find(({ name }) => name === 'Sampling')
  assert.deepEqual(
    sampling?.markers.data.map(({ reason, samples: count }) => [reason, count]),
    [
      ['ring_full', 3],
      ['missed', 2],
    ],
  )
  assert.equal(sampling?.markers.startTime[0], 0)
  const figures = document.meta.extra[0]?.entries.map(({ label, value }) => `${label} ${value}`)
  assert.deepEqual(figures, ['cpu-clock: samples 7', 'cpu-clock: ring_full 3', 'cpu-clock: missed 2'])
})

test('what happened finds its room within the limit, and the rest is counted', () => {
  const aggregate = new ProfileAggregate({ ...LIMITS, maxBytes: 12_000 })
  for (let sequence = 0; sequence < 100; sequence++)
    aggregate.add(windowOf({ samples: sequence === 0 ? samples : [], losses: { missed: 1 }, sequence }))
  const profile = aggregate.session(0)!
  const { sampling, dropped } = profile.timeline!
  assert.equal(sampling.length + dropped, 100)
  assert.ok(dropped > 0)
  const document: FirefoxProfile = JSON.parse(new TextDecoder().decode(encodeFirefoxProfile([profile])))
  checkFirefoxProfile(document)
  assert.ok(document.meta.extra[0]?.entries.some(({ value }) => value === dropped))
})
