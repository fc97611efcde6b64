import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { RefusedPayloads } from '../../../src/transport/refused-payloads.ts'
import {
  ACCEPTED,
  askedFor,
  DOWN,
  HANGS,
  numberOf,
  payload,
  REFUSED,
  setUp,
  spoolIn,
  stopped,
  temporaryDirectory,
} from '../../support/deliveries.ts'
import { settled } from '../../support/fake-clock.ts'

test('a stop sends what is queued, closes the transport, and can be called twice and without a start', async () => {
  const idle = setUp()
  await stopped(idle)
  await stopped(idle)
  assert.equal(idle.transport.closed, 1)

  const setting = setUp()
  await setting.outbox.start()
  await Promise.all([1, 2, 3].map((number) => setting.outbox.offer(payload(number))))
  await Promise.all([stopped(setting), stopped(setting)])
  assert.deepEqual(setting.transport.accepted.map(numberOf), [1, 2, 3])
  assert.equal(setting.transport.closed, 1)
  assert.equal(setting.clock.now(), 1_000, 'it took no time')
})

test('nothing is taken before the start or after the end', async () => {
  const setting = setUp()
  await assert.rejects(setting.outbox.offer(payload(1)), { code: 'TRANSPORT.NOT_RUNNING' })
  await setting.outbox.start()
  await stopped(setting)
  await assert.rejects(setting.outbox.offer(payload(1)), { code: 'TRANSPORT.NOT_RUNNING' })
  assert.equal(setting.outbox.stats().queued.payloads, 0)
})

test('what waits for a better time gets one attempt at once; then it stays in the spool', async (t) => {
  const directory = temporaryDirectory(t)
  const setting = setUp({ spool: spoolIn(directory), answer: () => askedFor(600_000) })
  const { outbox, transport, clock } = setting
  await outbox.start()
  for (const number of [1, 2]) await outbox.offer(payload(number))
  await clock.advance(1_000)
  assert.equal(transport.attempts.length, 1)
  const before = clock.now()
  await stopped(setting)
  assert.equal(transport.attempts.length, 2)
  assert.equal(clock.now(), before, 'and it does not wait for the deadline')
  assert.deepEqual(readdirSync(directory).sort(), [
    '000000000001-11samples-2profiles-100bytes.waiting',
    '000000000002-12samples-2profiles-100bytes.waiting',
  ])
  const { written, spooled, lost } = outbox.outcome()
  assert.deepEqual({ written, spooled, lost }, { written: 0, spooled: 23, lost: {} })
})

test('a stop that finds the endpoint well again delivers everything', async (t) => {
  for (const spool of [undefined, spoolIn(temporaryDirectory(t))]) {
    const setting = setUp({ spool, answer: () => askedFor(600_000) })
    const { outbox, transport, clock } = setting
    await outbox.start()
    for (const number of [1, 2, 3]) await outbox.offer(payload(number))
    await clock.advance(1_000)
    transport.answer = () => ACCEPTED
    await stopped(setting)
    assert.deepEqual(transport.accepted.map(numberOf), [1, 2, 3])
    assert.equal(outbox.stats().queued.payloads, 0)
  }
})

test('a stop sends what an earlier run left as fast as it is taken, not at the rate of replays', async (t) => {
  const directory = temporaryDirectory(t)
  const earlier = setUp({ spool: spoolIn(directory), answer: () => DOWN })
  await earlier.outbox.start()
  for (let number = 0; number < 30; number++) await earlier.outbox.offer(payload(number))
  await stopped(earlier)
  const setting = setUp({ spool: spoolIn(directory) })
  await setting.outbox.start()
  const began = setting.clock.now()
  await stopped(setting)
  assert.equal(setting.outbox.stats().replayed.payloads, 30)
  assert.equal(setting.clock.now(), began)
})

test('without a spool it goes on until the deadline, and what is left counts as not sent', async () => {
  const setting = setUp({ answer: () => DOWN })
  const { outbox, transport, clock } = setting
  await outbox.start()
  for (const number of [1, 2]) await outbox.offer(payload(number))
  await clock.advance(500)
  const attempts = transport.attempts.length
  const by = clock.now() + 8_000
  await stopped(setting)
  assert.equal(clock.now(), by)
  assert.ok(transport.attempts.length > attempts + 1)
  assert.deepEqual(outbox.stats().dropped, { not_sent: { payloads: 2, samples: 23, bytes: 200 } })
  assert.deepEqual(outbox.outcome().lost, { not_sent: 23 })
})

test('a far side that takes nothing is given up ten seconds after the end, however much time there is', async () => {
  for (const answer of [() => DOWN, HANGS]) {
    const setting = setUp({ answer })
    const { outbox, clock } = setting
    await outbox.start()
    await outbox.offer(payload(1))
    await clock.advance(500)
    const began = clock.now()
    await stopped(setting, 60_000)
    assert.equal(clock.now(), began + 10_000)
    assert.deepEqual(outbox.outcome().lost, { not_sent: 11 })
  }
})

test('a far side that is slow is waited for as long as it takes one after the other', async () => {
  const setting = setUp()
  const { outbox, transport, clock } = setting
  transport.answer = (one) => clock.sleep(9_000).then(() => (numberOf(one) === 2 ? REFUSED : ACCEPTED))
  await outbox.start()
  for (const number of [1, 2, 3, 4]) await outbox.offer(payload(number))
  await stopped(setting, 60_000)
  assert.deepEqual(transport.accepted.map(numberOf), [1, 3, 4])
  assert.deepEqual(outbox.outcome().lost, { refused: 12 })
})

test('at the deadline the send under way is given up, even by a transport that does not listen', async (t) => {
  const directory = temporaryDirectory(t)
  const setting = setUp({ spool: spoolIn(directory), answer: HANGS })
  const { outbox, transport, clock } = setting
  await outbox.start()
  for (const number of [1, 2]) await outbox.offer(payload(number))
  await clock.advance(10)
  const by = clock.now() + 8_000
  await stopped(setting)
  assert.equal(clock.now(), by)
  assert.equal(transport.closed, 1)
  assert.deepEqual(readdirSync(directory).sort(), [
    '000000000001-11samples-2profiles-100bytes.sending',
    '000000000002-12samples-2profiles-100bytes.waiting',
  ])
  const { queued, spooled } = outbox.stats()
  assert.deepEqual([queued.payloads, spooled.payloads], [2, 2])
})

test('an answer that comes in the very moment of the deadline is still an answer', async () => {
  const setting = setUp({
    answer: (_, signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(ACCEPTED))),
  })
  await setting.outbox.start()
  await setting.outbox.offer(payload(1))
  await stopped(setting)
  assert.equal(setting.outbox.stats().delivered.payloads, 1)
  assert.deepEqual(setting.outbox.stats().dropped, {})
})

test('a transport whose connections do not close holds nobody up', async () => {
  const setting = setUp()
  setting.transport.close = () => new Promise(() => undefined)
  await setting.outbox.start()
  const by = setting.clock.now() + 100
  await stopped(setting, 100)
  assert.ok(setting.clock.now() <= by + 1_000)
})

test('an offer under way when the stop comes is kept', async (t) => {
  const directory = temporaryDirectory(t)
  const setting = setUp({ spool: spoolIn(directory), answer: () => DOWN })
  await setting.outbox.start()
  const offered = setting.outbox.offer(payload(1))
  await Promise.all([stopped(setting), offered])
  assert.equal(setting.outbox.stats().spooled.payloads, 1)
  assert.equal(readdirSync(directory).length, 1)
})

test('the newest refused payloads are kept for inspection, and each cause is said once', async (t) => {
  const directory = join(temporaryDirectory(t), 'refused')
  const refused = new RefusedPayloads({ directory, maxPayloads: 2 })
  const setting = setUp({ refused, answer: () => REFUSED })
  const { outbox, clock, lines } = setting
  await outbox.start()
  for (const number of [1, 2, 3]) await outbox.offer(payload(number))
  await clock.passUntil(() => outbox.stats().queued.payloads === 0)
  assert.deepEqual(readdirSync(directory).sort(), [
    '000002.body',
    '000002.json',
    '000003.body',
    '000003.json',
  ])
  assert.deepEqual(readFileSync(join(directory, '000003.body')), payload(3).body)
  assert.equal(statSync(join(directory, '000003.body')).mode & 0o777, 0o600)
  const about = JSON.parse(readFileSync(join(directory, '000003.json'), 'utf8'))
  assert.equal(about.reason, '400 Bad Request: no')
  assert.equal(about.samples, 13)
  assert.equal(lines.length, 1)
  assert.deepEqual(outbox.stats().dropped, { refused: { payloads: 3, samples: 36, bytes: 300 } })
  assert.equal(outbox.stats().trouble?.error, '400 Bad Request: no')
  await stopped(setting)

  const again = setUp({ refused, answer: () => REFUSED })
  await again.outbox.start()
  await again.outbox.offer(payload(4))
  await stopped(again)
  assert.deepEqual(readdirSync(directory).sort().at(-1), '000004.json')
})

test('where refused payloads cannot be kept, delivery goes on', async (t) => {
  const directory = join(temporaryDirectory(t), 'file')
  writeFileSync(directory, '')
  const refused = new RefusedPayloads({ directory, maxPayloads: 2 })
  const setting = setUp({ refused, answer: (one) => (numberOf(one) === 1 ? REFUSED : ACCEPTED) })
  await setting.outbox.start()
  for (const number of [1, 2]) await setting.outbox.offer(payload(number))
  await settled()
  await stopped(setting)
  assert.equal(setting.outbox.stats().delivered.payloads, 1)
  assert.match(setting.lines.join('\n'), /warn: Cannot keep a refused payload/)
})
