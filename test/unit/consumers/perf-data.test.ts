import assert from 'node:assert/strict'
import fs, { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { avma, fileOffset, svma } from '../../../src/core/address.ts'
import type { ProfileConsumer } from '../../../src/core/consumer.ts'
import type { ConsumerContext } from '../../../src/core/consumer-context.ts'
import type { EncodeSamples } from '../../../src/core/encoder.ts'
import type { ProfileBatch, SessionInfo } from '../../../src/core/profile.ts'
import { WindowBuilder } from '../../../src/core/window-builder.ts'
import { batchesOf } from '../../../src/core/window-view.ts'
import type { FileRecord } from '../../../src/formats/perf-data/file-records.ts'
import { openPerfData } from '../../../src/formats/perf-data/reader.ts'
import { readRecords } from '../../../src/formats/perf-data/record-reader.ts'
import { readStackNotes } from '../../../src/formats/perf-data/stack-notes-reader.ts'
import { openFileSource } from '../../../src/sampler/replay/file-source.ts'
import { Replay } from '../../../src/sampler/replay.ts'
import {
  consumerOf,
  contextOf,
  encodeSamples,
  temporaryDirectory,
} from '../../integration/perf-data-tools.ts'
import {
  FAULTS,
  SECOND,
  session,
  type WindowSpec,
  windowBatches,
  windowBuffer,
} from '../formats/perf-data/fixture.ts'

const never = new AbortController().signal
const profiles = (directory: string): string => join(directory, 'profiles')
const names = (directory: string): string[] => readdirSync(profiles(directory)).sort()

async function started(
  t: TestContext,
  config: Readonly<Record<string, unknown>> = {},
  over: Partial<ConsumerContext> = {},
): Promise<{ directory: string; consumer: ProfileConsumer; context: ReturnType<typeof contextOf> }> {
  const directory = temporaryDirectory(t)
  const context = contextOf(directory, over)
  const consumer = consumerOf(config, context)
  await consumer.start()
  return { directory, consumer, context }
}

async function write(
  consumer: ProfileConsumer,
  spec: Partial<WindowSpec> & { readonly sequence: number },
): Promise<void> {
  for (const batch of windowBatches({ sessions: [session(1)], samples: 10, ...spec })) {
    await consumer.consumeProfiles(batch, never)
  }
}

function recordsOf(path: string): FileRecord[] {
  const source = openFileSource(path)
  const problems: string[] = []
  const file = openPerfData(source)
  const records = [...readRecords(file, { problem: (text) => problems.push(text) })]
  source.close()
  assert.deepEqual([...file.damage, ...file.problems, ...problems], [])
  return records
}

/** The states of the file's samples, '-' where it says nothing. */
function statesOf(path: string): string[] {
  const source = openFileSource(path)
  const { features } = openPerfData(source)
  source.close()
  const notes = features.stackNotes && readStackNotes(features.stackNotes, assert.fail)
  return recordsOf(path).flatMap((record) => {
    if (record.kind !== 'sample') return []
    return [notes?.note(notes.numberOf(record.index))?.state ?? '-']
  })
}

const kindsOf = (path: string): string[] => recordsOf(path).map(({ kind }) => kind)

test('without samples there is no file', async (t) => {
  const { directory, consumer } = await started(t)
  await write(consumer, { sequence: 0, samples: 0 })
  await write(consumer, { sequence: 1, samples: 0 })
  assert.deepEqual(names(directory), [])
  await consumer.stop()
  assert.deepEqual(names(directory), [])
  assert.deepEqual(consumer.outcome(), {
    bytes: 0,
    written: 0,
    files: [],
    gone: { files: 0, bytes: 0 },
    lost: {},
  })
})

test('a file is a .part until it is closed, private, and named in UTC by its first window’s start', async (t) => {
  const { directory, consumer } = await started(t)
  await write(consumer, { sequence: 0, wall: new Date('2026-01-31T23:59:59.9Z') })
  assert.deepEqual(names(directory), ['perf-20260131-235959.data.part'])
  await consumer.stop()
  await consumer.stop()
  assert.deepEqual(names(directory), ['perf-20260131-235959.data'])
  assert.equal(statSync(join(profiles(directory), 'perf-20260131-235959.data')).mode & 0o777, 0o600)
  assert.equal(statSync(profiles(directory)).mode & 0o777, 0o700)
})

test('mode opens files, and directories to match', async (t) => {
  const { directory, consumer } = await started(t, { mode: '0640' })
  await write(consumer, { sequence: 0 })
  await consumer.stop()
  const [name = ''] = names(directory)
  assert.equal(statSync(join(profiles(directory), name)).mode & 0o777, 0o640)
  assert.equal(statSync(profiles(directory)).mode & 0o777, 0o750)
})

test('rotating twice within one second overwrites nothing', async (t) => {
  const { directory, consumer } = await started(t, { rotationInterval: '1s' })
  const wall = new Date('2026-01-31T10:00:00Z')
  for (let sequence = 0; sequence < 4; sequence++)
    await write(consumer, { sequence, samples: 10 + sequence, wall })
  await consumer.stop()
  const { files } = consumer.outcome()
  assert.deepEqual(
    files.map((file) => file.slice(profiles(directory).length + 1)),
    [
      'perf-20260131-100000.data',
      'perf-20260131-100000-1.data',
      'perf-20260131-100000-2.data',
      'perf-20260131-100000-3.data',
    ],
  )
  files.forEach((file, index) => {
    assert.equal(kindsOf(file).filter((kind) => kind === 'sample').length, 10 + index)
  })
})

test('every rotated file knows its own stacks; a .part knows none yet', async (t) => {
  const { directory, consumer } = await started(t, { rotationInterval: '2s' })
  for (let sequence = 0; sequence < 4; sequence++) await write(consumer, { sequence, samples: 3 })
  const [first = '', part = ''] = names(directory).map((name) => join(profiles(directory), name))
  const states = ['unverified', 'unverified', 'broken']
  assert.deepEqual(statesOf(first), [...states, ...states])
  assert.deepEqual(statesOf(part), Array(6).fill('-'))
  await consumer.stop()
  assert.deepEqual(statesOf(part.slice(0, -'.part'.length)), [...states, ...states])
  const sizes = consumer.outcome().files.map((file) => statSync(file).size)
  assert.equal(
    consumer.outcome().bytes,
    sizes.reduce((sum, size) => sum + size, 0),
  )
})

test('the notes of its stacks count against the size of a file', async (t) => {
  const { consumer } = await started(t, { maxFileBytes: '64KiB' })
  for (let sequence = 0; sequence < 12; sequence++)
    await write(consumer, { sequence, samples: 150, reasons: 150 })
  await consumer.stop()
  const sizes = consumer.outcome().files.map((file) => statSync(file).size)
  assert.ok(sizes.length > 1)
  assert.ok(Math.max(...sizes) <= 65_536, `${sizes}`)
  assert.ok(Math.max(...sizes) > 40_000, `${sizes}`)
})

test('a clock that steps back makes retention delete the oldest files, not the newest', async (t) => {
  const { directory, consumer } = await started(t, { rotationInterval: '1s', maxFiles: 3 })
  let wall = new Date('2026-01-31T10:00:00Z')
  for (let sequence = 0; sequence < 8; sequence++) {
    if (sequence === 4) wall = new Date('2026-01-31T08:00:00Z')
    wall = new Date(wall.getTime() + 60_000)
    await write(consumer, { sequence, wall })
  }
  await consumer.stop()
  assert.deepEqual(names(directory), [
    'perf-20260131-080200.data',
    'perf-20260131-080300.data',
    'perf-20260131-080400.data',
  ])
})

test('a restart with a hundred old files keeps the newest, by name', async (t) => {
  const directory = temporaryDirectory(t)
  mkdirSync(profiles(directory))
  for (let index = 0; index < 100; index++) {
    writeFileSync(
      join(
        profiles(directory),
        `perf-202601${String(index % 28).padStart(2, '0')}-0000${10 + (index % 50)}.data`,
      ),
      'x',
    )
  }
  const before = names(directory)
  const consumer = consumerOf({ maxFiles: 24 }, contextOf(directory))
  await consumer.start()
  assert.deepEqual(names(directory), before.slice(-24))
  await consumer.stop()
})

test('bytes are kept within limits while a file grows', async (t) => {
  const { directory, consumer } = await started(t, {
    maxFileBytes: 20_000,
    maxTotalBytes: 60_000,
    maxFiles: 0,
  })
  const used = () =>
    names(directory).reduce((sum, name) => sum + statSync(join(profiles(directory), name)).size, 0)
  for (let sequence = 0; sequence < 60; sequence++) {
    await write(consumer, { sequence, samples: 30 })
    assert.ok(used() <= 60_000, `${used()} bytes after window ${sequence}`)
  }
  for (const name of names(directory)) {
    assert.ok(statSync(join(profiles(directory), name)).size <= 20_000, `${name} is too large`)
  }
  await consumer.stop()
  assert.ok(names(directory).length >= 2)
})

test('every file begins with all processes; a window in between brings only its events', async (t) => {
  const { consumer } = await started(t, { rotationInterval: '2s' })
  for (let sequence = 0; sequence < 4; sequence++) await write(consumer, { sequence, samples: 2 })
  await consumer.stop()
  const snapshot = ['mmap', 'mmap', 'comm', 'mmap', 'mmap', 'mmap']
  for (const file of consumer.outcome().files) {
    assert.deepEqual(kindsOf(file), [...snapshot, 'sample', 'sample', 'round', 'sample', 'sample'])
  }
})

test('after a gap the processes are repeated, at the time of the window', async (t) => {
  const { consumer } = await started(t)
  for (const sequence of [0, 1, 5]) await write(consumer, { sequence, samples: 1 })
  await consumer.stop()
  const [file = ''] = consumer.outcome().files
  const records = recordsOf(file)
  const comms = records.filter((record) => record.kind === 'comm')
  assert.deepEqual(
    comms.map(({ time }) => time),
    [0n, 105_000_000_000n],
  )
})

test('sessions of a window share its process records, and each has its attr', async (t) => {
  const { consumer } = await started(t)
  const sessions = [session(7), FAULTS(9)]
  for (const sequence of [0, 1]) await write(consumer, { sequence, sessions, samples: 2 })
  await consumer.stop()
  const [file = ''] = consumer.outcome().files
  const source = openFileSource(file)
  const { events } = openPerfData(source)
  source.close()
  assert.deepEqual(
    events.map(({ name, ids }) => [name, ids]),
    [
      ['cpu-clock', [8n]],
      ['page-faults:u', [10n]],
    ],
  )
  assert.equal(kindsOf(file).filter((kind) => kind === 'comm').length, 1)
  assert.equal(kindsOf(file).filter((kind) => kind === 'round').length, 1)
})

test('another set of sessions is another file, whether one comes or goes', async (t) => {
  const { consumer } = await started(t)
  await write(consumer, { sequence: 0, sessions: [session(1)] })
  await write(consumer, { sequence: 1, sessions: [session(1), FAULTS(2)] })
  await write(consumer, { sequence: 2, sessions: [session(1), FAULTS(2)] })
  await write(consumer, { sequence: 3, sessions: [FAULTS(2)] })
  await write(consumer, { sequence: 4, sessions: [session(1)] })
  await consumer.stop()
  const { files, written } = consumer.outcome()
  assert.equal(files.length, 4)
  assert.equal(written, 70)
})

/** One sample in a file of that path, of session 2 only; session 1 has nothing to say. */
function sampledFile(sequence: number, path: string): readonly ProfileBatch[] {
  const builder = new WindowBuilder()
  const image = builder.addImage({
    kind: 'file',
    path,
    buildId: `${sequence}0`.repeat(10),
    device: 0n,
    inode: 0n,
  })
  const place = { start: avma(0x1000n), end: avma(0x2000n), fileOffset: fileOffset(0n), bias: 0n }
  const mapping = builder.addMapping({
    pid: 1,
    image,
    ...place,
    addressSpace: 'svma',
    protection: 5,
    flags: 2,
  })
  const frame = builder.addFrame({ kind: 'native', mapping, svma: svma(0x1010n), returnAddress: false })
  const stack = builder.addStack([frame], 'complete')
  builder.addSession(1)
  const start = BigInt(100 + sequence) * SECOND
  builder.addSample(2, { time: start, pid: 1, tid: 1, cpu: 0, stack, value: 1n, comm: 'a' })
  const times = { start, end: start + SECOND, unixOffset: 0n, sequence }
  return batchesOf(builder.build(times), [session(1), FAULTS(2)])
}

test('the table of build ids has the sampled files of every session, also of one behind a silent one', async (t) => {
  const { consumer } = await started(t)
  for (const batch of [...sampledFile(0, '/bin/a'), ...sampledFile(1, '/bin/b')]) {
    await consumer.consumeProfiles(batch, never)
  }
  await consumer.stop()
  const source = openFileSource(consumer.outcome().files[0] ?? '')
  const { features } = openPerfData(source)
  source.close()
  assert.deepEqual(
    features.buildIds?.filter(({ kernel }) => !kernel).map(({ path }) => path),
    ['/bin/a', '/bin/b'],
  )
})

test('a session without samples does not make another file', async (t) => {
  const { consumer } = await started(t)
  const sessions = [session(1), FAULTS(2)]
  await write(consumer, { sequence: 0, sessions })
  await write(consumer, { sequence: 1, sessions, samples: 0 })
  await write(consumer, { sequence: 2, sessions })
  await consumer.stop()
  assert.equal(consumer.outcome().files.length, 1)
})

test('a batch whose delivery is aborted while it is encoded leaves nothing behind', async (t) => {
  const delivery = new AbortController()
  let second = false
  const aborting: EncodeSamples = (window, sessions) => {
    if (second) delivery.abort()
    return encodeSamples(window, sessions)
  }
  const { consumer } = await started(t, {}, { encodeSamples: aborting })
  await write(consumer, { sequence: 0 })
  second = true
  const [batch] = windowBatches({ sessions: [session(1)], sequence: 1, samples: 10 })
  await assert.rejects(consumer.consumeProfiles(batch!, delivery.signal), { name: 'AbortError' })
  second = false
  await write(consumer, { sequence: 2, samples: 5 })
  await consumer.stop()
  const { files, written } = consumer.outcome()
  assert.equal(written, 15)
  assert.equal(kindsOf(files[0] ?? '').filter((kind) => kind === 'sample').length, 15)
})

test('a failing encoder fails the batch and nothing else', async (t) => {
  let broken = true
  const failing: EncodeSamples = async (window, sessions) => {
    if (broken) throw new Error('out of memory')
    return encodeSamples(window, sessions)
  }
  const { consumer } = await started(t, {}, { encodeSamples: failing })
  await assert.rejects(write(consumer, { sequence: 0 }), /out of memory/)
  broken = false
  await write(consumer, { sequence: 1 })
  await consumer.stop()
  assert.equal(consumer.outcome().written, 10)
})

test('a file that somebody removes is counted as lost, and the next one begins', async (t) => {
  const { directory, consumer, context } = await started(t)
  await write(consumer, { sequence: 0 })
  const [part = ''] = names(directory)
  renameSync(join(profiles(directory), part), join(directory, 'stolen'))
  await write(consumer, { sequence: 1, samples: 4 })
  await consumer.stop()
  const { written, lost, files } = consumer.outcome()
  assert.deepEqual(
    { written, lost, files: files.length },
    { written: 4, lost: { file_removed: 10 }, files: 1 },
  )
  assert.ok(context.lines.some(({ level }) => level === 'error'))
})

test('a name that another agent holds is left to it', async (t) => {
  const { directory, consumer } = await started(t)
  writeFileSync(join(profiles(directory), 'perf-20260131-100000.data.part'), 'theirs')
  writeFileSync(join(profiles(directory), 'perf-20260131-100000-1.data'), 'theirs too')
  await write(consumer, { sequence: 0, wall: new Date('2026-01-31T10:00:00Z') })
  await consumer.stop()
  assert.deepEqual(consumer.outcome().files, [join(profiles(directory), 'perf-20260131-100000-2.data')])
  assert.equal(readFileSync(join(profiles(directory), 'perf-20260131-100000.data.part'), 'utf8'), 'theirs')
})

test('file: names the one file, keeps what was there as .old, and never rotates', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'x.perf.data')
  writeFileSync(file, 'yesterday')
  const consumer = consumerOf({ file, rotationInterval: '1s', maxFileBytes: 1 }, contextOf(directory))
  await consumer.start()
  for (let sequence = 0; sequence < 3; sequence++) await write(consumer, { sequence })
  assert.equal(readFileSync(file, 'utf8'), 'yesterday')
  await consumer.stop()
  assert.equal(readFileSync(`${file}.old`, 'utf8'), 'yesterday')
  assert.equal(kindsOf(file).filter((kind) => kind === 'sample').length, 30)
  assert.deepEqual(readdirSync(directory).sort(), ['x.perf.data', 'x.perf.data.old'])
})

test('file: when nothing was sampled what was there becomes .old, too; when nothing came it stays', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'x.perf.data')
  writeFileSync(file, 'yesterday')
  const idle = consumerOf({ file }, contextOf(directory))
  await idle.start()
  await idle.stop()
  assert.deepEqual(readdirSync(directory), ['x.perf.data'])
  const consumer = consumerOf({ file }, contextOf(directory))
  await consumer.start()
  await write(consumer, { sequence: 0, samples: 0 })
  await consumer.stop()
  await consumer.stop()
  assert.deepEqual(readdirSync(directory), ['x.perf.data.old'])
  assert.equal(readFileSync(`${file}.old`, 'utf8'), 'yesterday')
})

test('file: when what was sampled could not be written, what was there stays', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'x.perf.data')
  writeFileSync(file, 'yesterday')
  const failing: EncodeSamples = () => Promise.reject(new Error('out of memory'))
  const consumer = consumerOf({ file }, contextOf(directory, { encodeSamples: failing }))
  await consumer.start()
  await assert.rejects(write(consumer, { sequence: 0 }), /out of memory/)
  await consumer.stop()
  assert.equal(readFileSync(file, 'utf8'), 'yesterday')
})

test('file: a wrong path is refused at the start', async (t) => {
  const directory = temporaryDirectory(t)
  const start = (file: string) => consumerOf({ file }, contextOf(directory)).start()
  await assert.rejects(start(join(directory, 'no/such/x.data')), /there is no directory .*no\/such\. Make it/)
  await assert.rejects(start('/dev/null'), /\/dev\/null: it is not a regular file/)
})

test('a directory that cannot be made is named', async (t) => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'profiles'), 'a file')
  await assert.rejects(consumerOf({}, contextOf(directory)).start(), /Cannot make the directory .*\/profiles/)
})

test('wrong options are named with what is expected', () => {
  const configure = (section: unknown) => () =>
    consumerOf(section as Readonly<Record<string, unknown>>, contextOf('/nowhere'))
  assert.throws(configure({ rotationInterval: 3600 }), /test\.rotationInterval: 3600 is not a duration/)
  assert.throws(configure({ maxFiles: -1 }), /test\.maxFiles/)
  assert.throws(configure({ maxFile: 3 }), /maxFile"/)
  assert.throws(configure({ file: 'a', directory: 'b' }), /either directory or file/)
})

test('200 rotations leave no descriptor open', async (t) => {
  const { consumer } = await started(t, { rotationInterval: '1s', maxFiles: 2 })
  await write(consumer, { sequence: 0, samples: 1 })
  const before = readdirSync('/proc/self/fd').length
  for (let sequence = 1; sequence <= 200; sequence++) await write(consumer, { sequence, samples: 1 })
  assert.equal(readdirSync('/proc/self/fd').length, before)
  await consumer.stop()
  assert.equal(consumer.outcome().files.length, 2)
  assert.equal(consumer.outcome().written, 201)
})

test('200 rotations of one second give no name twice, and forget what retention deleted', async (t) => {
  const { directory, consumer } = await started(t, { rotationInterval: '1s', maxFiles: 2 })
  const wall = new Date('2026-01-31T10:00:00Z')
  for (let sequence = 0; sequence < 200; sequence++) await write(consumer, { sequence, samples: 1, wall })
  await consumer.stop()
  assert.deepEqual(names(directory), ['perf-20260131-100000-198.data', 'perf-20260131-100000-199.data'])
  const looked = t.mock.method(fs, 'existsSync')
  syncBuiltinESMExports()
  assert.equal(consumer.outcome().files.length, 2)
  assert.equal(looked.mock.callCount(), 2)
  looked.mock.restore()
  syncBuiltinESMExports()
})

const web = (over: Partial<SessionInfo> = {}) =>
  session(21, { source: 1, config: { name: 'web', version: '3' }, ...over })
const night = (over: Partial<SessionInfo> = {}) =>
  ({ ...FAULTS(22), source: 2, config: { name: 'night-shift', version: '' }, ...over }) satisfies SessionInfo

interface SourceWindow {
  readonly session: SessionInfo
  readonly sequence: number
  /** Seconds. */
  readonly start: number
  readonly samples: number
  readonly isLast?: boolean
}

async function writeOf(consumer: ProfileConsumer, window: SourceWindow, signal = never): Promise<void> {
  const { session: of, sequence, start, samples, isLast = false } = window
  const buffer = windowBuffer({ sessions: [of], sequence, samples, start: BigInt(start) * SECOND })
  for (const batch of batchesOf(buffer, [of], { isLast })) await consumer.consumeProfiles(batch, signal)
}

/** What the replayed file says: samples by event, configuration and version. */
async function contentsOf(file: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  const replay = Replay.open(file)
  await replay.run({
    emit: async (batches) => {
      for (const {
        session: { event, config },
        samples,
      } of batches) {
        const key = [event.name, config?.name, config?.version].join()
        counts[key] = (counts[key] ?? 0) + samples.length
      }
    },
  })
  replay.close()
  assert.deepEqual([...replay.damage, ...replay.problems], [])
  return counts
}

test('two sources side by side have a file each, which names its configuration; processes are told once in each', async (t) => {
  const { directory, consumer } = await started(t)
  for (let second = 0; second < 6; second++) {
    await writeOf(consumer, { session: web(), sequence: second, start: 100 + second, samples: 4 })
    if (second % 3 === 2)
      await writeOf(consumer, {
        session: night(),
        sequence: (second - 2) / 3,
        start: 98 + second,
        samples: 7,
      })
  }
  assert.equal(names(directory).length, 2)
  assert.equal(consumer.outcome().open?.samples, 38)
  await consumer.stop()
  const { files, written, lost } = consumer.outcome()
  assert.deepEqual({ written, lost }, { written: 38, lost: {} })
  assert.deepEqual(await Promise.all(files.map(contentsOf)), [
    { 'cpu-clock,web,3': 24 },
    { 'page-faults:u,night-shift,': 14 },
  ])
  for (const file of files) assert.equal(kindsOf(file).filter((kind) => kind === 'comm').length, 1)
})

test('a source that ends has its file at once; what comes in its place has another', async (t) => {
  const { directory, consumer } = await started(t)
  await writeOf(consumer, { session: web(), sequence: 0, start: 100, samples: 4 })
  await writeOf(consumer, { session: night(), sequence: 0, start: 100, samples: 7 })
  await writeOf(consumer, { session: web(), sequence: 1, start: 101, samples: 0, isLast: true })
  assert.equal(consumer.outcome().files.length, 1)
  const next = web({
    id: 23,
    source: 3,
    rate: { by: 'period', period: 10_000_000n },
    config: { name: 'web', version: '4' },
  })
  await writeOf(consumer, { session: next, sequence: 0, start: 101, samples: 5 })
  assert.deepEqual(consumer.outcome().open?.samples, 12)
  await consumer.stop()
  const contents = await Promise.all(consumer.outcome().files.map(contentsOf))
  assert.deepEqual(contents, [
    { 'cpu-clock,web,3': 4 },
    { 'page-faults:u,night-shift,': 7 },
    { 'cpu-clock,web,4': 5 },
  ])
  assert.equal(names(directory).length, 3)
})

test('a configuration that is stated anew under another version goes on in a file of that version', async (t) => {
  const { consumer } = await started(t)
  await writeOf(consumer, { session: web(), sequence: 0, start: 100, samples: 4 })
  const renamed = web({ config: { name: 'web', version: '4' } })
  await writeOf(consumer, { session: renamed, sequence: 1, start: 101, samples: 5 })
  await consumer.stop()
  const contents = await Promise.all(consumer.outcome().files.map(contentsOf))
  assert.deepEqual(contents, [{ 'cpu-clock,web,3': 4 }, { 'cpu-clock,web,4': 5 }])
})

test('a last batch that comes too late, or cannot be written, closes its file all the same', async (t) => {
  let broken = false
  const failing: EncodeSamples = async (window, sessions) => {
    if (broken) throw new Error('out of memory')
    return encodeSamples(window, sessions)
  }
  const { consumer } = await started(t, {}, { encodeSamples: failing })
  await writeOf(consumer, { session: web(), sequence: 0, start: 100, samples: 4 })
  await writeOf(consumer, { session: night(), sequence: 0, start: 100, samples: 7 })
  const late = AbortSignal.abort(new Error('too late'))
  const last = { sequence: 1, start: 101, samples: 3, isLast: true }
  await assert.rejects(writeOf(consumer, { session: web(), ...last }, late), /too late/)
  broken = true
  await assert.rejects(writeOf(consumer, { session: night(), ...last }), /out of memory/)
  assert.deepEqual(await Promise.all(consumer.outcome().files.map(contentsOf)), [
    { 'cpu-clock,web,3': 4 },
    { 'page-faults:u,night-shift,': 7 },
  ])
  assert.equal(consumer.outcome().open, undefined)
  await consumer.stop()
})

test('what a killed agent left open of several sources is finished, each by itself, at the next start', async (t) => {
  const { directory, consumer } = await started(t)
  for (const second of [0, 1]) {
    await writeOf(consumer, { session: web(), sequence: second, start: 100 + second, samples: 4 })
    await writeOf(consumer, { session: night(), sequence: second, start: 100 + second, samples: 7 })
  }
  assert.equal(names(directory).filter((name) => name.endsWith('.part')).length, 2)
  const next = consumerOf({}, contextOf(directory))
  await next.start()
  await next.stop()
  const files = names(directory).map((name) => join(profiles(directory), name))
  const contents = (await Promise.all(files.map(contentsOf))).toSorted((one) =>
    'cpu-clock,,' in one ? -1 : 1,
  )
  assert.deepEqual(contents, [{ 'cpu-clock,,': 8 }, { 'page-faults:u,,': 14 }])
})

test('the byte budget holds for all open files together: the largest is closed, so that it can be given up', async (t) => {
  const maxTotalBytes = 120_000
  const { directory, consumer } = await started(t, { maxFileBytes: 0, maxTotalBytes, maxFiles: 0 })
  const used = () =>
    names(directory).reduce((sum, name) => sum + statSync(join(profiles(directory), name)).size, 0)
  const sources = Array.from({ length: 5 }, (_, index) =>
    session(30 + index, { source: 10 + index, config: { name: `c${index}`, version: '' } }),
  )
  let deleted = 0
  for (let second = 0; second < 60; second++) {
    for (const [index, of] of sources.entries()) {
      const samples = index === 0 ? 60 : 6
      await writeOf(consumer, { session: of, sequence: second, start: 100 + second, samples })
      assert.ok(used() <= maxTotalBytes, `${used()} bytes in second ${second}`)
      deleted = Math.max(deleted, consumer.outcome().bytes - used())
    }
  }
  assert.ok(deleted > 0, 'retention had something to do')
  await consumer.stop()
  const { written, lost } = consumer.outcome()
  assert.deepEqual({ written, lost }, { written: 60 * 84, lost: {} })
  assert.ok(used() <= maxTotalBytes)
})

test('a file removed from under one source is that source’s loss alone', async (t) => {
  const { directory, consumer } = await started(t)
  await writeOf(consumer, { session: web(), sequence: 0, start: 100, samples: 4 })
  const [part = ''] = names(directory)
  await writeOf(consumer, { session: night(), sequence: 0, start: 100, samples: 7 })
  renameSync(join(profiles(directory), part), join(directory, 'stolen'))
  await writeOf(consumer, { session: night(), sequence: 1, start: 101, samples: 7 })
  await writeOf(consumer, { session: web(), sequence: 1, start: 101, samples: 5 })
  await consumer.stop()
  const { written, lost } = consumer.outcome()
  assert.deepEqual({ written, lost }, { written: 19, lost: { file_removed: 4 } })
})

test('file: is one source’s; the samples of another are refused, and it is never written over', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'x.perf.data')
  const consumer = consumerOf({ file }, contextOf(directory))
  await consumer.start()
  await writeOf(consumer, { session: web(), sequence: 0, start: 100, samples: 4 })
  const other = { session: night(), sequence: 0, start: 100, samples: 7 }
  await assert.rejects(writeOf(consumer, other), { code: 'PERF_DATA.OTHER_EVENTS' })
  await writeOf(consumer, { session: web(), sequence: 1, start: 101, samples: 4, isLast: true })
  await assert.rejects(writeOf(consumer, { ...other, sequence: 1 }), /one file holds one set of events/)
  await consumer.stop()
  assert.deepEqual(readdirSync(directory), ['x.perf.data'])
  assert.deepEqual(await contentsOf(file), { 'cpu-clock,web,3': 8 })
})
