// Recordings that no perf of this machine makes: the other byte order, old and new attrs, groups, deferred call chains.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frameLabel } from '../../../../src/core/frame-label.ts'
import type { ProfileBatch } from '../../../../src/core/profile.ts'
import { openStreamInput } from '../../../../src/sampler/replay/recording-input.ts'
import { Replay } from '../../../../src/sampler/replay.ts'
import { PerfStream } from '../../../support/perf-streams.ts'

const { sampleIdAll, mmap2, comm } = { sampleIdAll: 18, mmap2: 23, comm: 9 }
const IP = 1n
const TID = 2n
const TIME = 4n
const READ = 16n
const CALLCHAIN = 32n
const ID = 64n
const CPU = 128n
const PERIOD = 256n

interface Replayed {
  readonly batches: readonly ProfileBatch[]
  readonly problems: readonly string[]
  readonly damage: readonly string[]
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** As it comes through a pipe. */
async function replayed(bytes: Uint8Array, pieceBytes = 37): Promise<Replayed> {
  const stream = { name: 'x', pieces: inPieces(bytes, pieceBytes), close: () => undefined }
  const replay = new Replay([await openStreamInput(stream)])
  const batches: ProfileBatch[] = []
  await replay.run({ emit: async (window) => void batches.push(...window) })
  replay.close()
  return { batches, problems: replay.problems, damage: replay.damage }
}

const samplesOf = (batches: readonly ProfileBatch[]): string[] =>
  batches.flatMap((batch) =>
    Array.from(batch.samples.time, (time, row) => {
      const { pid, tid, cpu, value, stack, comm: name } = batch.samples
      const { offsets, frameIndices } = batch.stacks
      const frames = frameIndices.subarray(offsets[stack[row]!], offsets[stack[row]! + 1]!)
      const labels = [...frames].map((frame) => frameLabel(batch, frame)).join(' ')
      const event = batch.session.event.name
      return `${event} ${time} ${pid[row]}/${tid[row]} cpu${cpu[row]} ${value[row]} ${batch.strings.at(name[row]!)} ${labels}`
    }),
  )

for (const order of ['little', 'big'] as const) {
  test(`a ${order}-endian stream with records that stand behind their headers, and unknown ones`, async () => {
    const perf = new PerfStream(order)
    const trailer = (time: bigint) => perf.writer().u32(7).u32(8).u64(time).u32(1).u32(0).finish()
    const sampleType = IP | TID | TIME | CALLCHAIN | CPU | PERIOD
    const sample = perf
      .writer()
      .u64(0x401010n)
      .u32(7)
      .u32(8)
      .u64(200n)
      .u32(1)
      .u32(0)
      .u64(50n)
      .u64(3n)
      .u64((1n << 64n) - 512n)
      .u64(0x401010n)
      .u64(0x401021n)
    const mapping = perf.writer().u32(7).u32(7).u64(0x401000n).u64(0x1000n).u64(0x1000n)
    // The union of inode numbers, then protection and flags.
    const mapped = mapping.u32(8).u32(1).u64(99n).u64(0n).u32(5).u32(2).text('/bin/app')
    const bytes = Buffer.concat([
      perf.header(),
      perf.event({ sampleType, flags: [sampleIdAll, mmap2, comm], period: 1n, attrBytes: 64 }),
      // TRACING_DATA of 12 bytes, which are padded to 16 and look like no records.
      perf.record(66, perf.writer().u32(12).u32(0).finish()),
      Buffer.alloc(16, 0xff),
      perf.record(80, perf.writer().u64(3n).u32(8).text('node-9').finish()),
      perf.record(3, Buffer.concat([perf.writer().u32(7).u32(8).text('worker').finish(), trailer(100n)])),
      perf.record(10, Buffer.concat([mapped.finish(), trailer(100n)]), 2),
      // AUXTRACE with 24 bytes behind it.
      perf.record(71, perf.writer().u64(24n).u64(0n).u64(0n).u32(0).u32(0).u32(0).u32(0).finish()),
      Buffer.alloc(24, 0xee),
      perf.record(99, Buffer.alloc(16)),
      perf.record(99, Buffer.alloc(8)),
      perf.record(9, sample.finish(), 2),
    ])
    for (const pieceBytes of [1, 37, 4096]) {
      const { batches, problems, damage } = await replayed(bytes, pieceBytes)
      assert.deepEqual(samplesOf(batches), ['cpu-clock 200 7/8 cpu1 50 worker app+0x1010 app+0x1021'])
      assert.equal(batches[0]?.session.host.hostname, 'node-9')
      assert.deepEqual(problems, [
        'records were stepped over: 1 of type 71 (AUXTRACE), 2 of type 99 (unknown)',
      ])
      assert.deepEqual(damage, [])
    }
  })
}

test('samples that tell counters of a group count once for each that went on, by how much it did', async () => {
  const perf = new PerfStream('little')
  // READ with PERF_FORMAT_ID | PERF_FORMAT_GROUP.
  const common = { sampleType: IP | TID | TIME | READ | ID | PERIOD, readFormat: 12n }
  const sample = (time: bigint, [a, b]: readonly [bigint, bigint]) =>
    perf.record(
      9,
      perf
        .writer()
        .u64(0x10n)
        .u32(7)
        .u32(7)
        .u64(time)
        .u64(11n)
        .u64(1000n)
        .u64(2n)
        .u64(a)
        .u64(11n)
        .u64(b)
        .u64(12n)
        .finish(),
    )
  const bytes = Buffer.concat([
    perf.header(),
    perf.event({ ...common, config: 1n, ids: [11n] }),
    perf.event({ ...common, config: 2n, ids: [12n] }),
    sample(1n, [100n, 3n]),
    sample(2n, [250n, 3n]),
    sample(3n, [260n, 10n]),
  ])
  const { batches } = await replayed(bytes)
  const values = Object.fromEntries(
    batches.map(({ session, samples }) => [session.event.name, [...samples.value]]),
  )
  assert.deepEqual(values, { 'task-clock': [100n, 150n, 10n], 'page-faults': [3n, 7n] })
})

test('a user part that the kernel took later is joined to the samples of its thread and cookie', async () => {
  const perf = new PerfStream('little')
  const [kernel, user, deferred] = [-128n, -512n, -640n].map((value) => BigInt.asUintN(64, value)) as [
    bigint,
    bigint,
    bigint,
  ]
  const sample = (time: bigint, cookie: bigint) =>
    perf.record(
      9,
      perf
        .writer()
        .u64(0xffffffff81000010n)
        .u32(7)
        .u32(8)
        .u64(time)
        .u64(4n)
        .u64(kernel)
        .u64(0xffffffff81000010n)
        .u64(deferred)
        .u64(cookie)
        .finish(),
      1,
    )
  const chain = perf.writer().u64(77n).u64(3n).u64(user).u64(0x1000n).u64(0x2001n)
  const bytes = Buffer.concat([
    perf.header(),
    perf.event({ sampleType: IP | TID | TIME | CALLCHAIN, flags: [sampleIdAll], period: 5n }),
    sample(1n, 77n),
    sample(2n, 77n),
    sample(3n, 78n),
    perf.record(22, Buffer.concat([chain.finish(), perf.writer().u32(7).u32(8).u64(4n).finish()])),
  ])
  const { batches, problems } = await replayed(bytes)
  const line = 'cpu-clock %t 7/8 cpu4294967295 5  [k] 0xffffffff81000010'
  assert.deepEqual(samplesOf(batches), [
    `${line.replace('%t', '1')} [unknown] [unknown]`,
    `${line.replace('%t', '2')} [unknown] [unknown]`,
    line.replace('%t', '3'),
  ])
  assert.deepEqual(problems, ['1 samples lack their user stack: its record was lost'])
})

test('several events of different samples are told apart by their ids, and strangers are counted', async () => {
  const perf = new PerfStream('big')
  const first = IP | TID | TIME | ID | PERIOD
  const second = IP | TID | TIME | ID | CPU
  const head = (time: bigint, id: bigint) => perf.writer().u64(0x10n).u32(7).u32(7).u64(time).u64(id)
  const bytes = Buffer.concat([
    perf.header(),
    perf.event({ sampleType: first, config: 1n, ids: [11n] }),
    perf.event({ sampleType: second, config: 2n, ids: [12n, 13n], period: 9n }),
    perf.record(78, perf.writer().u64(2n).u64(13n).text('my-faults').finish()),
    perf.record(9, head(1n, 11n).u64(40n).finish()),
    perf.record(9, head(2n, 13n).u32(3).u32(0).finish()),
    perf.record(9, head(3n, 99n).u64(1n).finish()),
  ])
  const { batches, damage } = await replayed(bytes)
  assert.deepEqual(
    samplesOf(batches).map((line) => line.split(' ').slice(0, 5).join(' ')),
    ['task-clock 1 7/7 cpu4294967295 40', 'my-faults 2 7/7 cpu3 9'],
  )
  assert.deepEqual(damage, ['1 samples of events that the file does not describe were left out'])
})

test('losses that perf sums up at the end are those that the rings told of', async () => {
  const perf = new PerfStream('little')
  const bytes = Buffer.concat([
    perf.header(),
    perf.event({ sampleType: IP | TID | TIME, flags: [sampleIdAll], period: 5n }),
    perf.record(9, perf.writer().u64(1n).u32(7).u32(7).u64(1n).finish()),
    perf.record(2, perf.writer().u64(0n).u64(5n).u32(0).u32(0).u64(2n).finish()),
    perf.record(13, perf.writer().u64(4n).u32(0).u32(0).u64(0n).finish()),
    perf.record(13, perf.writer().u64(3n).u32(0).u32(0).u64(0n).finish()),
  ])
  const { batches } = await replayed(bytes)
  const lost = batches.flatMap(({ losses }) => losses).reduce((sum, { count }) => sum + count, 0)
  assert.equal(lost, 7)
})

test('a stream that breaks is shown up to there, and the break is told by byte and record', async () => {
  const perf = new PerfStream('little')
  const sample = perf.record(9, perf.writer().u64(1n).u32(7).u32(7).u64(1n).finish())
  const good = Buffer.concat([perf.header(), perf.event({ sampleType: IP | TID | TIME }), sample])
  const zero = perf.writer().u32(9).u16(0).u16(0).finish()
  const broken = await replayed(Buffer.concat([good, zero, zero, sample]))
  assert.equal(samplesOf(broken.batches).length, 1)
  assert.deepEqual(broken.damage, [
    `the record at byte ${good.length} is damaged: its type is 9 (SAMPLE) and its size 0. What stands behind it could not be read`,
  ])
  const cut = await replayed(Buffer.concat([good, sample.subarray(0, 20)]))
  assert.deepEqual(cut.damage, [
    `the last record is cut off: the one at byte ${good.length}, 9 (SAMPLE), has only 20 bytes`,
  ])
})

test('a stream of endless types and endless nonsense about itself is told in a few words', async () => {
  const perf = new PerfStream('little')
  const bytes = Buffer.concat([
    perf.header(),
    perf.event({ sampleType: IP | TID | TIME }),
    ...Array.from({ length: 100 }, () => perf.record(80, Buffer.alloc(3))),
    perf.record(9, perf.writer().u64(1n).u32(7).u32(7).u64(1n).finish()),
    ...Array.from({ length: 100 }, (_, index) => perf.record(1000 + index, Buffer.alloc(0))),
  ])
  const { problems } = await replayed(bytes)
  assert.ok(problems.length <= 21, problems.join('\n'))
  assert.match(problems.at(-1) ?? '', /1 of type 1015 \(unknown\), 84 of others$/)
})
