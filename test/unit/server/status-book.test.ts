import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeliveryStats } from '../../../src/core/delivery.ts'
import { EVERYTHING, type SampleFilter } from '../../../src/core/sample-filter.ts'
import type { ConsumerResult } from '../../../src/core/summary.ts'
import { StatusBook, type StatusFacts } from '../../../src/server/status-book.ts'
import { batchOf } from '../../support/consumers.ts'
import { sessionInfo } from '../../support/session.ts'
import { nightSession, sideBySide, webSession } from '../../support/sources.ts'

const lane = { queued: 0, queuedBytes: 0, delivered: 20, failed: 0, dropped: 0, lastError: undefined }
const outcome = { bytes: 0, written: 0, files: [], lost: {} }
const some = { payloads: 1, samples: 10, bytes: 100 }

const factsWith = (results: readonly (readonly [string, ConsumerResult])[] = []): StatusFacts => ({
  version: '0.1.0',
  pid: 7,
  state: 'running',
  startedAt: new Date('2026-01-02T03:04:05Z'),
  dataDirectory: '/data',
  sessions: [sessionInfo(), sessionInfo({ id: 1, rate: { by: 'period', period: 1_000n } })],
  configuration: null,
  sampler: { backEnd: 'perf', filterProblem: null, cpus: [] },
  filter: EVERYTHING,
  flightRecorder: null,
  results: new Map(results),
})

test('samples and losses add up over windows, and a session without a window is there', () => {
  const book = new StatusBook()
  const lossy = { ...batchOf(20, 1), losses: [{ reason: 'missed' as const, count: 3 }] }
  for (const batch of [batchOf(10, 0), lossy, { ...lossy, session: sessionInfo({ id: 1 }) }]) book.add(batch)
  const { windows, sessions, startedAt } = book.status(factsWith())
  assert.equal(startedAt, '2026-01-02T03:04:05.000Z')
  assert.deepEqual(windows, { closed: 2, newestEnd: '1970-01-01T00:00:00.000Z' })
  assert.deepEqual(
    sessions.map(({ taken, lost, frequency, period }) => ({ taken, lost, frequency, period })),
    [
      { taken: 30, lost: { missed: 3 }, frequency: 99, period: undefined },
      { taken: 20, lost: { missed: 3 }, frequency: undefined, period: 1_000n },
    ],
  )
  assert.equal(new StatusBook().status(factsWith()).sessions.length, 2)
})

test('what is not wanted is counted apart from losses, beside the rules that left it out', () => {
  const book = new StatusBook()
  const filter: SampleFilter = {
    rules: [
      { action: 'include', match: { by: 'cgroup', path: '/a' } },
      { action: 'thin', match: { by: 'kernel_thread' }, oneIn: 10 },
    ],
  }
  const leftOut = [
    { reason: 'sampled_out' as const, count: 2 },
    { reason: 'filtered' as const, count: 5 },
  ]
  book.add({ ...batchOf(3, 0), leftOut })
  book.add({ ...batchOf(3, 1), leftOut })
  const status = book.status({ ...factsWith(), filter })
  assert.deepEqual(status.filter, [
    { action: 'include', match: 'cgroup=/a' },
    { action: 'thin', match: 'kernel-threads', oneIn: 10 },
  ])
  const [session] = status.sessions
  assert.deepEqual(
    [session?.taken, session?.lost, Object.entries(session?.leftOut ?? {})],
    [6, {}, Object.entries({ filtered: 10, sampled_out: 4 })],
  )
})

test('a consumer that writes has files, and what is in none yet', () => {
  const open = { samples: 5, bytes: 50 }
  const written = { ...outcome, bytes: 200, written: 15, files: ['/data/a', '/data/b'], open }
  const { consumers } = new StatusBook().status(factsWith([['files', { lane, outcome: written }]]))
  assert.deepEqual(consumers.files?.files, { finished: 2, bytes: 200, samples: 15, open })
  assert.equal(consumers.files?.trouble, null)
})

const delivery: DeliveryStats = {
  target: 'http://collector:4318',
  queued: some,
  spooled: some,
  delivered: some,
  replayed: some,
  dropped: { refused: some },
  droppedReplays: {},
  possiblyDuplicated: some,
  rejectedProfiles: 2,
  retries: 3,
  trouble: { error: 'connection refused', since: new Date('2026-01-02T04:00:00Z') },
  lastError: { error: 'connection refused', at: new Date('2026-01-02T04:05:00Z') },
}

test('a consumer that sends has every figure of its deliveries, and its trouble before the lane’s', () => {
  const full = { ...lane, dropped: 5, lastError: 'full', troubledSince: new Date('2026-01-02T05:00:00Z') }
  const sends = { lane: full, outcome: { ...outcome, delivery } }
  const { consumers } = new StatusBook().status(factsWith([['otlp_profiles', sends]]))
  const { trouble, lastError: _, ...figures } = delivery
  assert.deepEqual(consumers.otlp_profiles?.delivery, figures)
  assert.deepEqual(consumers.otlp_profiles?.trouble, {
    error: trouble?.error,
    since: '2026-01-02T04:00:00.000Z',
  })
  assert.equal(consumers.otlp_profiles?.files, undefined)
})

test('the last error of deliveries is told also when it is over', () => {
  const works = { lane, outcome: { ...outcome, delivery: { ...delivery, trouble: undefined } } }
  const { otlp_profiles: status } = new StatusBook().status(factsWith([['otlp_profiles', works]])).consumers
  assert.equal(status?.trouble, null)
  assert.equal(status?.lastError, 'connection refused')
})

test('trouble of a lane is told while it lasts, and its last error afterwards', () => {
  const failing = { ...lane, lastError: 'the disk is full', troubledSince: new Date('2026-01-02T05:00:00Z') }
  const statusOf = (of: ConsumerResult['lane']) =>
    new StatusBook().status(factsWith([['files', { lane: of, outcome }]])).consumers.files
  assert.deepEqual(statusOf(failing)?.trouble, {
    error: 'the disk is full',
    since: '2026-01-02T05:00:00.000Z',
  })
  assert.equal(statusOf({ ...failing, troubledSince: undefined })?.trouble, null)
  assert.equal(statusOf({ ...failing, troubledSince: undefined })?.lastError, 'the disk is full')
})

test('what a consumer has besides its figures is not told', () => {
  const secret = { ...delivery, headers: { authorization: 'planted-secret' } }
  const sends = { lane, outcome: { ...outcome, delivery: secret } }
  const status = new StatusBook().status(factsWith([['otlp_profiles', sends]]))
  assert.ok(!JSON.stringify(status.consumers).includes('planted-secret'))
})

test('windows of sources side by side are counted once each, whatever their numbers; the newest is the one that ended last', () => {
  const book = new StatusBook()
  const batches = sideBySide([
    { session: webSession(), windowSeconds: 10, samples: [1, 1, 1] },
    { session: nightSession(), windowSeconds: 4, samples: [2, 2, 2, 2] },
  ])
  for (const batch of batches) book.add(batch)
  const { windows, sessions } = book.status({ ...factsWith(), sessions: [webSession(), nightSession()] })
  assert.deepEqual(windows, { closed: 7, newestEnd: '2026-01-02T03:04:35.000Z' })
  assert.deepEqual(
    sessions.map(({ config, taken }) => [config?.name, taken]),
    [
      ['web', 3],
      ['night-shift', 8],
    ],
  )
})

test('sessions that ended are counted together, however many there were; what runs is told by itself', () => {
  const book = new StatusBook()
  const runs = nightSession()
  const [steady] = sideBySide([{ session: runs, windowSeconds: 10, samples: [5] }])
  const [window] = sideBySide([{ session: webSession(), windowSeconds: 10, samples: [2], ends: true }])
  assert.ok(steady !== undefined && window !== undefined)
  const losses = [{ reason: 'missed' as const, count: 1 }]
  for (let id = 100; id < 3_100; id++) {
    book.add({ ...window, losses, session: webSession({ id, source: id }) })
    if (id % 500 === 0) book.add(steady)
  }
  const { sessions, endedSessions } = book.status({ ...factsWith(), sessions: [runs] })
  assert.deepEqual(
    sessions.map(({ config, taken }) => [config?.name, taken]),
    [['night-shift', 30]],
  )
  assert.deepEqual(endedSessions, { sessions: 3_000, taken: 6_000, lost: { missed: 3_000 }, leftOut: {} })
})
