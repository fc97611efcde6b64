import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { constants, zstdDecompressSync } from 'node:zlib'
import { packed } from '../../src/consumers/perf-data/packing.ts'
import { PartFile } from '../../src/consumers/perf-data/part-file.ts'
import { attrOf } from '../../src/formats/perf-data/attr.ts'
import { dataOffset, encodeHead } from '../../src/formats/perf-data/header.ts'
import { run, sonde } from '../support/sonde.ts'
import { windowBatches } from '../unit/formats/perf-data/fixture.ts'
import {
  consumerOf,
  contextOf,
  NO_FLOCK,
  NO_PERF,
  perf,
  plainSession,
  temporaryDirectory,
  totalsOf,
  tryLock,
} from './perf-data-tools.ts'

const never = new AbortController().signal
const WRITER = join(import.meta.dirname, 'perf-data-writer.ts')

async function written(directory: string, config: object): Promise<string> {
  const consumer = consumerOf({ ...config }, contextOf(directory))
  await consumer.start()
  for (let sequence = 0; sequence < 40; sequence++) {
    const sessions = [plainSession(1), plainSession(2)]
    for (const batch of windowBatches({ sessions, sequence, samples: 400, processes: 20 }))
      await consumer.consumeProfiles(batch, never)
  }
  await consumer.stop()
  const { files, bytes } = consumer.outcome()
  assert.equal(bytes, statSync(files[0] ?? '').size, 'the bytes that are told are those on disk')
  return files[0] ?? ''
}

/** What perf shows of a file, but for the advice at the end, which is another one each time. */
const shown = (take: string, file: string): string =>
  perf(...take.split(' '), '-i', file).replace(/^# \(Tip: .*$/m, '')

/** What Sonde itself shows of it. */
function reported(file: string): string {
  const { status, stdout } = sonde(['report', file, '--top', '100'])
  assert.equal(status, 0)
  assert.match(stdout, /cpu-clock, [1-9][\d,]* samples/)
  return stdout.replaceAll(file, '')
}

const TAKES = ['script', 'report --stdio', 'buildid-list', 'script --show-mmap-events --show-task-events']

test('perf reads a compressed file as the plain one, word for word and without a warning', {
  skip: NO_PERF,
}, async (t) => {
  const plain = await written(temporaryDirectory(t), {})
  const expected = totalsOf(plain)
  for (const compressionLevel of [1, 3, 19]) {
    const file = await written(temporaryDirectory(t), { compression: 'zstd', compressionLevel })
    assert.ok(statSync(file).size < statSync(plain).size / 4)
    assert.deepEqual(totalsOf(file), expected)
    for (const take of TAKES) assert.equal(shown(take, file), shown(take, plain))
    assert.equal(reported(file), reported(plain))
    assert.match(perf('report', '--header-only', '-i', file), /compressed : Zstd, level = \d+, ratio = \d+/)
  }
})

/** A file of one event that has samples of random addresses, which zstd can do nothing about, beside records of the largest size. */
function incompressible(target: string, sizes: readonly number[]): void {
  const data = Buffer.concat(
    sizes.map((size) => {
      const record = randomBytes(size)
      record.writeUInt32LE(200, 0) // a type that readers step over
      record.writeUInt16LE(0, 4)
      record.writeUInt16LE(size, 6)
      return record
    }),
  )
  const event = plainSession(1)
  const events = [{ name: 'cpu-clock', attr: attrOf(event), ids: [1n] }]
  writeFileSync(
    `${target}.part`,
    Buffer.concat([encodeHead({ events, room: 1, dataBytes: data.length, features: [] }), data]),
  )
}

test('what cannot be compressed, and records of every size, come out as they went in', async (t) => {
  const target = join(temporaryDirectory(t), 'perf.data')
  const sizes = Array.from(
    { length: 70 },
    (_, index) => [8, 16, 4_096, 30_000, 61_440, 61_448, 65_528][index % 7] ?? 8,
  )
  incompressible(target, sizes)
  const plain = readFileSync(`${target}.part`)
  const part = await PartFile.adopt(target, () => true)
  assert.ok(part)
  const { part: result } = await packed(part, { level: 3, tryLock: () => true })
  await result.finish()
  assert.ok(unpacked(readFileSync(target)).equals(plain.subarray(dataOffset(1))))
  assert.deepEqual(readdirSync(join(target, '..')), ['perf.data'])
})

/** The records of a file's data section, as a reader of zstd streams gets them. */
function unpacked(file: Buffer): Buffer {
  const [from, size] = [Number(file.readBigUInt64LE(40)), Number(file.readBigUInt64LE(48))]
  const zstd: Buffer[] = []
  const plain: { readonly behind: number; readonly bytes: Buffer }[] = []
  const lengths: number[] = []
  for (let at = from; at < from + size; ) {
    const length = file.readUInt16LE(at + 6)
    const isPacked = file.readUInt32LE(at) === 81
    if (isPacked) zstd.push(file.subarray(at + 8, at + length))
    else plain.push({ behind: zstd.length, bytes: file.subarray(at, at + length) })
    at += length
  }
  // What each payload adds, as a stream's reader sees it.
  let before = 0
  const pieces: Buffer[] = []
  for (let count = 0; count <= zstd.length; count++) {
    if (count > 0) {
      const all = zstdDecompressSync(Buffer.concat(zstd.slice(0, count)), {
        finishFlush: constants.ZSTD_e_continue,
      })
      assert.ok(all.length > before, 'each record yields something, or perf refuses the file')
      lengths.push(all.length - before)
      pieces.push(all.subarray(before))
      before = all.length
    }
    pieces.push(...plain.filter(({ behind }) => behind === count).map(({ bytes }) => bytes))
  }
  assert.ok(Math.max(...lengths) <= 65_536, 'no more than the feature says')
  return Buffer.concat(pieces)
}

const SMALL_FILES = { rotationInterval: 0, maxFileBytes: '300KiB', maxFiles: 0 }

test('kill -9 at any moment, also while a file is compressed: perf reads all that there is, and the next start tidies up', {
  skip: NO_PERF || NO_FLOCK,
}, async (t) => {
  let seenUnderWay = 0
  for (let round = 0; round < 8; round++) {
    const directory = temporaryDirectory(t)
    const compressionLevel = round % 2 === 0 ? 19 : 1
    const config = { ...SMALL_FILES, compression: 'zstd', compressionLevel }
    const child = spawn(process.execPath, [WRITER, directory, '0', JSON.stringify(config)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => child.kill('SIGKILL'))
    let told = 0
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n')) told += Number(line)
    })
    await once(child.stdout, 'data')
    await sleep(150 + Math.random() * 300)
    child.kill('SIGKILL')
    await once(child, 'close')

    const profiles = join(directory, 'profiles')
    const samplesIn = (name: string): number =>
      Object.values(totalsOf(join(profiles, name))).reduce((sum, { samples }) => sum + samples, 0)
    const all = (names: readonly string[]): number => names.reduce((sum, name) => sum + samplesIn(name), 0)
    const left = readdirSync(profiles)
    if (left.some((name) => name.endsWith('.packed.part'))) seenUnderWay++
    const readable = left.filter((name) => !name.endsWith('.packed.part') && !isBegun(join(profiles, name)))
    const before = all(readable)
    assert.ok(before >= told && before <= told + 300, `${before} samples where ${told} were told`)

    const next = consumerOf({}, contextOf(directory, { tryLock }))
    await next.start()
    await next.stop()
    const names = readdirSync(profiles)
    assert.ok(
      names.every((name) => name.endsWith('.data')),
      names.join(),
    )
    assert.equal(all(names), before)
  }
  t.diagnostic(`${seenUnderWay} of 8 were killed while they compressed`)
})

/** Its first window has not been written yet. */
const isBegun = (file: string): boolean =>
  statSync(file).size < dataOffset(1) || readFileSync(file).readBigUInt64LE(48) === 0n

test('sonde record -z writes what perf reads, and says its size', { skip: NO_PERF }, (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'perf.data')
  const busy = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'
  const { status, stderr } = sonde(['record', '-z', '-F', '999', '-o', file, '--', 'sh', '-c', busy])
  assert.equal(status, 0, stderr)
  const { stdout, stderr: warnings } = run('perf', ['report', '--stdio', '--header', '-i', file])
  assert.equal(warnings, '')
  assert.match(stdout, /compressed : Zstd, level = 1/)
  assert.ok(Object.values(totalsOf(file)).some(({ samples }) => samples > 10))
  assert.equal(sonde(['record', '--compression-level=23', '-o', file, '--', 'true']).status, 2)
})
