import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StopDeadline } from '../../../src/base/stop-deadline.ts'
import { FakeClock } from '../../support/fake-addon.ts'

const times = { total: 8_000, margin: 500 }

test('before the stop begins nothing is limited', () => {
  const deadline = new StopDeadline(times, new FakeClock())
  assert.equal(deadline.by, undefined)
  assert.equal(deadline.left(5_000, 0.4), 5_000)
  assert.equal(deadline.leftOfAll(60_000), 60_000)
  assert.ok(!deadline.began.aborted)
})

test('from its beginning on each wait has its part of the time, and none of another one’s', async () => {
  const clock = new FakeClock()
  await clock.pass(1_000)
  const deadline = new StopDeadline(times, clock)
  deadline.begin()
  assert.ok(deadline.began.aborted)
  assert.equal(deadline.by, 1_000 + 7_500)
  assert.equal(deadline.left(5_000, 0.4), 3_000)
  assert.equal(deadline.left(2_000, 0.4), 2_000, 'what is usually shorter stays so')
  assert.equal(deadline.left(30_000), 7_500)
  assert.equal(deadline.leftToStop(30_000), 7_750, 'what ends at the deadline is still waited for')
  await clock.pass(4_000)
  assert.equal(deadline.left(5_000, 0.4), 0)
  assert.equal(deadline.left(30_000), 3_500)
  await clock.pass(3_700)
  assert.equal(deadline.left(30_000), 0)
  assert.equal(deadline.leftOfAll(30_000), 300, 'the margin is for what comes last')
})

test('a second beginning changes nothing', async () => {
  const clock = new FakeClock()
  const deadline = new StopDeadline(times, clock)
  deadline.begin()
  await clock.pass(3_000)
  deadline.begin()
  assert.equal(deadline.by, 7_500)
})
