import assert from 'node:assert/strict'
import test from 'node:test'
import { ACCEPTED, DOWN, HANGS, numberOf, payload, setUp, stopped } from '../../support/deliveries.ts'

const countTo = (end: number): number[] => Array.from({ length: end }, (_, index) => index)
const WAITING = { memory: { maxBytes: 350, maxPayloads: 100 }, whenFull: 'wait' } as const

test('where the source can wait, a slow far side costs time and no payload', async () => {
  const setting = setUp(WAITING)
  const { outbox, transport, clock } = setting
  transport.answer = async () => {
    await clock.sleep(9_000)
    return ACCEPTED
  }
  await outbox.start()
  let offered = 0
  const offering = (async () => {
    for (const number of countTo(20)) {
      await outbox.offer(payload(number))
      offered++
      assert.ok(outbox.stats().queued.payloads <= 4)
    }
  })()
  await clock.advance(1_000)
  assert.equal(offered, 3, 'memory is full, and the next one waits')
  await clock.passUntil(() => transport.accepted.length === 20)
  await offering
  assert.deepEqual(transport.accepted.map(numberOf), countTo(20))
  assert.deepEqual(outbox.stats().dropped, {})
  await stopped(setting)
})

test('a far side that fails is waited for a quarter of a minute; then the oldest go', async () => {
  const setting = setUp({ ...WAITING, answer: () => DOWN })
  const { outbox, clock } = setting
  await outbox.start()
  for (const number of countTo(3)) await outbox.offer(payload(number))
  await clock.advance(10_000)
  const began = clock.now()
  let isTaken = false
  const offering = outbox.offer(payload(3)).then(() => (isTaken = true))
  await clock.advance(4_000)
  assert.equal(isTaken, false)
  await clock.passUntil(() => isTaken)
  await offering
  assert.ok(clock.now() - began <= 5_000)
  assert.equal(outbox.stats().dropped.queue_full?.payloads, 1)
  await outbox.offer(payload(4))
  assert.equal(outbox.stats().dropped.queue_full?.payloads, 2, 'the next one does not wait anew')
  await stopped(setting)
})

test('where the source cannot wait, an offer never does', async () => {
  const setting = setUp({ ...WAITING, whenFull: 'drop_oldest', answer: HANGS })
  await setting.outbox.start()
  for (const number of countTo(6)) await setting.outbox.offer(payload(number))
  assert.equal(setting.outbox.stats().dropped.queue_full?.payloads, 3)
  await stopped(setting)
})

test('one that is larger than all memory is not waited for for ever', async () => {
  const setting = setUp(WAITING)
  await setting.outbox.start()
  await setting.outbox.offer(payload(0))
  const large = setting.outbox.offer(payload(1, { bytes: 1_000 }))
  await setting.clock.passUntil(() => setting.transport.attempts.length > 0)
  await large
  await stopped(setting)
  const { delivered, dropped } = setting.outbox.stats()
  assert.equal(delivered.payloads + (dropped.queue_full?.payloads ?? 0), 2)
})
