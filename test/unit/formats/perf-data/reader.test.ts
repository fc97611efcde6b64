import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { AgentError } from '../../../../src/core/errors.ts'
import { encodeFeatures, layOutFeatures } from '../../../../src/formats/perf-data/features.ts'
import type { FileRecord } from '../../../../src/formats/perf-data/file-records.ts'
import { dataOffset, encodeHead, fileEventOf } from '../../../../src/formats/perf-data/header.ts'
import { type ByteSource, openPerfData } from '../../../../src/formats/perf-data/reader.ts'
import { piecesOf, RecordReader } from '../../../../src/formats/perf-data/record-reader.ts'
import { finishedRound, kernelRecords } from '../../../../src/formats/perf-data/records.ts'
import { encodeWindow, HOST, session, windowBatches } from './fixture.ts'

const inMemory = (bytes: Uint8Array): ByteSource => ({
  name: 'x.data',
  size: bytes.length,
  read: (offset, length) => bytes.subarray(offset, offset + length),
})

const data = async (samples: number): Promise<Buffer> =>
  Buffer.concat([
    kernelRecords(HOST),
    await encodeWindow(windowBatches({ sessions: [session(0)], sequence: 0, samples, lost: 3 }), {
      processes: 'snapshot',
      snapshotTime: 0n,
    }),
    finishedRound(),
  ])

function fileOf(records: Uint8Array): Buffer {
  const blobs = encodeFeatures({ hostname: 'node-7', arch: 'x86_64' })
  const features = blobs.map(({ bit }) => bit)
  const head = encodeHead({ events: [fileEventOf(session(0))], room: 1, dataBytes: records.length, features })
  return Buffer.concat([head, records, layOutFeatures(blobs, dataOffset(1) + records.length)])
}

interface Read {
  readonly records: readonly FileRecord[]
  readonly problems: readonly string[]
}

function read(bytes: Uint8Array, unpack?: (bytes: Uint8Array) => Uint8Array): Read {
  const file = openPerfData(inMemory(bytes))
  const problems = [...file.damage, ...file.problems]
  const reader = new RecordReader(file, { problem: (text) => problems.push(text) })
  const records: FileRecord[] = []
  for (const piece of piecesOf(file)) {
    for (const record of reader.records(piece)) {
      if (record.kind !== 'packed') records.push(record)
      else if (unpack !== undefined) records.push(...reader.unpacked(unpack(record.bytes), record))
    }
    if (reader.isBroken) break
  }
  reader.end()
  return { records, problems }
}

const kindsOf = ({ records }: Read): string[] => records.map(({ kind }) => kind)

test('every record comes back with its values', async () => {
  const { records, problems } = read(fileOf(await data(2)))
  assert.deepEqual(problems, [])
  assert.deepEqual(kindsOf({ records, problems }), [
    'mmap',
    'mmap',
    'comm',
    'mmap',
    'mmap',
    'mmap',
    'sample',
    'sample',
    'lost',
    'round',
  ])
  const [kernel, , comm, app, plain, , sample] = records
  assert.partialDeepStrictEqual(kernel, {
    kernel: true,
    path: '[kernel.kallsyms]_text',
    start: HOST.kernel!.text,
  })
  assert.partialDeepStrictEqual(comm, { pid: 1000, tid: 1000, comm: 'app', exec: false, time: 0n, id: 0n })
  assert.partialDeepStrictEqual(app, {
    buildId: 'aabbccddeeff00112233445566778899aabbccdd',
    inode: 0n,
    path: '/srv/app',
    protection: 5,
    flags: 2,
  })
  assert.partialDeepStrictEqual(plain, {
    buildId: '',
    device: (254n << 32n) | 3n,
    inode: 77n,
    fileOffset: 0n,
    length: 0x100000n,
  })
  assert.partialDeepStrictEqual(sample, { event: 0, id: 1n, time: 100_000_000_000n, cpumode: 2 })
  assert.partialDeepStrictEqual(records[8], { kind: 'lost', count: 3, id: 1n, cpu: 1 })
})

test('records that cross the borders of pieces are whole', async () => {
  const many = Buffer.concat(await Promise.all(Array.from({ length: 12 }, () => data(1500))))
  const { records, problems } = read(fileOf(many))
  assert.deepEqual(problems, [])
  assert.ok(many.length > 2 ** 20)
  assert.equal(records.filter(({ kind }) => kind === 'sample').length, 12 * 1500)
})

test('a file that is cut off is read as far as it goes, and that is said', async () => {
  const whole = fileOf(await data(50))
  const cut = whole.subarray(0, dataOffset(1) + 3000)
  const { records, problems } = read(cut)
  assert.ok(records.filter(({ kind }) => kind === 'sample').length > 10)
  assert.ok(
    problems.some((text) => text.startsWith('the file is cut off')),
    problems.join('\n'),
  )
  assert.ok(
    problems.some((text) => text.startsWith('the last record is cut off')),
    problems.join('\n'),
  )
})

test('a damaged record length ends the reading with a message', async () => {
  const bytes = fileOf(await data(50))
  bytes.writeUInt16LE(3, dataOffset(1) + kernelRecords(HOST).length + 6)
  const { records, problems } = read(bytes)
  assert.deepEqual(
    records.map(({ kind }) => kind),
    ['mmap', 'mmap'],
  )
  const at = dataOffset(1) + kernelRecords(HOST).length
  assert.deepEqual(problems, [
    `the record at byte ${at} is damaged: its type is 3 (COMM) and its size 3. What stands behind it could not be read`,
  ])
})

test('a record that is too short for its type is left out and counted, the next ones are read', async () => {
  const short = Buffer.from('0300000000002800'.padEnd(80, '0'), 'hex') // COMM with nothing but a sample_id
  const { records, problems } = read(
    fileOf(Buffer.concat([short, short, short, short, short, await data(1)])),
  )
  assert.equal(records.filter(({ kind }) => kind === 'sample').length, 1)
  assert.equal(problems.length, 4)
  assert.match(problems[3] ?? '', /5 records are malformed/)
})

test('what cannot be read at all is refused with the reason', async () => {
  const records = await data(1)
  const refused = (change: (bytes: Buffer) => Buffer | undefined, expected: RegExp) => {
    const bytes = fileOf(records)
    assert.throws(
      () => read(change(bytes) ?? bytes),
      (error) => error instanceof AgentError && expected.test(error.message),
    )
  }
  refused(() => Buffer.alloc(0), /x\.data: it is not a perf\.data file \(0 bytes\)/)
  refused(() => Buffer.from('PK\x03\x04 and so on, long enough'), /not a perf\.data file \(27 bytes\)\.$/)
  refused((bytes) => void bytes.write('PERFFILE'), /version 1/)
  refused(
    (bytes) => void bytes.writeBigUInt64LE(16n, 8),
    /it describes no event: the record at byte \d+ is damaged/,
  )
  refused((bytes) => bytes.subarray(0, 60), /ends within its header/)
  refused((bytes) => void bytes.writeBigUInt64LE(0n, 48), /its data section is empty/)
  refused((bytes) => void bytes.writeBigUInt64LE(1n << 40n, 40), /its data would begin/)
  refused((bytes) => void bytes.writeBigUInt64LE(0n, 16), /list of events is damaged/)
  refused((bytes) => void bytes.writeBigUInt64LE(1n << 40n, 32), /list of events is damaged/)
})

const EVENTS_AT = 16
const FEATURES_AT = 72

test('feature sections that all lie over the same bytes are not read once each', async () => {
  const bytes = fileOf(await data(1))
  const table = bytes.indexOf('node-7') - 4 - 2 * 16
  bytes.fill(0xff, FEATURES_AT, FEATURES_AT + 32)
  const overlapping = Buffer.concat([bytes.subarray(0, table), Buffer.alloc(256 * 16), Buffer.alloc(4096)])
  for (let entry = 0; entry < 256; entry++)
    overlapping.writeBigUInt64LE(BigInt(overlapping.length), table + entry * 16 + 8)
  let asked = 0
  const source = inMemory(overlapping)
  const counting: ByteSource = {
    ...source,
    read(offset, length) {
      asked += length
      return source.read(offset, length)
    },
  }
  assert.match(openPerfData(counting).damage.join('\n'), /lies outside the file/)
  assert.ok(asked < 3 * overlapping.length, `${asked} bytes of ${overlapping.length}`)
})

test('a list of more events than anybody records is refused', async () => {
  const bytes = fileOf(await data(1))
  const entry = Number(bytes.readBigUInt64LE(EVENTS_AT))
  const many = Buffer.concat([bytes, Buffer.alloc(5000 * entry)])
  many.writeBigUInt64LE(BigInt(bytes.length), EVENTS_AT + 8)
  many.writeBigUInt64LE(BigInt(5000 * entry), EVENTS_AT + 16)
  assert.throws(() => read(many), /list of events is damaged/)
})

function compressedRecord(body: Uint8Array): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(81)
  header.writeUInt16LE(8 + body.length, 6)
  return Buffer.concat([header, body])
}

test('what was unpacked and is no chain of records ends the file at the compressed record', () => {
  const bomb = compressedRecord(zstdCompressSync(Buffer.alloc(2 ** 20)))
  const { problems } = read(fileOf(Buffer.concat(Array.from({ length: 100 }, () => bomb))), (part) =>
    zstdDecompressSync(part),
  )
  assert.equal(problems.length, 1)
  assert.match(problems[0] ?? '', new RegExp(`^the compressed record at byte ${dataOffset(1)} is damaged`))
})

test('compressed records are unpacked, also where a record lies in two of them', async () => {
  const plain = await data(20)
  const half = Math.floor(plain.length / 2 / 8) * 8 + 8
  const compressed = [plain.subarray(0, half + 4), plain.subarray(half + 4)].map((part) =>
    compressedRecord(zstdCompressSync(part)),
  )
  const bytes = fileOf(Buffer.concat(compressed))
  assert.deepEqual(kindsOf(read(bytes, (part) => zstdDecompressSync(part))), kindsOf(read(fileOf(plain))))
})

test('no damage makes the reader hang, or throw anything but a message', async () => {
  const original = fileOf(await data(20))
  let seed = 42
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return seed % below
  }
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(original)
    for (let changes = random(6) + 1; changes > 0; changes--) {
      const near = random(2) === 0 ? 260 : bytes.length
      bytes[random(near)] = random(256)
    }
    try {
      const { records } = read(bytes.subarray(0, bytes.length - random(40) * random(40)))
      assert.ok(records.length < bytes.length)
    } catch (error) {
      assert.ok(error instanceof AgentError, String(error))
    }
  }
})
