import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import type { Payload } from '../../../src/core/delivery.ts'
import type { Spool, SpoolFile } from '../../../src/transport/spool.ts'
import { parseSpoolFile, spoolHead } from '../../../src/transport/spool-content.ts'
import { parseSpoolName, spoolName } from '../../../src/transport/spool-name.ts'
import { payload, spoolIn, temporaryDirectory } from '../../support/deliveries.ts'

const created = new Date('2026-01-02T03:04:05Z')

const write = (spool: Spool, sequence: number, one: Payload = payload(sequence)): Promise<SpoolFile> =>
  spool.write(spool.prepare({ sequence, payload: one, state: 'waiting', created }))

async function opened(t: TestContext): Promise<{ readonly directory: string; readonly spool: Spool }> {
  const directory = join(temporaryDirectory(t), 'spool')
  const spool = spoolIn(directory)
  await spool.open()
  return { directory, spool }
}

const bytesIn = (directory: string): number =>
  readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)

test('a payload comes back as it was, and its file is private', async (t) => {
  const { directory, spool } = await opened(t)
  const umask = process.umask(0o277)
  const file = await write(spool, 7).finally(() => process.umask(umask))
  assert.deepEqual(readdirSync(directory), ['000000000007-17samples-2profiles-100bytes.waiting'])
  assert.equal(statSync(join(directory, spoolName(file))).mode & 0o777, 0o600)
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  assert.deepEqual(await spool.read(file), payload(7))
  const empty = payload(8, { body: new Uint8Array(0), headers: {}, encoding: 'identity' })
  assert.deepEqual(await spool.read(await write(spool, 8, empty)), { ...empty, body: Buffer.alloc(0) })
})

test('what an earlier run left is found in order of arrival, and the account is exact', async (t) => {
  const { directory, spool } = await opened(t)
  for (const sequence of [1_000_000_000_000, 3, 20, 1]) await write(spool, sequence, payload(1))
  await spool.mark((await write(spool, 2))!, 'sending')
  assert.equal(spool.bytes, bytesIn(directory))
  const again = spoolIn(directory)
  const { files, damaged } = await again.open()
  assert.deepEqual(
    files.map(({ sequence, state }) => [sequence, state]),
    [
      [1, 'waiting'],
      [2, 'sending'],
      [3, 'waiting'],
      [20, 'waiting'],
      [1_000_000_000_000, 'waiting'],
    ],
  )
  assert.deepEqual(damaged, [])
  assert.equal(again.bytes, bytesIn(directory))
  for (const file of files) await again.remove(file)
  assert.equal(again.bytes, 0)
  assert.deepEqual(readdirSync(directory), [])
})

test('any flipped bit anywhere in a file is noticed', async (t) => {
  const { directory, spool } = await opened(t)
  const file = await write(spool, 1)
  const path = join(directory, spoolName(file))
  const whole = readFileSync(path)
  for (let at = 0; at < whole.length; at++) {
    const flipped = Buffer.from(whole)
    flipped[at]! ^= 1 << (at % 8)
    writeFileSync(path, flipped)
    assert.equal(await spool.read(file), undefined, `byte ${at} of ${whole.length}`)
  }
  writeFileSync(path, whole)
  assert.deepEqual(await spool.read(file), payload(1))
})

test('a file that was cut off, or grew, is damaged: at the start already where its size shows it', async (t) => {
  const { directory, spool } = await opened(t)
  const file = await write(spool, 1)
  const path = join(directory, spoolName(file))
  const whole = readFileSync(path)
  for (const length of [0, 1, 23, 24, 123, 124, whole.length - 1, whole.length + 1, whole.length + 70_000]) {
    writeFileSync(path, whole)
    truncateSync(path, length)
    assert.equal(await spool.read(file), undefined, `${length} bytes`)
    const again = spoolIn(directory)
    const { files, damaged } = await again.open()
    const [left] = files
    if (left === undefined) {
      assert.deepEqual(
        damaged.map(({ samples, fileBytes }) => [samples, fileBytes]),
        [[11, length]],
      )
      assert.equal(existsSync(path), false)
      assert.equal(again.bytes, 0)
    } else {
      assert.equal(await again.read(left), undefined, `${length} bytes`)
      assert.equal(again.bytes, length)
    }
  }
})

test('a whole file under the name of another is damaged: its samples are not those of the name', async (t) => {
  const { directory, spool } = await opened(t)
  const file = await write(spool, 1)
  const other = { ...file, samples: 12 }
  renameSync(join(directory, spoolName(file)), join(directory, spoolName(other)))
  assert.equal(await spool.read(other), undefined)
  assert.equal(await spool.read(file), undefined, 'it is gone')
})

test('what a crash left half-written goes; what is not ours, links and directories stay and are not followed', async (t) => {
  const { directory, spool } = await opened(t)
  const file = await write(spool, 1)
  const name = spoolName(file)
  const like = (sequence: number): string => spoolName({ ...file, sequence })
  const outside = join(directory, '..', 'outside')
  writeFileSync(outside, readFileSync(join(directory, name)))
  symlinkSync(outside, join(directory, like(2)))
  symlinkSync(outside, join(directory, `${like(3)}.part`))
  mkdirSync(join(directory, like(4)))
  mkdirSync(join(directory, 'refused'))
  writeFileSync(join(directory, 'notes.txt'), 'mine')
  writeFileSync(join(directory, 'notes.part'), 'mine')
  writeFileSync(join(directory, `${like(5)}.part`), 'half')
  const { files, damaged } = await spoolIn(directory).open()
  assert.deepEqual([files.map(({ sequence }) => sequence), damaged], [[1], []])
  assert.deepEqual(
    readdirSync(directory).sort(),
    [name, like(2), `${like(3)}.part`, like(4), 'notes.part', 'notes.txt', 'refused'].sort(),
  )
  rmSync(join(directory, name))
  symlinkSync(outside, join(directory, name))
  assert.equal(await spool.read(file), undefined, 'a link took the place of the file')
})

test('a directory that cannot be made is named, with what to do', async (t) => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'file'), '')
  await assert.rejects(spoolIn(join(directory, 'file', 'spool')).open(), {
    code: 'TRANSPORT.NO_SPOOL',
    message: /^Cannot keep payloads in .*\/file\/spool: ENOTDIR.*\n.*turn the spool off\.$/,
  })
})

test('what could not be written leaves nothing, in the directory or in the account', async (t) => {
  const { directory, spool } = await opened(t)
  const headers = { x: 'x'.repeat(100_000) }
  assert.throws(() =>
    spool.prepare({ sequence: 1, payload: payload(1, { headers }), state: 'waiting', created }),
  )
  mkdirSync(join(directory, '000000000001-11samples-2profiles-100bytes.waiting'))
  await assert.rejects(write(spool, 1), { code: 'EISDIR' })
  assert.equal(readdirSync(directory).length, 1)
  assert.equal(spool.bytes, 0)
})

test('a header that is whole but says impossible things is damaged, too', () => {
  const impossible = [
    { encoding: 'br' as never },
    { headers: { length: 1 as never } },
    { headers: [] as never },
    { format: undefined as never },
    { samples: -1 },
    { samples: 1.5 },
    { profiles: Number.NaN },
  ]
  for (const changes of impossible) {
    const one = payload(1, changes)
    assert.equal(parseSpoolFile(Buffer.concat([spoolHead(one, created), one.body])), undefined)
  }
  const one = payload(1)
  assert.deepEqual(parseSpoolFile(Buffer.concat([spoolHead(one, created), one.body])), one)
})

test('names are exact', () => {
  const name = { sequence: 42, samples: 0, profiles: 1, bodyBytes: 9, state: 'sending' } as const
  assert.equal(spoolName(name), '000000000042-0samples-1profiles-9bytes.sending')
  assert.deepEqual(parseSpoolName(spoolName(name)), name)
  for (const other of [
    '',
    'a',
    '42-0samples-1profiles-9bytes.sending',
    `${spoolName(name)}x`,
    `../${spoolName(name)}`,
  ])
    assert.equal(parseSpoolName(other), undefined, other)
})
