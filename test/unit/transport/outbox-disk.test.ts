// An outbox over a disk that is full or broken.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { type PreparedFile, SPOOL_DEFAULTS, Spool, type SpoolFile } from '../../../src/transport/spool.ts'
import {
  ACCEPTED,
  ANSWER_LOST,
  DOWN,
  numberOf,
  payload,
  setUp,
  spoolIn,
  stopped,
  temporaryDirectory,
} from '../../support/deliveries.ts'

const KIB = 1_024

/** Somewhere that fills up; undefined where this process may not mount. */
function smallDisk(t: TestContext, bytes: number): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-small-disk-'))
  t.after(() => {
    spawnSync('umount', ['--lazy', directory])
    rmSync(directory, { recursive: true })
  })
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory])
  return status === 0 ? directory : undefined
}

const sizeOf = (directory: string): number =>
  readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)

test('the spool never has more bytes than it may, and the oldest go first, counted', async (t) => {
  const directory = temporaryDirectory(t)
  const spool = spoolIn(directory, { maxBytes: 20 * KIB })
  const setting = setUp({ spool, answer: () => DOWN })
  const { outbox, transport, clock, lines } = setting
  await outbox.start()
  for (let number = 0; number < 40; number++) {
    await outbox.offer(payload(number, { bytes: 1_000 + 37 * number }))
    await clock.advance(1_000)
    assert.ok(sizeOf(directory) <= 20 * KIB)
    assert.equal(spool.bytes, sizeOf(directory))
  }
  const { queued, dropped } = outbox.stats()
  assert.equal(queued.payloads + (dropped.spool_full?.payloads ?? 0), 40)
  assert.equal(lines.filter((line) => line.includes('found no room in the spool')).length, 1)
  transport.answer = () => ACCEPTED
  await clock.passUntil(() => outbox.stats().queued.payloads === 0)
  const numbers = transport.accepted.map(numberOf)
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => 40 - numbers.length + index),
  )
  assert.ok(numbers.length > 5)
  await stopped(setting)
})

test('a payload larger than the whole spool waits in memory, and drives nothing out', async (t) => {
  const directory = temporaryDirectory(t)
  const setting = setUp({ spool: spoolIn(directory, { maxBytes: 5_000 }), answer: () => DOWN })
  const { outbox, transport, clock } = setting
  await outbox.start()
  await outbox.offer(payload(1, { bytes: 1_000 }))
  await outbox.offer(payload(2, { bytes: 6_000 }))
  await outbox.offer(payload(3, { bytes: 1_000 }))
  assert.deepEqual([outbox.stats().queued.payloads, outbox.stats().spooled.payloads], [3, 2])
  transport.answer = () => ACCEPTED
  await clock.passUntil(() => outbox.stats().queued.payloads === 0)
  assert.deepEqual(transport.accepted.map(numberOf), [1, 2, 3])
  await stopped(setting)
})

test('on a full disk payloads wait in memory, are brought to disk when it has room, and keep their order', async (t) => {
  const disk = smallDisk(t, 256 * KIB)
  if (disk === undefined) return t.skip('mounting a small tmpfs needs CAP_SYS_ADMIN')
  const directory = join(disk, 'spool')
  const setting = setUp({ spool: spoolIn(directory), answer: () => DOWN })
  const { outbox, transport, clock, lines } = setting
  await outbox.start()
  await outbox.offer(payload(1, { bytes: 40_000 }))
  const hog = join(disk, 'hog')
  spawnSync('dd', ['if=/dev/zero', `of=${hog}`, 'bs=4k'])
  for (const number of [2, 3, 4]) await outbox.offer(payload(number, { bytes: 40_000 }))
  assert.deepEqual([outbox.stats().queued.payloads, outbox.stats().spooled.payloads], [4, 1])
  assert.equal(readdirSync(directory).length, 1, 'nothing half-written stays')
  const said = lines.filter((line) => line.includes('Cannot write to the spool'))
  assert.equal(said.length, 1)
  assert.match(said[0]!, /ENOSPC.*stay in memory.*Free space/)
  rmSync(hog)
  await outbox.offer(payload(5, { bytes: 40_000 }))
  assert.equal(outbox.stats().spooled.payloads, 5)
  assert.ok(lines.includes('info: The spool can be written to again.'))
  transport.answer = () => ACCEPTED
  await clock.passUntil(() => outbox.stats().queued.payloads === 0)
  assert.deepEqual(transport.accepted.map(numberOf), [1, 2, 3, 4, 5])
  await stopped(setting)
})

/** Its first write fails; of the third one it waits until the test lets it go on. */
class SlowSpool extends Spool {
  readonly gate = Promise.withResolvers<void>()
  writes = 0

  override async write(file: PreparedFile): Promise<SpoolFile> {
    this.writes++
    if (this.writes === 1) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
    if (this.writes === 3) await this.gate.promise
    return super.write(file)
  }
}

test('what is being brought to disk is not sent meanwhile: its file would be left behind', async (t) => {
  const directory = temporaryDirectory(t)
  const spool = new SlowSpool({ directory, ...SPOOL_DEFAULTS })
  const setting = setUp({ spool, answer: () => DOWN })
  const { outbox, transport, clock } = setting
  await outbox.start()
  await outbox.offer(payload(1))
  await clock.advance(1)
  const offered = outbox.offer(payload(2))
  await clock.advance(1)
  assert.equal(spool.writes, 3)
  transport.answer = () => ACCEPTED
  await clock.advance(60_000)
  assert.equal(transport.accepted.length, 0)
  spool.gate.resolve()
  await offered
  await clock.passUntil(() => outbox.stats().queued.payloads === 0)
  await stopped(setting)
  assert.deepEqual(transport.accepted.map(numberOf), [1, 2])
  assert.deepEqual(readdirSync(directory), [])
})

test('with a full disk and full memory the oldest in memory go, counted by that name', async (t) => {
  const disk = smallDisk(t, 64 * KIB)
  if (disk === undefined) return t.skip('mounting a small tmpfs needs CAP_SYS_ADMIN')
  const memory = { maxBytes: 200_000, maxPayloads: 100 }
  const setting = setUp({ spool: spoolIn(join(disk, 'spool')), memory, answer: () => DOWN })
  const { outbox, transport } = setting
  await outbox.start()
  for (let number = 0; number < 4; number++) await outbox.offer(payload(number, { bytes: 80_000 }))
  assert.deepEqual(outbox.stats().dropped, {
    spool_failed: { payloads: 2, samples: 10 + 11, bytes: 160_000 },
  })
  await stopped(setting)
  assert.equal(transport.accepted.length, 0)
  assert.equal(
    outbox.stats().dropped.spool_failed?.payloads,
    4,
    'they could not be written at the end, either',
  )
  assert.equal(outbox.stats().queued.payloads, 0)
})

test('a directory that disappears is survived, and what is in memory is written at the end', async (t) => {
  const directory = join(temporaryDirectory(t), 'spool')
  const setting = setUp({ spool: spoolIn(directory), answer: () => ANSWER_LOST })
  const { outbox, clock } = setting
  await outbox.start()
  renameSync(directory, `${directory}-away`)
  for (const number of [1, 2]) await outbox.offer(payload(number))
  await clock.advance(1)
  assert.deepEqual([outbox.stats().queued.payloads, outbox.stats().spooled.payloads], [2, 0])
  renameSync(`${directory}-away`, directory)
  await stopped(setting)
  assert.deepEqual(readdirSync(directory).sort(), [
    '000000000001-11samples-2profiles-100bytes.sending',
    '000000000002-12samples-2profiles-100bytes.waiting',
  ])
  assert.equal(outbox.stats().spooled.payloads, 2)
})

test('a file that cannot be removed does not hold up the others; it is said that it may be sent again', async (t) => {
  const directory = join(temporaryDirectory(t), 'spool')
  const setting = setUp({ spool: spoolIn(directory) })
  const { outbox, transport, clock, lines } = setting
  transport.answer = () => {
    // Something that is not a directory stands where the directory was.
    renameSync(directory, `${directory}-away`)
    writeFileSync(directory, '')
    transport.answer = () => ACCEPTED
    return ACCEPTED
  }
  await outbox.start()
  await outbox.offer(payload(1))
  await clock.passUntil(() => transport.accepted.length === 1 && outbox.stats().queued.payloads === 0)
  await outbox.offer(payload(2))
  await stopped(setting)
  assert.deepEqual(transport.accepted.map(numberOf), [1, 2])
  assert.match(
    lines.join('\n'),
    /error: Cannot rename or remove a file of the spool: ENOTDIR.*sent again after a restart/,
  )
})
