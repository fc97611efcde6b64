import assert from 'node:assert/strict'
import test from 'node:test'
import type { ProfileLimits } from '../../../../src/core/encoder.ts'
import { hertz } from '../../../../src/core/units.ts'
import { encodePprof } from '../../../../src/formats/pprof/pprof.ts'
import { ProfileAggregate } from '../../../../src/formats/profile/profile-aggregate.ts'
import { profileOf, ROOMY } from '../../../support/aggregated.ts'
import { readPprof } from '../../../support/pprof-reader.ts'
import {
  PERIOD,
  type TestSample,
  UNIX_START,
  WINDOW_LENGTH,
  windowOf,
} from '../../../support/profile-window.ts'
import { sessionInfo } from '../../../support/session.ts'

const cpuClock = sessionInfo().event
const pageFaults = { ...cpuClock, name: 'page-faults', unit: 'count' } as const

const pprofOf = (samples: readonly TestSample[], session = sessionInfo()) =>
  readPprof(encodePprof(profileOf([{ samples, session }])))

test('a clock event has samples and CPU nanoseconds, and the period at its frequency', () => {
  const profile = pprofOf([{ stack: ['main@app'], count: 3 }])
  assert.deepEqual(profile.sampleTypes, ['samples/count', 'cpu/nanoseconds'])
  assert.deepEqual(profile.samples[0]?.values, [3n, 3n * PERIOD])
  assert.equal(profile.periodType, 'cpu-clock/nanoseconds')
  assert.equal(profile.period, PERIOD)
})

test('any other event is named after itself, in counts, never as CPU time', () => {
  const session = sessionInfo({ event: pageFaults, rate: { by: 'period', period: 100n } })
  const profile = pprofOf([{ stack: ['main@app'], value: 100n, count: 2 }], session)
  assert.deepEqual(profile.sampleTypes, ['samples/count', 'page-faults/count'])
  assert.deepEqual(profile.samples[0]?.values, [2n, 200n])
  assert.equal(profile.periodType, 'page-faults/count')
  assert.equal(profile.period, 100n)
})

test('a counter that is sampled by frequency has no one period', () => {
  const session = sessionInfo({ event: pageFaults, rate: { by: 'frequency', hertz: hertz(99) } })
  const profile = pprofOf(
    [
      { stack: ['main@app'], value: 17n },
      { stack: ['main@app'], value: 4n },
    ],
    session,
  )
  assert.equal(profile.period, 0n)
  assert.deepEqual(profile.samples[0]?.values, [2n, 21n])
})

test('time is the Unix time of the first window, duration the length of all', () => {
  const windows = [0, 1, 2].map((sequence) => ({ sequence, samples: [{ stack: ['main@app'] }] }))
  const profile = readPprof(encodePprof(profileOf(windows)))
  assert.equal(profile.timeNanos, UNIX_START)
  assert.equal(profile.durationNanos, 3n * WINDOW_LENGTH)
})

test('frames are leaf first, inlined functions innermost first in one location', () => {
  const profile = pprofOf([{ stack: ['leaf@libc.so.6', 'inner|middle|outer@app', 'main@app'] }])
  const [sample] = profile.samples
  assert.deepEqual(
    sample?.locations.map((location) => location.functions),
    [['leaf'], ['inner', 'middle', 'outer'], ['main']],
  )
})

test('the heaviest program is the first mapping, not the library that has most leaves', () => {
  const profile = pprofOf([
    { stack: ['spin@libc.so.6', 'main@light'], count: 2 },
    { stack: ['spin@libc.so.6', 'main@heavy'], count: 3 },
  ])
  assert.equal(profile.mappings[0]?.file, '/usr/lib/heavy')
})

test('a location without a name has its mapping, build id and an address inside', () => {
  const profile = pprofOf([{ stack: ['@libc.so.6', 'main@app'] }])
  const [leaf] = profile.samples[0]?.locations ?? []
  assert.deepEqual(leaf?.functions, [])
  assert.equal(leaf?.mapping?.file, '/usr/lib/libc.so.6')
  assert.match(leaf?.mapping?.buildId ?? '', /^[0-9a-f]{40}$/)
  assert.ok(leaf !== undefined && leaf.mapping !== undefined)
  assert.ok(leaf.address >= leaf.mapping.start && leaf.address < leaf.mapping.limit)
  assert.equal(leaf.mapping.hasFunctions, false)
})

test('kernel frames are on the leaf side in a mapping of their own, whose limits hold modules too', () => {
  const profile = pprofOf([{ stack: ['schedule@kernel', 'do_syscall_64@kernel', 'read@libc.so.6'] }])
  const [leaf] = profile.samples[0]?.locations ?? []
  assert.equal(leaf?.mapping?.file, '[kernel.kallsyms]')
  assert.ok(leaf !== undefined && leaf.mapping !== undefined)
  assert.ok(leaf.address >= leaf.mapping.start && leaf.address < leaf.mapping.limit)
})

test('equal addresses of two programs are two locations', () => {
  const profile = pprofOf([{ stack: ['f@one'] }, { stack: ['f@two'] }])
  assert.equal(new Set(profile.samples.map((sample) => sample.locations[0]?.mapping?.file)).size, 2)
})

test('process and thread are numbers, their names texts', () => {
  const [sample] = readPprof(
    encodePprof(
      profileOf([
        {
          processNames: { 41: 'server' },
          samples: [{ stack: ['main@app'], pid: 41, tid: 42, comm: 'worker 1' }],
        },
      ]),
    ),
  ).samples
  assert.deepEqual(sample?.labels, {
    pid: 41n,
    tid: 42n,
    'thread name': 'worker 1',
    'process name': 'server',
  })
})

test('samples tell their cgroup where that is wanted and known', () => {
  const samples: readonly TestSample[] = [
    { stack: ['main@app'], cgroup: '/kubepods/a', count: 2 },
    { stack: ['main@app'], cgroup: '/kubepods/b' },
    { stack: ['main@app'], cgroup: '' },
  ]
  const cgroupsOf = (labels: ProfileLimits['labels'], of = samples) => {
    const aggregate = new ProfileAggregate({ ...ROOMY, labels })
    aggregate.add(windowOf({ samples: of }))
    const profile = aggregate.session(0)
    assert.ok(profile !== undefined)
    return readPprof(encodePprof(profile)).samples.map(({ labels: { cgroup }, values }) => [
      cgroup,
      values[0],
    ])
  }
  assert.deepEqual(cgroupsOf(['cgroup']), [
    ['/kubepods/a', 2n],
    ['/kubepods/b', 1n],
    [undefined, 1n],
  ])
  assert.deepEqual(cgroupsOf([]), [[undefined, 4n]], 'nobody asked')
  const unknown = samples.map(({ stack }) => ({ stack }))
  assert.deepEqual(cgroupsOf(['cgroup'], unknown), [[undefined, 3n]], 'the source knows none')
})

test('a broken stack says why, as its outermost frame and as a label', () => {
  const [sample] = pprofOf([{ stack: ['f@app', '!no frame pointer'] }]).samples
  assert.deepEqual(sample?.locations.at(-1)?.functions, ['no frame pointer'])
  assert.equal(sample?.labels.incomplete, 'no frame pointer')
})

test('event, rate and losses are comments', () => {
  const profile = profileOf([{ samples: [{ stack: ['f@app'] }], losses: { missed: 4, ring_full: 2 } }])
  const { comments } = readPprof(encodePprof(profile))
  assert.ok(comments.includes('event: cpu-clock'))
  assert.ok(comments.includes('frequency: 99 Hz'))
  assert.ok(comments.includes('lost: 4 missed'))
  assert.ok(comments.includes('lost: 2 ring_full'))
})

test('process 0, empty names and 64-bit values survive', () => {
  const huge = 0xffff_ffff_ffff_fff0n
  const [sample] = pprofOf([{ stack: ['f@app'], pid: 0, tid: 0, comm: '', value: huge }]).samples
  assert.deepEqual(sample?.labels, { pid: 0n, tid: 0n })
  assert.deepEqual(sample?.values, [1n, huge])
})

test('a profile without samples is a valid file', () => {
  const profile = pprofOf([])
  assert.deepEqual(profile.samples, [])
  assert.deepEqual(profile.mappings, [])
})
