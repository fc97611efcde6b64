import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import test from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Delivery } from '../../../src/core/delivery.ts'
import {
  ACCEPTED,
  ANSWER_LOST,
  askedFor,
  DOWN,
  HANGS,
  numberOf,
  payload,
  REFUSED,
  setUp,
  spoolIn,
  stopped,
  TARGET,
  temporaryDirectory,
} from '../../support/deliveries.ts'

const none = { payloads: 0, samples: 0, bytes: 0 }
const countTo = (end: number): number[] => Array.from({ length: end }, (_, index) => index)

test('an outage of five minutes loses nothing: all arrives once, in order, as it was', async (t) => {
  for (const spool of [undefined, spoolIn(temporaryDirectory(t))]) {
    const setting = setUp({ spool })
    const { outbox, transport, clock, lines } = setting
    const offered = countTo(30).map((number) => payload(number))
    transport.answer = () => (clock.now() < 301_000 ? DOWN : ACCEPTED)
    await outbox.start()
    for (const one of offered) {
      await outbox.offer(one)
      await clock.advance(10_000)
    }
    assert.equal(transport.accepted.length, 0)
    assert.deepEqual(outbox.stats().queued.payloads, 30)
    assert.deepEqual(outbox.stats().spooled.payloads, spool === undefined ? 0 : 30)
    await clock.passUntil(() => transport.accepted.length === 30)
    assert.deepEqual(transport.accepted, offered)
    assert.equal(transport.mostUnderWay, 1)
    await stopped(setting)
    const { delivered, dropped, queued, possiblyDuplicated, trouble, retries } = outbox.stats()
    assert.deepEqual(
      { delivered: delivered.payloads, dropped, queued, possiblyDuplicated, trouble },
      {
        ...{ delivered: 30, dropped: {}, queued: none, possiblyDuplicated: none, trouble: undefined },
      },
    )
    assert.equal(retries, transport.attempts.length - 30)
    assert.equal(lines.length, 2, lines.join('\n'))
    assert.match(
      lines[0]!,
      /^warn: Cannot deliver to http:\/\/collector\.test:4318: connection refused\. Payloads are kept in .*, up to (64|256) MiB\.$/,
    )
    assert.match(
      lines[1]!,
      /^info: .* takes payloads again after 3\d\d s: 29 wait to be sent, 0 were dropped meanwhile\.$/,
    )
  }
})

test('a payload that is accepted leaves the spool before the next one is sent', async (t) => {
  const directory = temporaryDirectory(t)
  const seen: (readonly string[])[] = []
  const setting = setUp({
    spool: spoolIn(directory),
    answer: () => {
      seen.push(readdirSync(directory).sort())
      return ACCEPTED
    },
  })
  await setting.outbox.start()
  await Promise.all([setting.outbox.offer(payload(0)), setting.outbox.offer(payload(1))])
  await setting.clock.passUntil(() => setting.outbox.stats().queued.payloads === 0)
  assert.deepEqual(seen.at(-1), ['000000000002-11samples-2profiles-100bytes.sending'])
  assert.deepEqual(readdirSync(directory), [])
  await stopped(setting)
})

test('an offer does not wait for the network', async () => {
  const setting = setUp({ answer: HANGS })
  await setting.outbox.start()
  for (const number of countTo(5)) await setting.outbox.offer(payload(number))
  assert.equal(setting.outbox.stats().queued.payloads, 5)
  await stopped(setting)
})

test('waits grow up to the cap, by chance, and begin anew after an answer', async () => {
  const answers: Delivery[] = [...countTo(8).map(() => DOWN), REFUSED, DOWN, ACCEPTED]
  const setting = setUp({ answer: () => answers.shift() ?? ACCEPTED, random: () => 0.5 })
  const { outbox, clock } = setting
  await outbox.start()
  await Promise.all([outbox.offer(payload(0)), outbox.offer(payload(1))])
  await clock.passUntil(() => outbox.stats().queued.payloads === 0)
  const waits = clock.sleeps.filter((ms) => ms !== 100)
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 500])
  await stopped(setting)
})

test('the far side is never asked before the time that it asked for, and that is capped', async () => {
  const answers: Delivery[] = [askedFor(120_000), askedFor(86_400_000), ACCEPTED]
  const times: number[] = []
  const setting = setUp()
  const { outbox, transport, clock } = setting
  transport.answer = () => {
    times.push(clock.now())
    return answers.shift() ?? ACCEPTED
  }
  await outbox.start()
  await outbox.offer(payload(0))
  await clock.passUntil(() => transport.accepted.length === 1)
  assert.deepEqual(
    times.map((time) => time - times[0]!),
    [0, 120_000, 720_000],
  )
  await stopped(setting)
})

test('when memory is full the oldest go, but not the one that is being sent; it is said once', async () => {
  const setting = setUp({ answer: HANGS, memory: { maxBytes: 300, maxPayloads: 100 } })
  const { outbox, transport, lines, clock } = setting
  await outbox.start()
  for (const number of countTo(6)) {
    await outbox.offer(payload(number))
    await clock.advance(10)
  }
  assert.deepEqual(outbox.stats().dropped, { queue_full: { payloads: 3, samples: 11 + 12 + 13, bytes: 300 } })
  assert.deepEqual(outbox.stats().queued, { payloads: 3, samples: 10 + 14 + 15, bytes: 300 })
  assert.equal(transport.attempts.length, 1)
  assert.equal(lines.filter((line) => line.includes('found no room in the queue')).length, 1)
  await stopped(setting)
})

test('during an outage even the payload that waits to be sent again makes room for newer ones', async (t) => {
  const directory = temporaryDirectory(t)
  const setting = setUp({ answer: () => DOWN, spool: spoolIn(directory, { maxPayloads: 3 }) })
  const { outbox, transport, clock } = setting
  await outbox.start()
  for (const number of countTo(6)) {
    await outbox.offer(payload(number))
    await clock.advance(1)
  }
  assert.equal(readdirSync(directory).length, 3)
  assert.deepEqual(outbox.stats().dropped, { spool_full: { payloads: 3, samples: 10 + 11 + 12, bytes: 300 } })
  transport.answer = () => ACCEPTED
  await clock.passUntil(() => outbox.stats().queued.payloads === 0)
  assert.deepEqual(transport.accepted.map(numberOf), [3, 4, 5])
  await stopped(setting)
})

test('bodies that are on disk are not kept in memory', async (t) => {
  const setting = setUp({ answer: () => DOWN, spool: spoolIn(temporaryDirectory(t)) })
  const { outbox, transport, clock } = setting
  const bodies: WeakRef<Uint8Array>[] = []
  await outbox.start()
  for (const number of countTo(20)) {
    const one = payload(number, { bytes: 50_000 })
    bodies.push(new WeakRef(one.body))
    await outbox.offer(one)
    await clock.advance(1_000)
  }
  transport.attempts.length = 0
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  await clock.advance(0)
  collect()
  assert.ok(bodies.filter((body) => body.deref() !== undefined).length <= 3)
  await stopped(setting)
})

test('a payload accepted after an attempt of unknown outcome is counted as possibly duplicated', async () => {
  const answers: Delivery[] = [ANSWER_LOST, DOWN, ACCEPTED, DOWN, ACCEPTED]
  const setting = setUp({ answer: () => answers.shift() ?? ACCEPTED })
  const { outbox, transport, clock } = setting
  await outbox.start()
  await Promise.all([outbox.offer(payload(0)), outbox.offer(payload(1))])
  await clock.passUntil(() => outbox.stats().queued.payloads === 0)
  assert.deepEqual(outbox.stats().possiblyDuplicated, { payloads: 1, samples: 10, bytes: 100 })
  assert.equal(outbox.stats().delivered.payloads, 2)
  assert.equal(outbox.stats().retries, 3)
  assert.deepEqual(transport.attempts.map(numberOf), [0, 0, 0, 1, 1])
  await stopped(setting)
})

test('rejected profiles are counted and their reason is said once; a payload without any left is refused, and counts there only', async () => {
  const partly: Delivery = { outcome: 'accepted', rejectedProfiles: 1, message: 'too old' }
  const wholly: Delivery = { outcome: 'accepted', rejectedProfiles: 2, message: 'of no use' }
  const answers = [partly, partly, wholly, ACCEPTED]
  const setting = setUp({ answer: () => answers.shift() ?? ACCEPTED })
  const { outbox, clock, lines } = setting
  await outbox.start()
  for (const number of countTo(4)) await outbox.offer(payload(number))
  await clock.passUntil(() => outbox.stats().queued.payloads === 0)
  const { delivered, dropped, rejectedProfiles, trouble } = outbox.stats()
  assert.deepEqual(delivered, { payloads: 3, samples: 10 + 11 + 13, bytes: 300 })
  assert.deepEqual(dropped, { refused: { payloads: 1, samples: 12, bytes: 100 } })
  assert.equal(rejectedProfiles, 2)
  assert.equal(trouble, undefined)
  assert.deepEqual(lines, [
    `warn: ${TARGET} took a payload and says: too old`,
    `error: ${TARGET} refuses payloads: of no use. They are dropped.`,
  ])
  await stopped(setting)
})

test('an endpoint that makes up a new reason each time does not fill the log', async () => {
  let number = 0
  const setting = setUp({
    answer: () => ({ outcome: 'refused', reason: `${number++} ${'x'.repeat(10_000)}` }),
  })
  const { outbox, clock, lines } = setting
  await outbox.start()
  for (const each of countTo(100)) await outbox.offer(payload(each))
  await clock.passUntil(() => outbox.stats().queued.payloads === 0)
  assert.equal(lines.length, 33)
  assert.match(lines.at(-1)!, /gives ever new reasons/)
  assert.ok(lines.every((line) => line.length < 700))
  await stopped(setting)
})

test('an endpoint that fails and works by turns is spoken of once in a while', async () => {
  let attempts = 0
  const setting = setUp({ answer: () => (attempts++ % 2 === 0 ? DOWN : ACCEPTED) })
  const { outbox, clock, lines } = setting
  await outbox.start()
  for (const number of countTo(30)) {
    await outbox.offer(payload(number))
    await clock.advance(10_000)
  }
  assert.equal(outbox.stats().delivered.payloads, 30)
  assert.equal(lines.length, 2, lines.join('\n'))
  await stopped(setting)
})

test('what is left of an outage is sent at ten a second, and what is fresh at once', async () => {
  const times: number[] = []
  const setting = setUp()
  const { outbox, transport, clock } = setting
  transport.answer = () => DOWN
  await outbox.start()
  for (const number of countTo(21)) await outbox.offer(payload(number))
  await clock.advance(0)
  transport.answer = () => {
    times.push(clock.now())
    return ACCEPTED
  }
  await clock.passUntil(() => transport.accepted.length === 21)
  const gaps = times.slice(1).map((time, index) => Math.round(time - times[index]!))
  assert.deepEqual(
    gaps,
    countTo(20).map(() => 100),
  )
  const after = clock.now()
  for (const number of countTo(50)) await outbox.offer(payload(number))
  await clock.passUntil(() => transport.accepted.length === 71)
  assert.equal(clock.now(), after)
  await stopped(setting)
})

test('trouble says the newest error, and since when nothing was accepted; the last error outlives it', async () => {
  const setting = setUp({ answer: () => DOWN })
  const { outbox, transport, clock } = setting
  await outbox.start()
  await outbox.offer(payload(0))
  const since = clock.wallClock()
  await clock.advance(100_000)
  transport.answer = () => askedFor(1)
  await clock.advance(100_000)
  assert.deepEqual(outbox.stats().trouble, { error: '503', since })
  const { lastError } = outbox.stats()
  assert.equal(lastError?.error, '503')
  assert.ok(lastError.at > since)
  transport.answer = () => ACCEPTED
  await clock.passUntil(() => transport.accepted.length === 1)
  assert.equal(outbox.stats().trouble, undefined)
  assert.equal(outbox.stats().lastError?.error, '503')
  await stopped(setting)
})

test('a transport that throws is one that failed: the payload is sent again', async () => {
  const setting = setUp({ answer: () => Promise.reject(new Error('a bug')) })
  const { outbox, transport, clock } = setting
  await outbox.start()
  await outbox.offer(payload(0))
  await clock.advance(10)
  assert.equal(outbox.stats().trouble?.error, 'a bug')
  transport.answer = () => ACCEPTED
  await clock.passUntil(() => transport.accepted.length === 1)
  assert.equal(outbox.stats().possiblyDuplicated.payloads, 1)
  await stopped(setting)
})
