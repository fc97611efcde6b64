import assert from 'node:assert/strict'
import test from 'node:test'
import { ProfileAggregate } from '../../../../src/formats/profile/profile-aggregate.ts'
import { profileOf, ROOMY } from '../../../support/aggregated.ts'
import { PERIOD, UNIX_START, WINDOW_LENGTH, windowOf } from '../../../support/profile-window.ts'
import { sessionInfo } from '../../../support/session.ts'

test('equal stacks of different windows are one row, although the windows number them differently', () => {
  const profile = profileOf([
    { samples: [{ stack: ['a@app', 'main@app'], count: 3 }, { stack: ['b@app', 'main@app'] }] },
    { sequence: 1, samples: [{ stack: ['b@app', 'main@app'] }, { stack: ['a@app', 'main@app'], count: 4 }] },
  ])
  assert.equal(profile.rows.length, 2)
  assert.deepEqual([profile.rows.count(0), profile.rows.count(1)], [7, 2])
  assert.equal(profile.samples, 9)
  assert.equal(profile.value, 9n * PERIOD)
})

test('a library is one mapping in however many processes, anonymous memory is each process’s own', () => {
  const profile = profileOf([
    {
      samples: [
        { stack: ['f@libc.so.6'], pid: 1 },
        { stack: ['f@libc.so.6'], pid: 2 },
        { stack: ['jit@anon'], pid: 1 },
        { stack: ['jit@anon'], pid: 2 },
      ],
    },
  ])
  const { dictionary } = profile
  const pids = Array.from({ length: dictionary.mappingCount }, (_, number) => dictionary.mapping(number).pid)
  assert.deepEqual(pids, [0, 1, 2])
  assert.equal(dictionary.stacks.length, 3)
})

test('threads and names are told apart, CPUs only when asked for', () => {
  const samples = [
    { stack: ['f@app'], pid: 1, tid: 1, comm: 'one', cpu: 0 },
    { stack: ['f@app'], pid: 1, tid: 1, comm: 'one', cpu: 1 },
    { stack: ['f@app'], pid: 1, tid: 2, comm: 'one', cpu: 0 },
    { stack: ['f@app'], pid: 1, tid: 2, comm: 'two', cpu: 0 },
  ]
  assert.equal(profileOf([{ samples }]).rows.length, 3)
  const telling = new ProfileAggregate({ ...ROOMY, labels: ['cpu'] })
  telling.add(windowOf({ samples }))
  assert.equal(telling.session(0)?.rows.length, 4)
})

test('time runs from the first window’s start to the last one’s end, losses add up', () => {
  const profile = profileOf([
    { samples: [], losses: { missed: 3 } },
    { sequence: 1, samples: [{ stack: ['f@app'] }], losses: { missed: 2, ring_full: 1 } },
  ])
  assert.equal(profile.unixStart, UNIX_START)
  assert.equal(profile.duration, 2n * WINDOW_LENGTH)
  assert.deepEqual([...profile.losses].sort(), [
    ['missed', 5],
    ['ring_full', 1],
  ])
})

test('what finds no room is counted, and kept plus lost is what came', () => {
  const aggregate = new ProfileAggregate({ maxBytes: 60_000, labels: [] })
  const samples = Array.from({ length: 3_000 }, (_, number) => ({ stack: [`f${number}@app`, 'main@app'] }))
  const { kept, tableFull } = aggregate.add(windowOf({ samples }))
  assert.ok(kept > 0 && tableFull > 0, `${kept} kept, ${tableFull} not`)
  assert.equal(kept + tableFull, 3_000)
  const profile = aggregate.session(0)
  assert.equal(profile?.losses.get('table_full'), tableFull)
  assert.equal(profile?.samples, kept)
  const counted = Array.from({ length: profile?.rows.length ?? 0 }, (_, row) => profile?.rows.count(row) ?? 0)
  assert.equal(
    counted.reduce((sum, count) => sum + count, 0),
    kept,
  )
  assert.ok(aggregate.bytes <= 60_000)
})

test('sessions of one profile keep their samples apart', () => {
  const faults = sessionInfo({ id: 7 })
  const aggregate = new ProfileAggregate(ROOMY)
  aggregate.add(windowOf({ samples: [{ stack: ['f@app'], count: 2 }] }))
  aggregate.add(windowOf({ session: faults, samples: [{ stack: ['f@app'], count: 5 }] }))
  assert.deepEqual([aggregate.session(0)?.samples, aggregate.session(7)?.samples], [2, 5])
})
