import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attrOf, decodeAttr, encodeAttr } from '../../../../src/formats/perf-data/attr.ts'
import { paddedText } from '../../../../src/formats/perf-data/bytes.ts'
import { decodeFeatures, encodeFeatures, layOutFeatures } from '../../../../src/formats/perf-data/features.ts'
import { dataOffset, encodeHead, fileEventOf } from '../../../../src/formats/perf-data/header.ts'
import { featuresOf } from '../../../../src/formats/perf-data/host-features.ts'
import { ATTR_FLAG } from '../../../../src/formats/perf-data/layout.ts'
import { finishedRound, kernelRecords } from '../../../../src/formats/perf-data/records.ts'
import { encodeWindow, FAULTS, HOST, session, windowBatches } from './fixture.ts'

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
/** Hexadecimal with blanks for the eye. */
const golden = (...lines: readonly string[]): string => lines.join('').replace(/\s/g, '')

test('the head of a file: header, ids, attrs, where the reference has them', () => {
  const head = Buffer.from(
    encodeHead({ events: [fileEventOf(session(6))], room: 2, dataBytes: 0x1234, features: [3, 29, 64] }),
  )
  assert.equal(head.length, 104 + 2 * 8 + 2 * 128)
  assert.equal(head.length, dataOffset(2))
  assert.equal(head.toString('latin1', 0, 8), 'PERFILE2')
  const words = Array.from({ length: 12 }, (_, index) => Number(head.readBigUInt64LE(8 + index * 8)))
  assert.deepEqual(words.slice(0, 8), [104, 128, 120, 128, 376, 0x1234, 0, 0])
  assert.deepEqual(words.slice(8), [2 ** 3 + 2 ** 29, 1, 0, 0])
  assert.equal(head.readBigUInt64LE(104), 7n, 'the id of session 6')
  assert.equal(head.readUInt32LE(120 + 4), 112, 'size of the attr')
  assert.equal(head.readBigUInt64LE(120 + 112), 104n, 'where its id is')
  assert.equal(head.readBigUInt64LE(120 + 120), 8n)
})

test('attrs say what was opened', () => {
  const clock = attrOf(session(1))
  assert.equal(clock.sampleFreqOrPeriod, 99n)
  assert.equal(clock.sampleType, 0x101a7n)
  const set = (flags: bigint) =>
    Object.entries(ATTR_FLAG).flatMap(([name, bit]) => ((flags & bit) === 0n ? [] : [name]))
  const always = [
    'disabled',
    'exclude_idle',
    'mmap',
    'comm',
    'task',
    'sample_id_all',
    'mmap2',
    'comm_exec',
    'use_clockid',
    'ksymbol',
    'build_id',
  ]
  assert.deepEqual(set(clock.flags).sort(), [...always, 'freq'].sort())
  assert.deepEqual(set(attrOf(FAULTS(1)).flags).sort(), [...always, 'exclude_kernel', 'exclude_hv'].sort())
  assert.ok(set(attrOf(session(1, { inherit: true })).flags).includes('inherit'))
})

test('attrs of other versions are read: older ones extended with zeros, newer ones cut', () => {
  const bytes = encodeAttr(attrOf(session(1)))
  assert.deepEqual(decodeAttr(bytes), attrOf(session(1)))
  const older = decodeAttr(bytes.subarray(0, 72))
  assert.deepEqual(older, { ...attrOf(session(1)), sampleStackUser: 0, clockid: 0, sampleMaxStack: 0 })
  assert.deepEqual(decodeAttr(Uint8Array.from([...bytes, 1, 2, 3, 4])), attrOf(session(1)))
})

test('a COMM, three MMAP2 and a sample, byte for byte', async () => {
  const [batch] = windowBatches({ sessions: [session(4)], sequence: 0, samples: 1, depth: 1 })
  const bytes = await encodeWindow([batch!], { processes: 'snapshot', snapshotTime: 0n })
  const sampleId = (time: string) => `e8030000 e8030000 ${time} 00000000 00000000 0000000000000000`
  const nothing = '0000000000000000'
  assert.equal(
    hexOf(bytes),
    golden(
      '03000000 0000 3800   e8030000 e8030000 6170700000000000', // COMM "app"
      sampleId(nothing),
      // MMAP2 of /srv/app with its build id: user, bit 14
      '0a000000 0240 7800   e8030000 e8030000 0010000055550000 00f0000000000000 0010000000000000',
      '14000000 aabbccddeeff00112233445566778899aabbccdd 05000000 02000000 2f7372762f617070 0000000000000000',
      sampleId(nothing),
      // MMAP2 of /srv/plain with device and inode
      '0a000000 0200 7800   e8030000 e8030000 00000000007f0000 0000100000000000 0000000000000000',
      'fe000000 03000000 4d00000000000000 0000000000000000 05000000 02000000 2f7372762f706c61 696e000000000000',
      sampleId(nothing),
      // MMAP2 of //anon
      '0a000000 0200 7000   e8030000 e8030000 00000000007e0000 0000100000000000 0000000000000000',
      '00000000 00000000 0000000000000000 0000000000000000 05000000 02000000 2f2f616e6f6e0000',
      sampleId(nothing),
      // SAMPLE: IDENTIFIER, IP, pid, tid, TIME, CPU, PERIOD, CALLCHAIN with the marker for user code
      '09000000 0200 6000   0500000000000000 0011000055550000 e8030000 e8030000 00e8764817000000',
      '00000000 00000000 12219a0000000000 0400000000000000',
      '00feffffffffffff 0011000055550000 4010000055550000 00f0000055550000',
    ),
  )
})

test('kernel frames stand above user frames, each behind its marker, and the leaf decides whose the sample is', async () => {
  const [batch] = windowBatches({ sessions: [session(4)], sequence: 0, samples: 2, depth: 1 })
  const bytes = await encodeWindow([batch!], { processes: 'none', snapshotTime: 0n })
  const second = bytes.subarray(bytes.readUInt16LE(6))
  assert.equal(second.readUInt16LE(4), 1, 'misc says kernel')
  assert.equal(second.readBigUInt64LE(16), 0xffffffff81001000n, 'IP is the leaf')
  const chain = Array.from({ length: Number(second.readBigUInt64LE(56)) }, (_, index) =>
    second.readBigInt64LE(64 + index * 8),
  )
  assert.deepEqual(chain, [
    -128n,
    BigInt.asIntN(64, 0xffffffff81001000n),
    BigInt.asIntN(64, 0xffffffff81002000n),
    -512n,
    0x7f0000002000n,
    0x555500001040n,
    0x55550000f000n,
  ])
})

test('reason frames are no addresses and stay out of the chain', async () => {
  const [batch] = windowBatches({ sessions: [session(4)], sequence: 0, samples: 3, depth: 1 })
  const bytes = await encodeWindow([batch!], { processes: 'none', snapshotTime: 0n })
  const third = bytes.subarray(bytes.length - (64 + 4 * 8))
  assert.equal(third.readUInt16LE(6), 64 + 4 * 8)
  assert.equal(third.readBigUInt64LE(72), 0x7e0000001000n)
})

test('every record is a multiple of 8 and none exceeds 65535 bytes, however deep the stack', async () => {
  const batches = windowBatches({
    sessions: [session(1), session(2, { tellsCgroups: true })],
    sequence: 0,
    samples: 5,
    depth: 9000,
    processes: 2,
  })
  const bytes = await encodeWindow(batches, { processes: 'snapshot', snapshotTime: 0n })
  let at = 0
  let largest = 0
  while (at < bytes.length) {
    const size = bytes.readUInt16LE(at + 6)
    assert.equal(size % 8, 0)
    assert.ok(size >= 8)
    largest = Math.max(largest, size)
    at += size
  }
  assert.equal(at, bytes.length)
  // Beside the chain there is room for what a tracepoint's samples have behind it.
  assert.equal(largest, 65_504)
})

test('names are cut between characters and end with NUL', () => {
  assert.deepEqual(paddedText('', 8, 16), new Uint8Array(8))
  assert.equal(paddedText('12345678', 8, 16).length, 16)
  assert.equal(Buffer.from(paddedText('fünfzehnbytesü!', 8, 16)).toString(), 'fünfzehnbytes\0\0')
})

test('a kernel that hides its addresses has no map', () => {
  assert.equal(kernelRecords({ ...HOST, kernel: undefined }).length, 0)
  assert.equal(kernelRecords({ ...HOST, kernel: { ...HOST.kernel!, text: 0n } }).length, 0)
  assert.ok(kernelRecords(HOST).length > 0)
})

test('FINISHED_ROUND is a header and nothing else', () => {
  assert.equal(hexOf(finishedRound()), '4400000000000800')
})

test('features are read back as they were written', () => {
  const features = featuresOf({
    sessions: [session(0), FAULTS(1)],
    firstSample: 5n,
    lastSample: 9n,
    clock: { unix: 1_780_000_000_000_000_000n, monotonic: 77n },
    buildIds: [{ buildId: 'aabbcc', path: '/srv/app', kernel: false }],
    version: 'sonde 1.2.3',
    stackNotes: Uint8Array.of(1, 2, 3),
  })
  const problems: string[] = []
  assert.deepEqual(
    decodeFeatures(encodeFeatures(features), (text) => problems.push(text)),
    features,
  )
  assert.deepEqual(problems, [])
  assert.deepEqual(
    encodeFeatures(features).map(({ bit }) => bit),
    [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 21, 23, 29, 108],
  )
})

test('a damaged feature is told by its name and the others are kept', () => {
  const blobs = encodeFeatures({ hostname: 'a', arch: 'b' })
  const problems: string[] = []
  const cut = blobs.map(({ bit, bytes }) => ({ bit, bytes: bit === 3 ? bytes.subarray(0, 9) : bytes }))
  assert.deepEqual(
    decodeFeatures(cut, (text) => problems.push(text)),
    { arch: 'b' },
  )
  assert.deepEqual(problems, ['feature HOSTNAME is damaged and was left out'])
})

test('the feature table stands first and points behind itself', () => {
  const blobs = encodeFeatures({ hostname: 'a', arch: 'b' })
  const bytes = Buffer.from(layOutFeatures(blobs, 1000))
  assert.deepEqual(
    [0, 8, 16, 24].map((at) => Number(bytes.readBigUInt64LE(at))),
    [1032, 68, 1100, 68],
  )
  assert.equal(bytes.length, 32 + 2 * 68)
})

test('what is empty is not written', () => {
  const bare = session(0, { commandLine: [], host: { ...HOST, cpuId: '', kernel: undefined } })
  const features = featuresOf({
    sessions: [bare],
    firstSample: 0n,
    lastSample: 0n,
    clock: { unix: 0n, monotonic: 0n },
    buildIds: [],
    version: 'v',
  })
  assert.ok(!('cpuId' in features) && !('commandLine' in features) && !('buildIds' in features))
})
