// What an outbox finds when it starts: real processes that were killed, and files that were damaged.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  ACCEPTED,
  ANSWER_LOST,
  DOWN,
  numberOf,
  payload,
  type Setting,
  setUp,
  spoolIn,
  stopped,
  temporaryDirectory,
} from '../../support/deliveries.ts'

const CHILD = fileURLToPath(new URL('../../support/outbox-child.ts', import.meta.url))

/** Lets a process offer payloads until it has said enough, and kills it. Returns what it said. */
async function killed(
  t: TestContext,
  [directory, endpoint]: readonly [string, 'down' | 'hang' | 'accept'],
  isEnough: (lines: readonly string[]) => boolean,
): Promise<readonly string[]> {
  const child = spawn(process.execPath, [CHILD, directory, endpoint], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    if (isEnough(lines)) child.kill('SIGKILL')
  }
  assert.deepEqual((await ended)[1], 'SIGKILL')
  return lines
}

const offeredIn = (lines: readonly string[]): number =>
  lines.filter((line) => line.startsWith('offered ')).length

/** Everything that is in the spool, sent by a new outbox. */
async function replayed(directory: string, changes: Parameters<typeof setUp>[0] = {}): Promise<Setting> {
  const setting = setUp({ spool: spoolIn(directory), ...changes })
  await setting.outbox.start()
  await setting.clock.passUntil(() => setting.outbox.stats().queued.payloads === 0)
  await stopped(setting)
  return setting
}

async function left(directory: string, numbers: readonly number[]): Promise<void> {
  const setting = setUp({ spool: spoolIn(directory), answer: () => DOWN })
  await setting.outbox.start()
  for (const number of numbers) await setting.outbox.offer(payload(number))
  await stopped(setting)
}

test('kill -9 during an outage loses nothing that was taken over', async (t) => {
  const directory = temporaryDirectory(t)
  const lines = await killed(t, [directory, 'down'], (said) => offeredIn(said) >= 25)
  const { outbox, transport } = await replayed(directory)
  const offered = offeredIn(lines)
  const numbers = transport.accepted.map(numberOf)
  // One more may have been written, but not said.
  assert.ok(numbers.length === offered || numbers.length === offered + 1, `${numbers.length} of ${offered}`)
  assert.deepEqual(
    transport.accepted,
    numbers.map((_, index) => payload(index + 1, { bytes: 20_000 })),
  )
  const { replayed: sent, delivered, dropped, droppedReplays, possiblyDuplicated } = outbox.stats()
  assert.equal(sent.payloads, numbers.length)
  assert.deepEqual([delivered.payloads, dropped, droppedReplays], [0, {}, {}])
  assert.ok(possiblyDuplicated.payloads <= 1, 'the kill may have come in the middle of an attempt')
  assert.deepEqual(readdirSync(directory), [])
})

test('a payload that was being sent at the kill is sent again, and counted as possibly duplicated', async (t) => {
  const directory = temporaryDirectory(t)
  await killed(t, [directory, 'hang'], (said) => said.includes('sending 1') && offeredIn(said) >= 3)
  const { outbox, transport } = await replayed(directory)
  assert.deepEqual(transport.accepted.slice(0, 3).map(numberOf), [1, 2, 3])
  assert.deepEqual(outbox.stats().possiblyDuplicated, { payloads: 1, samples: 11, bytes: 20_000 })
})

test('kill -9 while payloads are accepted: each is sent by the one or the other, and twice only if it is counted', async (t) => {
  const directory = temporaryDirectory(t)
  const lines = await killed(t, [directory, 'accept'], (said) => offeredIn(said) >= 40)
  const before = lines.filter((line) => line.startsWith('sending ')).map((line) => Number(line.slice(8)))
  const { outbox, transport } = await replayed(directory)
  const after = transport.accepted.map(numberOf)
  const all = new Set([...before, ...after])
  for (let number = 1; number <= offeredIn(lines); number++) assert.ok(all.has(number), `${number} was lost`)
  const twice = before.length + after.length - all.size
  assert.ok(twice <= outbox.stats().possiblyDuplicated.payloads)
  assert.ok(twice <= 1)
})

test('what was left is sent first, ten a second, and its samples are not those of this run', async (t) => {
  const directory = temporaryDirectory(t)
  await left(directory, [1, 2, 3])
  const times: number[] = []
  const setting = setUp({ spool: spoolIn(directory) })
  const { outbox, transport, clock, lines } = setting
  transport.answer = () => {
    times.push(clock.now())
    return ACCEPTED
  }
  await outbox.start()
  for (const number of [4, 5]) await outbox.offer(payload(number))
  await clock.passUntil(() => outbox.stats().queued.payloads === 0)
  assert.deepEqual(transport.accepted.map(numberOf), [1, 2, 3, 4, 5])
  assert.deepEqual(
    times.map((time) => time - times[0]!),
    [0, 100, 200, 200, 200],
  )
  await stopped(setting)
  const { written, lost, spooled, bytes } = outbox.outcome()
  assert.deepEqual({ written, lost, spooled, bytes }, { written: 14 + 15, lost: {}, spooled: 0, bytes: 500 })
  assert.match(lines[0]!, /^info: An earlier run left 3 payloads \(36 samples\) for /)
})

test('numbers go on after the highest, so that order outlives a restart', async (t) => {
  const directory = temporaryDirectory(t)
  await left(directory, [1, 2])
  await left(directory, [3])
  const { transport } = await replayed(directory)
  assert.deepEqual(transport.accepted.map(numberOf), [1, 2, 3])
})

test('an unknown outcome is remembered over a restart; a known failure is not taken for one', async (t) => {
  for (const [answer, expected] of [
    [ANSWER_LOST, 1],
    [DOWN, 0],
  ] as const) {
    const directory = temporaryDirectory(t)
    const setting = setUp({ spool: spoolIn(directory), answer: () => answer })
    await setting.outbox.start()
    await setting.outbox.offer(payload(1))
    await stopped(setting)
    const { outbox } = await replayed(directory)
    assert.deepEqual(
      [outbox.stats().replayed.payloads, outbox.stats().possiblyDuplicated.payloads],
      [1, expected],
    )
  }
})

test('damaged files are skipped, counted with the samples that their names state, and removed', async (t) => {
  const directory = temporaryDirectory(t)
  await left(directory, [1, 2, 3, 4, 5])
  const path = (index: number): string => join(directory, readdirSync(directory).sort()[index]!)
  writeFileSync(path(0), '')
  const flipped = readFileSync(path(2))
  flipped[flipped.length - 1]! ^= 1
  writeFileSync(path(2), flipped)
  writeFileSync(path(3), Buffer.alloc(readFileSync(path(3)).length, 'x'))
  const { outbox, transport, lines } = await replayed(directory)
  assert.deepEqual(transport.accepted.map(numberOf), [2, 5])
  assert.deepEqual(outbox.stats().droppedReplays, {
    spool_damaged: { payloads: 3, samples: 11 + 13 + 14, bytes: 300 },
  })
  assert.deepEqual(outbox.stats().dropped, {})
  assert.deepEqual(readdirSync(directory), [])
  assert.equal(lines.filter((line) => line.includes('damaged file of the spool')).length, 1)
})

test('a file that somebody removes or renames meanwhile is counted, and others are sent', async (t) => {
  const directory = temporaryDirectory(t)
  await left(directory, [1, 2, 3])
  const setting = setUp({ spool: spoolIn(directory) })
  await setting.outbox.start()
  const [, second = '', third = ''] = readdirSync(directory).sort()
  unlinkSync(join(directory, second))
  renameSync(join(directory, third), join(directory, 'third'))
  await setting.clock.passUntil(() => setting.outbox.stats().queued.payloads === 0)
  assert.deepEqual(setting.transport.accepted.map(numberOf), [1])
  assert.equal(setting.outbox.stats().droppedReplays.spool_damaged?.payloads, 2)
  await stopped(setting)
})

test('what was spooled in a format that is not sent any more is dropped by that name', async (t) => {
  const directory = temporaryDirectory(t)
  await left(directory, [1, 2])
  const { outbox, transport } = await replayed(directory, { format: 'test-2' })
  assert.equal(transport.attempts.length, 0)
  assert.deepEqual(outbox.stats().droppedReplays, { other_format: { payloads: 2, samples: 23, bytes: 200 } })
  assert.deepEqual(readdirSync(directory), [])
})

test('a spool whose bound became smaller loses its oldest at the start', async (t) => {
  const directory = temporaryDirectory(t)
  await left(directory, [1, 2, 3, 4])
  const { outbox, transport } = await replayed(directory, { spool: spoolIn(directory, { maxPayloads: 2 }) })
  assert.deepEqual(transport.accepted.map(numberOf), [3, 4])
  assert.deepEqual(outbox.stats().droppedReplays, { spool_full: { payloads: 2, samples: 23, bytes: 200 } })
})

test('an outbox that cannot keep payloads does not start', async (t) => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'file'), '')
  const setting = setUp({ spool: spoolIn(join(directory, 'file', 'spool')) })
  await assert.rejects(setting.outbox.start(), { code: 'TRANSPORT.NO_SPOOL' })
  await stopped(setting)
  assert.equal(setting.transport.closed, 1)
})
