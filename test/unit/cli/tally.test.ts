import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sumOf } from '../../../src/cli/columns.ts'
import { summaryOf, writtenBy } from '../../../src/cli/summary.ts'
import { Tally } from '../../../src/cli/tally.ts'
import { exactJson } from '../../../src/core/exact-json.ts'
import type { LossReason } from '../../../src/core/loss.ts'
import type { ProfileBatch, SessionInfo } from '../../../src/core/profile.ts'
import { WindowBuilder } from '../../../src/core/window-builder.ts'
import { batchesOf } from '../../../src/core/window-view.ts'
import { parseEvent } from '../../support/parsed-event.ts'
import { sessionInfo } from '../../support/session.ts'

const START = 1_000_000_000n
/** 2026-11-21T00:00:00Z minus the monotonic clock. */
const UNIX_OFFSET = 1_795_219_200_000_000_000n

interface Row {
  readonly session: SessionInfo
  readonly value: bigint
  readonly broken?: string
}

function windowOf(
  sequence: number,
  rows: readonly Row[],
  losses: readonly (readonly [SessionInfo, LossReason, number])[] = [],
): readonly ProfileBatch[] {
  const window = new WindowBuilder()
  const sessions = [...new Set([...rows.map((row) => row.session), ...losses.map(([session]) => session)])]
  for (const session of sessions) window.addSession(session.id)
  for (const { session, value, broken } of rows) {
    const frame = window.addFrame({ kind: 'reason', text: broken ?? 'main' })
    const stack = window.addStack([frame], broken === undefined ? 'unverified' : 'broken')
    const time = START + BigInt(sequence) * 10_000_000_000n + 7n
    window.addSample(session.id, { time, pid: 1, tid: 1, cpu: 0, stack, value, comm: 'work' })
  }
  for (const [session, reason, count] of losses) window.addLoss(session.id, reason, count)
  const start = START + BigInt(sequence) * 10_000_000_000n
  return batchesOf(
    window.build({ start, end: start + 10_000_000_000n, unixOffset: UNIX_OFFSET, sequence }),
    sessions,
  )
}

const clock = sessionInfo()
const faults = sessionInfo({ id: 1, event: parseEvent('page-faults'), rate: { by: 'period', period: 7n } })

async function tallyOf(...windows: readonly (readonly ProfileBatch[])[]): Promise<Tally> {
  const tally = new Tally()
  for (const batch of windows.flat()) await tally.add(batch)
  return tally
}

test('taken is the sum of the sessions, and nothing is in both taken and lost', async () => {
  const tally = await tallyOf(
    windowOf(
      0,
      [
        { session: clock, value: 10n },
        { session: faults, value: 7n },
      ],
      [[clock, 'missed', 3]],
    ),
    windowOf(
      1,
      [{ session: clock, value: 10n }],
      [
        [clock, 'missed', 1],
        [faults, 'ring_full', 2],
      ],
    ),
  )
  assert.equal(tally.taken, 3)
  assert.deepEqual(
    tally.sessions().map(({ event, taken, lost, value }) => ({ event, taken, lost, value })),
    [
      { event: 'cpu-clock', taken: 2, lost: { missed: 4 }, value: 20n },
      { event: 'page-faults', taken: 1, lost: { ring_full: 2 }, value: 7n },
    ],
  )
  assert.deepEqual(tally.lost, { ring_full: 2, missed: 4 })
})

test('sessions say how they sampled and when', async () => {
  const [first, second] = (
    await tallyOf(
      windowOf(0, [
        { session: clock, value: 1n },
        { session: faults, value: 1n },
      ]),
      windowOf(1, [{ session: clock, value: 1n }]),
    )
  ).sessions()
  assert.deepEqual([first?.frequency, first?.period, first?.unit], [99, undefined, 'nanoseconds'])
  assert.deepEqual([second?.frequency, second?.period, second?.unit], [undefined, 7n, 'count'])
  assert.equal(first?.startedAt, '2026-11-21T00:00:01.000Z')
  assert.equal(first?.endedAt, '2026-11-21T00:00:21.000Z')
  assert.equal(second?.endedAt, '2026-11-21T00:00:11.000Z')
})

test('two configurations of one event are two sessions and one event', async () => {
  const other = sessionInfo({ id: 2, config: { name: 'night', version: '3' } })
  const tally = await tallyOf(
    windowOf(0, [
      { session: clock, value: 10n },
      { session: other, value: 5n },
    ]),
  )
  assert.deepEqual(tally.events(), { 'cpu-clock': { samples: 2, value: 15n, unit: 'nanoseconds' } })
  assert.deepEqual(tally.sessions()[1]?.config, { name: 'night', version: '3' })
})

test('stacks count samples, broken ones by reason', async () => {
  const tally = await tallyOf(
    windowOf(0, [
      { session: clock, value: 1n },
      { session: clock, value: 1n },
      { session: clock, value: 1n, broken: '[truncated]' },
    ]),
    windowOf(1, [{ session: clock, value: 1n, broken: '[truncated]' }]),
  )
  const counts = { complete: 0, unverified: 2, broken: { '[truncated]': 2 } }
  assert.deepEqual(tally.stacks(), {
    ...counts,
    kernel: 0,
    languages: { native: counts },
    processes: [{ pid: 1, comm: 'work', language: 'native', ...counts }],
  })
})

test('sums are exact beyond 2^53 and beyond one chunk', () => {
  assert.equal(sumOf(BigUint64Array.of(2n ** 63n, 2n ** 62n, 1n)), 2n ** 63n + 2n ** 62n + 1n)
  const many = new BigUint64Array(2 ** 20 + 3).fill(2n ** 33n + 1n)
  assert.equal(sumOf(many), BigInt(many.length) * (2n ** 33n + 1n))
  assert.equal(sumOf(new BigUint64Array(0)), 0n)
})

test('the summary adds what the consumers did, and the time to the first sample', async () => {
  const tally = await tallyOf(windowOf(0, [{ session: clock, value: 2n ** 60n + 1n }]))
  const lane = { queued: 0, queuedBytes: 0, delivered: 1, failed: 0, dropped: 0, lastError: undefined }
  const outcome = (written: number) => ({ bytes: 10, written, files: ['/a'], lost: {} })
  const summary = summaryOf({
    tally,
    consumers: new Map([
      ['perf_data', { lane, outcome: outcome(1) }],
      ['files', { lane, outcome: outcome(0) }],
    ]),
    processStart: START - 250_000_000n,
    now: new Date(0),
  })
  assert.equal(summary.samples.written, 0, 'what is not in every file is not written')
  assert.equal(summary.startedAt, '2026-11-21T00:00:01.000Z')
  assert.equal(summary.durationSeconds, 10)
  assert.ok(Math.abs((summary.firstSampleSeconds ?? 0) - 0.25) < 1e-6)
  assert.deepEqual(summary.consumers.perf_data, {
    delivered: 1,
    dropped: 0,
    failed: 0,
    bytes: 10,
    files: ['/a'],
  })
  assert.ok(summary.self.maxRssBytes > 1e6 && summary.self.cpuSeconds > 0)
  assert.match(exactJson(summary), /"value": 1152921504606846977,/)
  assert.equal(JSON.parse(exactJson(summary)).samples.taken, 1)
})

test('what a consumer took and then lost is failed, not delivered', () => {
  const lane = { queued: 0, queuedBytes: 0, delivered: 198, failed: 2, dropped: 0, lastError: undefined }
  const outcome = { bytes: 10, written: 10, files: ['/a'], lost: { table_full: 180, disk_full: 8 } }
  const consumers = new Map([['files', { lane, outcome }]])
  const summary = summaryOf({ tally: new Tally(), consumers, processStart: 0n, now: new Date(0) })
  const { delivered, dropped, failed } = summary.consumers.files!
  assert.deepEqual({ delivered, dropped, failed }, { delivered: 10, dropped: 0, failed: 190 })
})

test('a run without samples has a summary all the same', () => {
  const summary = summaryOf({ tally: new Tally(), consumers: new Map(), processStart: 0n, now: new Date(0) })
  assert.equal(summary.firstSampleSeconds, null)
  assert.deepEqual(summary.samples, { taken: 0, written: 0, lost: {}, leftOut: {} })
  assert.equal(summary.startedAt, '1970-01-01T00:00:00.000Z')
})

test('what is not wanted is counted apart, by reason', async () => {
  const [batch] = windowOf(0, [{ session: clock, value: 10n }])
  assert.ok(batch !== undefined)
  const tally = new Tally()
  await tally.add({ ...batch, leftOut: [{ reason: 'sampled_out', count: 4 }] })
  await tally.add({ ...batch, leftOut: [{ reason: 'filtered', count: 3 }] })
  const summary = summaryOf({ tally, consumers: new Map(), processStart: 0n, now: new Date(0) })
  const { lost, leftOut } = summary.samples
  assert.deepEqual([lost, leftOut], [{}, { filtered: 3, sampled_out: 4 }])
  assert.deepEqual(Object.keys(leftOut), ['filtered', 'sampled_out'])
  assert.deepEqual(summary.sessions[0]?.leftOut, leftOut)
})

test('of configurations that are replaced 1,000 times the summary stays short, and every sum exact', async () => {
  const tally = new Tally()
  const lasting = sessionInfo({ id: 1, config: { name: 'steady', version: '1' } })
  for (let number = 0; number < 1_000; number++) {
    const web = sessionInfo({
      id: 10 + number,
      source: 10 + number,
      config: { name: 'web', version: `${number}` },
    })
    const [batch] = windowOf(number, [{ session: web, value: 10n }], [[web, 'missed', 2]])
    assert.ok(batch !== undefined)
    await tally.add(batch)
    if (number % 100 === 0)
      for (const each of windowOf(number, [{ session: lasting, value: 5n }])) await tally.add(each)
  }
  const sessions = tally.sessions()
  assert.ok(sessions.length <= 300, `${sessions.length} sessions`)
  const [merged] = sessions
  assert.deepEqual(merged?.config?.name, 'web')
  assert.equal(merged?.startedAt, '2026-11-21T00:00:01.000Z')
  assert.equal(Number(merged?.merged) + sessions.length - 2, 1_000, 'one of them is the steady one')
  const [steady] = sessions.filter(({ config }) => config?.name === 'steady')
  assert.deepEqual([steady?.taken, steady?.merged], [10, undefined])
  assert.equal(tally.taken, 1_010)
  assert.deepEqual(tally.lost, { missed: 2_000 })
  assert.deepEqual(tally.events(), { 'cpu-clock': { samples: 1_010, value: 10_050n, unit: 'nanoseconds' } })
  assert.equal(
    sessions.reduce((sum, { taken }) => sum + taken, 0),
    1_010,
  )
})

test('of more configurations than are told apart the rest are one', async () => {
  const tally = new Tally()
  for (let number = 0; number < 1_000; number++) {
    const session = sessionInfo({ id: number, source: number, config: { name: `c${number}`, version: '' } })
    for (const batch of windowOf(number, [{ session, value: 1n }])) await tally.add(batch)
  }
  const sessions = tally.sessions()
  assert.ok(sessions.length <= 600, `${sessions.length} sessions`)
  const others = sessions.filter(({ config }) => config?.name === '[others]')
  assert.deepEqual(
    others.map(({ taken, merged }) => [taken, merged]),
    [[1_000 - sessions.length + 1, 1_000 - sessions.length + 1]],
  )
  assert.equal(tally.taken, 1_000)
})

test('where each consumer gets some configurations alone, written is what none of them lacks', () => {
  const lane = { queued: 0, queuedBytes: 0, failed: 0, dropped: 0, lastError: undefined }
  const result = (delivered: number, written: number, dropped = 0) => ({
    lane: { ...lane, delivered, dropped },
    outcome: { bytes: 1, written, files: [], lost: {} },
  })
  const consumers = new Map([
    ['perf_data', result(60, 60)],
    ['files', result(40, 38, 3)],
  ])
  assert.equal(writtenBy(consumers, 103), 98)
})
