// Damaged perf.data files. Whatever is in one, it ends with a result or with an AgentError, soon, and in little memory.
//
// SONDE_FUZZ_FILES=100000 runs longer; SONDE_FUZZ_SEED takes another way. A file that fails stays in the temporary directory.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import { StackTally } from '../../../src/cli/stack-tally.ts'
import { Tally } from '../../../src/cli/tally.ts'
import { AgentError } from '../../../src/core/errors.ts'
import type { ProfileBatch } from '../../../src/core/profile.ts'
import type { ByteOrder } from '../../../src/formats/perf-data/bytes.ts'
import { readHeader } from '../../../src/formats/perf-data/reader.ts'
import { encodePprof } from '../../../src/formats/pprof/pprof.ts'
import { ProfileAggregate } from '../../../src/formats/profile/profile-aggregate.ts'
import { openStreamInput } from '../../../src/sampler/replay/recording-input.ts'
import { Replay } from '../../../src/sampler/replay.ts'
import { consumerOf, contextOf, temporaryDirectory } from '../../integration/perf-data-tools.ts'
import { ROOMY } from '../../support/aggregated.ts'
import { Mutations, type Range } from '../../support/mutations.ts'
import { PerfStream } from '../../support/perf-streams.ts'
import { FAULTS, session, windowBatches } from '../formats/perf-data/fixture.ts'

const FILES = Number(process.env.SONDE_FUZZ_FILES ?? 400)
const SEED = Number(process.env.SONDE_FUZZ_SEED ?? 4)
/** Of CPU time: far more than any of these small files takes, and a busy machine takes none of it. */
const MAX_MS = 5_000
const MAX_GROWTH_BYTES = 512 * 2 ** 20

async function recorded(t: TestContext): Promise<Buffer> {
  const file = join(temporaryDirectory(t), 'x.data')
  const consumer = consumerOf({ file }, contextOf('/nowhere'))
  const never = new AbortController().signal
  await consumer.start()
  for (const sequence of [0, 1]) {
    const spec = {
      sessions: [session(0), FAULTS(1)],
      sequence,
      samples: 24,
      processes: 2,
      reasons: 2,
      lost: 3,
    }
    for (const batch of windowBatches(spec)) await consumer.consumeProfiles(batch, never)
  }
  await consumer.stop()
  return readFileSync(file)
}

/** Its header, attrs, features and their table. */
function vitalParts(bytes: Buffer): Range[] {
  const { attrs, data } = readHeader(bytes)
  return [
    { start: 0, end: 104 },
    { start: attrs.offset, end: attrs.offset + attrs.size },
    { start: data.offset, end: data.offset + 256 },
    { start: data.offset + data.size, end: data.offset + data.size + 400 },
    { start: data.offset + data.size, end: bytes.length },
  ]
}

/** Reads all that a command would. */
async function replay(file: string): Promise<void> {
  const tally = new Tally()
  const stacks = new StackTally()
  const aggregate = new ProfileAggregate(ROOMY)
  const opened = Replay.open(file)
  const { sessions } = opened
  const emit = async (batches: readonly ProfileBatch[]): Promise<void> => {
    for (const batch of batches) {
      await tally.add(batch)
      await stacks.add(batch)
    }
    const [first] = batches
    if (first !== undefined) aggregate.add({ buffer: first.buffer, sessions, names: first.names })
  }
  try {
    await opened.run({ emit, maxSamplesPerWindow: 40 })
    for (const { id } of sessions) {
      const profile = aggregate.session(id)
      if (profile !== undefined) encodePprof(profile)
    }
  } finally {
    opened.close()
  }
}

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

async function judge(bytes: Buffer, what: string, directory: string): Promise<'read' | 'refused'> {
  const file = join(directory, 'damaged.data')
  writeFileSync(file, bytes)
  const started = cpuMs()
  const before = process.memoryUsage.rss()
  const keep = () => {
    const kept = join(mkdtempSync(join(tmpdir(), 'sonde-fuzz-')), 'failed.data')
    writeFileSync(kept, bytes)
    return `${what}; the file is ${kept}`
  }
  let outcome: 'read' | 'refused' = 'read'
  try {
    await replay(file)
  } catch (error) {
    if (!(error instanceof AgentError)) throw new Error(`not an AgentError: ${keep()}`, { cause: error })
    outcome = 'refused'
  }
  if (cpuMs() - started > MAX_MS) assert.fail(`slow: ${keep()}`)
  if (process.memoryUsage.rss() - before > MAX_GROWTH_BYTES) assert.fail(`large: ${keep()}`)
  return outcome
}

async function fuzz(t: TestContext, bytes: Buffer): Promise<void> {
  const directory = temporaryDirectory(t)
  assert.equal(await judge(bytes, 'undamaged', directory), 'read')
  const mutations = new Mutations(SEED)
  const vital = vitalParts(bytes)
  const outcomes = { read: 0, refused: 0 }
  for (let number = 0; number < FILES; number++) {
    outcomes[await judge(mutations.damaged(bytes, vital), `file ${number} of seed ${SEED}`, directory)]++
  }
  t.diagnostic(JSON.stringify(outcomes))
  // Damage that is always refused at once would show nothing of what lies behind.
  assert.ok(outcomes.read > FILES / 4, JSON.stringify(outcomes))
}

test('a damaged file is read as far as it goes, or refused', async (t) => {
  await fuzz(t, await recorded(t))
})

const COMPRESSED = 81

/** As perf record -z writes it: what is known at the start, then all else in pieces that end within a record. */
function compressed(bytes: Buffer): Buffer {
  const { data } = readHeader(bytes)
  const end = data.offset + data.size
  let at = data.offset
  while (at < data.offset + 600) at += bytes.readUInt16LE(at + 6)
  const pieces = [bytes.subarray(data.offset, at)]
  for (; at < end; at += 1000) {
    const body = zstdCompressSync(bytes.subarray(at, Math.min(end, at + 1000)))
    const head = Buffer.alloc(8)
    head.writeUInt32LE(COMPRESSED, 0)
    head.writeUInt16LE(8 + body.length, 6)
    pieces.push(head, body)
  }
  const records = Buffer.concat(pieces)
  const header = Buffer.from(bytes.subarray(0, data.offset))
  header.writeBigUInt64LE(BigInt(records.length), DATA_SIZE_AT)
  // Their table would point elsewhere.
  header.fill(0, FEATURES_AT, FEATURES_AT + 32)
  return Buffer.concat([header, records])
}

const DATA_SIZE_AT = 48
const FEATURES_AT = 72

test('a damaged compressed file is read as far as it goes, or refused', async (t) => {
  await fuzz(t, compressed(await recorded(t)))
})

/** As it comes through a pipe, in pieces that end anywhere. */
async function replayStream(bytes: Uint8Array): Promise<'read' | 'refused'> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 1021) yield bytes.subarray(at, at + 1021)
  }
  const tally = new Tally()
  try {
    const input = await openStreamInput({ name: 'x', pieces: pieces(), close: () => undefined })
    const opened = new Replay([input])
    const emit = async (batches: readonly ProfileBatch[]): Promise<void> => {
      for (const batch of batches) await tally.add(batch)
    }
    await opened.run({ emit, maxSamplesPerWindow: 40 })
    return 'read'
  } catch (error) {
    if (!(error instanceof AgentError)) throw error
    return 'refused'
  }
}

/** All that samples can have, two events, records with data behind them, zstd, a deferred chain. */
function stream(order: ByteOrder): Buffer {
  const perf = new PerfStream(order)
  const sampleType = 0x1fffffn & ~(1n << 16n)
  const event = { sampleType, readFormat: 31n, flags: [18, 23, 9], period: 3n, attrBytes: 144 }
  const trailer = (time: bigint) =>
    perf.writer().u32(7).u32(8).u64(time).u64(11n).u64(0n).u32(1).u32(0).finish()
  const sample = (time: bigint) =>
    perf.record(
      9,
      perf
        .writer()
        .u64(0x401010n) // IP
        .u32(7)
        .u32(8) // TID
        .u64(time)
        .u64(1n) // ADDR
        .u64(11n)
        .u64(0n) // ID, STREAM_ID
        .u32(1)
        .u32(0) // CPU
        .u64(5n) // PERIOD
        .u64(2n)
        .u64(1n)
        .u64(1n)
        .u64(time)
        .u64(11n)
        .u64(0n)
        .u64(time)
        .u64(12n)
        .u64(0n) // READ
        .u64(3n)
        .u64(0x401010n)
        .u64((1n << 64n) - 640n)
        .u64(77n) // CALLCHAIN
        .u32(12)
        .bytes(Buffer.alloc(12)) // RAW
        .u64(1n)
        .bytes(Buffer.alloc(24)) // BRANCH_STACK
        .u64(0n) // REGS_USER
        .u64(16n)
        .bytes(Buffer.alloc(16))
        .u64(16n) // STACK_USER
        .bytes(Buffer.alloc(24)) // WEIGHT, DATA_SRC, TRANSACTION
        .u64(0n) // REGS_INTR
        .u64(1n) // PHYS_ADDR
        .u64(8n)
        .bytes(Buffer.alloc(8)) // AUX
        .finish(),
      2,
    )
  const chain = perf.writer().u64(77n).u64(1n).u64(0x401020n).finish()
  return Buffer.concat([
    perf.header(),
    perf.event({ ...event, config: 1n, ids: [11n] }),
    perf.event({ ...event, config: 2n, ids: [12n] }),
    perf.record(66, perf.writer().u32(12).u32(0).finish()),
    Buffer.alloc(16),
    perf.record(78, perf.writer().u64(2n).u64(12n).text('faults').finish()),
    perf.record(80, perf.writer().u64(3n).u32(8).text('node-9').finish()),
    perf.record(3, Buffer.concat([perf.writer().u32(7).u32(8).text('worker').finish(), trailer(1n)])),
    ...Array.from({ length: 20 }, (_, index) => sample(BigInt(index + 2))),
    perf.record(22, Buffer.concat([chain, trailer(50n)])),
    perf.record(71, perf.writer().u64(24n).bytes(Buffer.alloc(32)).finish()),
    Buffer.alloc(24),
    perf.record(81, zstdCompressSync(Buffer.concat([sample(60n), sample(61n)]))),
    perf.record(68, Buffer.alloc(0)),
    sample(70n),
  ])
}

for (const order of ['little', 'big'] as const) {
  test(`a damaged ${order}-endian stream is read as far as it goes, or refused`, async (t) => {
    const whole = stream(order)
    assert.equal(await replayStream(whole), 'read')
    const mutations = new Mutations(SEED)
    const outcomes = { read: 0, refused: 0 }
    const vital = [
      { start: 0, end: 400 },
      { start: 400, end: 900 },
    ]
    for (let number = 0; number < FILES; number++) {
      const started = cpuMs()
      const before = process.memoryUsage.rss()
      const bytes = mutations.damaged(whole, vital)
      outcomes[await replayStream(bytes)]++
      const what = `stream ${number} of seed ${SEED}`
      if (cpuMs() - started > MAX_MS) assert.fail(`slow: ${what}`)
      if (process.memoryUsage.rss() - before > MAX_GROWTH_BYTES) assert.fail(`large: ${what}`)
    }
    t.diagnostic(JSON.stringify(outcomes))
    assert.ok(outcomes.read > FILES / 4, JSON.stringify(outcomes))
  })
}
