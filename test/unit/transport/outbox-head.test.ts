import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import test from 'node:test'
import type { Payload } from '../../../src/core/delivery.ts'
import {
  ACCEPTED,
  ANSWER_LOST,
  BUSY,
  DOWN,
  numberOf,
  payload,
  type Setting,
  setUp,
  spoolIn,
  stopped,
  temporaryDirectory,
} from '../../support/deliveries.ts'

const countTo = (end: number): number[] => Array.from({ length: end }, (_, index) => index)
const attemptsOf = ({ transport }: Setting, number: number): number =>
  transport.attempts.filter((sent) => numberOf(sent) === number).length
const acceptedOf = ({ transport }: Setting): number[] => transport.accepted.map(numberOf)

/** Takes all but some. */
const takingAllBut =
  (...hopeless: readonly number[]) =>
  (sent: Payload) =>
    hopeless.includes(numberOf(sent)) ? ANSWER_LOST : ACCEPTED

test('a payload that is always to be repeated lets the others pass, and is given up in the end', async (t) => {
  for (const spooled of ['spooled', 'in memory']) {
    const directory = temporaryDirectory(t)
    const spool = spooled === 'spooled' ? spoolIn(directory) : undefined
    const setting = setUp({ spool, answer: takingAllBut(0) })
    const { outbox, clock, lines } = setting
    await outbox.start()
    for (const number of countTo(20)) await outbox.offer(payload(number))
    await clock.passUntil(() => setting.transport.accepted.length === 19)
    assert.deepEqual(acceptedOf(setting), countTo(20).slice(1), 'the others keep their order')
    assert.equal(attemptsOf(setting, 0), 8)
    assert.equal(outbox.stats().queued.payloads, 1)

    for (const number of [20, 21, 22, 23]) {
      await outbox.offer(payload(number))
      await clock.passUntil(() => acceptedOf(setting).includes(number))
    }
    await clock.passUntil(() => outbox.stats().queued.payloads === 0)
    assert.deepEqual(outbox.stats().dropped, { given_up: { payloads: 1, samples: 10, bytes: 100 } })
    assert.equal(outbox.outcome().lost.given_up, 10)
    assert.equal(outbox.stats().delivered.payloads, 23)
    assert.deepEqual(readdirSync(directory), [])
    const said = lines.filter((line) => line.includes('were repeated in vain while the endpoint took others'))
    assert.equal(said.length, 1, lines.join('\n'))
    await stopped(setting)
  }
})

test('several payloads that are never taken hold up nobody either', async () => {
  const setting = setUp({ answer: takingAllBut(0, 1, 2) })
  await setting.outbox.start()
  for (const number of countTo(10)) await setting.outbox.offer(payload(number))
  await setting.clock.passUntil(() => setting.transport.accepted.length === 7)
  assert.deepEqual(acceptedOf(setting), [3, 4, 5, 6, 7, 8, 9])
  await stopped(setting)
})

test('a payload that was only unlucky is taken when its turn comes again', async () => {
  const setting = setUp()
  setting.transport.answer = (sent) => (numberOf(sent) === 0 && attemptsOf(setting, 0) < 10 ? BUSY : ACCEPTED)
  await setting.outbox.start()
  for (const number of countTo(4)) await setting.outbox.offer(payload(number))
  await setting.clock.passUntil(() => setting.transport.accepted.length === 4)
  assert.deepEqual(acceptedOf(setting), [1, 2, 3, 0])
  assert.deepEqual(setting.outbox.stats().dropped, {})
  await stopped(setting)
})

test('a far side that takes nothing from anybody changes no order and loses nothing', async () => {
  for (const answer of [BUSY, ANSWER_LOST, DOWN]) {
    const setting = setUp({ answer: () => answer })
    await setting.outbox.start()
    for (const number of countTo(5)) await setting.outbox.offer(payload(number))
    await setting.clock.advance(3_600_000)
    const others = setting.transport.attempts.filter((sent) => numberOf(sent) !== 0).length
    if (answer === DOWN) assert.equal(others, 0, 'nobody is reached: the others are left alone')
    assert.ok(others <= attemptsOf(setting, 0) / 8)
    await setting.clock.passUntil(() => numberOf(setting.transport.attempts.at(-1)!) === 0)
    const before = attemptsOf(setting, 0)
    setting.transport.answer = () => ACCEPTED
    await setting.clock.passUntil(() => setting.transport.accepted.length === 5)
    if (before % 8 !== 0 || answer === DOWN) assert.deepEqual(acceptedOf(setting), countTo(5))
    assert.deepEqual(setting.outbox.stats().dropped, {})
    await stopped(setting)
  }
})

test('at the end a payload that is never taken does not cost those behind it', async () => {
  const setting = setUp({ answer: takingAllBut(0) })
  await setting.outbox.start()
  for (const number of countTo(4)) await setting.outbox.offer(payload(number))
  await stopped(setting)
  assert.deepEqual(acceptedOf(setting), [1, 2, 3])
  assert.deepEqual(setting.outbox.stats().dropped, { not_sent: { payloads: 1, samples: 10, bytes: 100 } })
})
