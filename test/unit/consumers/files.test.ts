import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { files } from '../../../src/consumers/files/index.ts'
import type { ProfileConsumer } from '../../../src/core/consumer.ts'
import type { ConsumerContext } from '../../../src/core/consumer-context.ts'
import type { OpenProfile } from '../../../src/core/encoder.ts'
import type { ProfileBatch } from '../../../src/core/profile.ts'
import { ALONE } from '../../support/alone.ts'
import { localEncoder } from '../../support/encoder.ts'
import { readPprof } from '../../support/pprof-reader.ts'
import { profileBatchOf, type TestWindow } from '../../support/profile-window.ts'
import { sessionInfo } from '../../support/session.ts'
import { nightSession, sideBySide, webSession } from '../../support/sources.ts'

const faults = sessionInfo({ id: 1, event: { ...sessionInfo().event, name: 'page-faults:u', unit: 'count' } })
const oneSample: TestWindow = { samples: [{ stack: ['main@app'] }] }
const never = new AbortController().signal

async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sonde-files-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

const contextIn = (dataDirectory: string, changes: Partial<ConsumerContext> = {}): ConsumerContext => ({
  version: '0.0.0',
  dataDirectory,
  ...ALONE,
  tryLock: () => true,
  encodeSamples: () => Promise.reject(new Error('no use for perf.data')),
  log: () => undefined,
  encoder: localEncoder,
  ...changes,
})

const open = (section: unknown, context: ConsumerContext): ProfileConsumer =>
  files.configure(section, 'test')(context) as ProfileConsumer

/** Starts, takes the windows, stops. */
async function record(consumer: ProfileConsumer, windows: readonly TestWindow[]): Promise<void> {
  await consumer.start()
  for (const window of windows) await consumer.consumeProfiles(profileBatchOf(window), never)
  await consumer.stop()
}

test('at the end there is one file of each format, named by when the profile began', async (t) => {
  const directory = await temporaryDirectory(t)
  const consumer = open({}, contextIn(directory))
  await record(consumer, [oneSample, { ...oneSample, sequence: 1 }])
  assert.deepEqual((await readdir(join(directory, 'profiles'))).sort(), [
    'profile-20260102-030405.cpu-clock.folded',
    'profile-20260102-030405.cpu-clock.pb.gz',
    'profile-20260102-030405.html',
    'profile-20260102-030405.speedscope.json',
  ])
  const { written, lost, bytes, files: paths } = consumer.outcome()
  assert.equal(written, 2)
  assert.deepEqual(lost, {})
  assert.equal(paths.length, 4)
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
  assert.equal(
    bytes,
    sizes.reduce((sum, size) => sum + size, 0),
  )
})

test('files are the owner’s alone, and so is their directory', async (t) => {
  const directory = await temporaryDirectory(t)
  const consumer = open({ formats: ['folded'] }, contextIn(directory))
  await record(consumer, [oneSample])
  const [path = ''] = consumer.outcome().files
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.equal((await stat(join(directory, 'profiles'))).mode & 0o777, 0o700)
})

test('mode: lets others read, and then enter', async (t) => {
  const directory = await temporaryDirectory(t)
  const consumer = open({ formats: ['folded'], mode: '0644' }, contextIn(directory))
  await record(consumer, [oneSample])
  const [path = ''] = consumer.outcome().files
  assert.equal((await stat(path)).mode & 0o777, 0o644)
  assert.equal((await stat(join(directory, 'profiles'))).mode & 0o777, 0o755)
})

test('per window each window has files of its own, of all sessions, as soon as it is complete', async (t) => {
  const directory = await temporaryDirectory(t)
  const consumer = open({ formats: ['folded', 'html'], write: 'per_window' }, contextIn(directory))
  await consumer.start()
  await consumer.consumeProfiles(profileBatchOf(oneSample), never)
  assert.equal(consumer.outcome().files.length, 2)
  await consumer.consumeProfiles(profileBatchOf({ ...oneSample, sequence: 1 }), never)
  await consumer.stop()
  assert.deepEqual((await readdir(join(directory, 'profiles'))).sort(), [
    'profile-20260102-030405.cpu-clock.folded',
    'profile-20260102-030405.html',
    'profile-20260102-030415.cpu-clock.folded',
    'profile-20260102-030415.html',
  ])
  assert.equal(consumer.outcome().written, 2)
})

test('two profiles of one second do not share a name', async (t) => {
  const directory = await temporaryDirectory(t)
  const context = contextIn(directory)
  await record(open({ formats: ['folded'] }, context), [oneSample])
  await record(open({ formats: ['folded'] }, context), [oneSample])
  assert.deepEqual((await readdir(join(directory, 'profiles'))).sort(), [
    'profile-20260102-030405-1.cpu-clock.folded',
    'profile-20260102-030405.cpu-clock.folded',
  ])
})

test('formats of one event have a file per event, the others hold all', async (t) => {
  const directory = await temporaryDirectory(t)
  const consumer = open({}, contextIn(directory))
  await record(consumer, [oneSample, { session: faults, samples: [{ stack: ['main@app'], count: 3 }] }])
  const names = await readdir(join(directory, 'profiles'))
  assert.ok(names.includes('profile-20260102-030405.page-faults-u.pb.gz'))
  assert.equal(names.length, 6)
  const faultBytes = await readFile(join(directory, 'profiles/profile-20260102-030405.page-faults-u.pb.gz'))
  assert.deepEqual(readPprof(gunzipSync(faultBytes)).samples[0]?.values[0], 3n)
  assert.equal(consumer.outcome().written, 4)
})

test('a session without samples has no file', async (t) => {
  const directory = await temporaryDirectory(t)
  await record(open({ formats: ['pprof'] }, contextIn(directory)), [
    oneSample,
    { session: faults, samples: [] },
  ])
  assert.equal((await readdir(join(directory, 'profiles'))).length, 1)
})

test('the oldest profiles go first, and nothing that bears another name goes', async (t) => {
  const directory = await temporaryDirectory(t)
  const profiles = join(directory, 'profiles')
  await mkdir(profiles)
  for (const name of ['perf-20200101-000000.data', 'profile-notes.html', 'profile-20200101-000000.txt']) {
    await writeFile(join(profiles, name), 'somebody’s')
  }
  await writeFile(join(profiles, 'profile-20200101-000000.html'), 'old')
  const consumer = open({ formats: ['folded'], write: 'per_window', maxFiles: 2 }, contextIn(directory))
  await record(
    consumer,
    [0, 1, 2].map((sequence) => ({ ...oneSample, sequence })),
  )
  assert.deepEqual((await readdir(profiles)).sort(), [
    'perf-20200101-000000.data',
    'profile-20200101-000000.txt',
    'profile-20260102-030415.cpu-clock.folded',
    'profile-20260102-030425.cpu-clock.folded',
    'profile-notes.html',
  ])
  assert.equal(consumer.outcome().written, 3)
  assert.equal(consumer.outcome().files.length, 2)
})

test('half a profile of a killed process goes at the start, one that somebody writes stays', async (t) => {
  const directory = await temporaryDirectory(t)
  const profiles = join(directory, 'profiles')
  await mkdir(profiles)
  const left = join(profiles, 'profile-20200101-000000.html.part')
  await writeFile(left, 'half')
  await open({}, contextIn(directory, { tryLock: () => false })).start()
  assert.deepEqual(await readdir(profiles), ['profile-20200101-000000.html.part'])
  await open({}, contextIn(directory)).start()
  assert.deepEqual(await readdir(profiles), [])
})

test('files of given names have the format of their ending, and what was there becomes .old', async (t) => {
  const directory = await temporaryDirectory(t)
  const paths = ['x.pb.gz', 'x.folded', 'x.speedscope.json', 'x.html'].map((name) => join(directory, name))
  await writeFile(join(directory, 'x.folded'), 'yesterday')
  const consumer = open({ file: paths }, contextIn(directory))
  await record(consumer, [oneSample])
  assert.deepEqual(consumer.outcome().files, paths)
  assert.equal(await readFile(join(directory, 'x.folded'), 'utf8'), 'app;main 1\n')
  assert.equal(await readFile(join(directory, 'x.folded.old'), 'utf8'), 'yesterday')
  assert.equal((await readdir(directory)).length, 5)
})

test('when nothing was sampled what was there becomes .old, too', async (t) => {
  const directory = await temporaryDirectory(t)
  const file = join(directory, 'out.folded')
  await writeFile(file, 'before')
  const consumer = open({ file }, contextIn(directory))
  await record(consumer, [{ samples: [] }])
  await consumer.stop()
  assert.deepEqual(await readdir(directory), ['out.folded.old'])
  assert.equal(await readFile(`${file}.old`, 'utf8'), 'before')
})

test('with several events a given name gets the event before its ending', async (t) => {
  const directory = await temporaryDirectory(t)
  const consumer = open({ file: join(directory, 'a.b.pb.gz') }, contextIn(directory))
  await record(consumer, [oneSample, { session: faults, samples: [{ stack: ['main@app'] }] }])
  assert.deepEqual((await readdir(directory)).sort(), ['a.b.cpu-clock.pb.gz', 'a.b.page-faults-u.pb.gz'])
})

test('a name whose directory does not exist fails at the start', async (t) => {
  const directory = await temporaryDirectory(t)
  const consumer = open({ file: join(directory, 'missing', 'x.html') }, contextIn(directory))
  await assert.rejects(consumer.start(), /there is no directory .*missing/)
})

test('a configuration that cannot work says so', () => {
  assert.throws(() => files.configure({ file: 'x.txt' }, 'test'), /names no format/)
  assert.throws(() => files.configure({ file: 'x.html', directory: 'y' }, 'test'), /not both/)
  assert.throws(() => files.configure({ formats: ['svg'] }, 'test'), /formats/)
  assert.doesNotThrow(() => files.configure({ file: 'x.txt', format: 'folded' }, 'test'))
})

test('a profile that cannot be written is an error with its path, and its samples are counted', async (t) => {
  const directory = await temporaryDirectory(t)
  const logged: string[] = []
  const context = contextIn(directory, {
    log: (level, message) => void (level === 'error' && logged.push(message)),
  })
  const path = join(directory, 'gone', 'x.folded')
  await mkdir(join(directory, 'gone'))
  const consumer = open({ file: path }, context)
  await consumer.start()
  await consumer.consumeProfiles(profileBatchOf(oneSample), never)
  await rm(join(directory, 'gone'), { recursive: true })
  await assert.rejects(consumer.stop(), new RegExp(`Cannot write ${path}`))
  assert.deepEqual(consumer.outcome().lost, { write_failed: 1 })
  assert.equal(consumer.outcome().written, 0)
  assert.match(logged[0] ?? '', /Cannot write/)
})

test('a full disk takes old profiles, but not the newest, and is counted', async (t) => {
  const directory = await temporaryDirectory(t)
  const profiles = join(directory, 'profiles')
  await mkdir(profiles)
  for (const second of [1, 2, 3]) {
    await writeFile(join(profiles, `profile-20200101-00000${second}.html`), 'old')
  }
  // Bytes whose writing fails as on a full disk.
  const unwritable = {
    length: 3,
    get [Symbol.asyncIterator](): never {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    },
  }
  const consumer = open(
    { formats: ['folded'] },
    contextIn(directory, {
      encoder: encoderThat({ encode: async () => unwritable as unknown as Uint8Array }),
    }),
  )
  await assert.rejects(record(consumer, [oneSample]), /no space left.*Free space/)
  assert.deepEqual(await readdir(profiles), ['profile-20200101-000003.html'])
  assert.deepEqual(consumer.outcome().lost, { disk_full: 1 })
})

test('a sample that one of the formats lacks is not written', async (t) => {
  const directory = await temporaryDirectory(t)
  const encode: OpenProfile['encode'] = async (format) => {
    if (format === 'html') throw new Error('too large')
    return new Uint8Array(1)
  }
  const consumer = open({}, contextIn(directory, { encoder: encoderThat({ encode }) }))
  await assert.rejects(record(consumer, [oneSample]), /too large/)
  const { written, lost, files: paths } = consumer.outcome()
  assert.deepEqual({ written, lost }, { written: 0, lost: { encoder_failed: 1 } })
  assert.equal(paths.length, 3)
})

test('when the encoding thread dies what it held is lost by name, and the next profile begins', async (t) => {
  const directory = await temporaryDirectory(t)
  let died = false
  const dying: OpenProfile['add'] = async ({ sessions }) => {
    if (died) throw new Error('the worker thread ended')
    return { kept: sessions.length * 5, tableFull: 0 }
  }
  const consumer = open(
    { formats: ['folded'] },
    contextIn(directory, { encoder: encoderThat({ add: dying }) }),
  )
  await consumer.start()
  await consumer.consumeProfiles(profileBatchOf(oneSample), never)
  died = true
  await assert.rejects(consumer.consumeProfiles(profileBatchOf(oneSample), never), /Cannot collect a profile/)
  assert.deepEqual(consumer.outcome().lost, { encoder_failed: 5 })
  died = false
  await consumer.consumeProfiles(profileBatchOf(oneSample), never)
  await consumer.stop()
  assert.equal(consumer.outcome().written, 5)
})

test('samples that the profile has no room for are counted', async (t) => {
  const directory = await temporaryDirectory(t)
  const samples = Array.from({ length: 2_000 }, (_, number) => ({ stack: [`f${number}@app`] }))
  const logged: string[] = []
  const context = contextIn(directory, {
    log: (level, message) => void (level === 'warn' && logged.push(message)),
  })
  const consumer = open({ formats: ['folded'], maxProfileBytes: 50_000 }, context)
  await record(consumer, [{ samples }, { samples, sequence: 1 }])
  const { written, lost } = consumer.outcome()
  assert.ok(written > 0 && (lost.table_full ?? 0) > 0)
  assert.equal(written + (lost.table_full ?? 0), 4_000)
  assert.equal(logged.length, 1, 'it is said when it begins')
  assert.match(logged[0] ?? '', /Raise maxProfileBytes/)
})

const twoSources = [
  { session: webSession(), windowSeconds: 10, samples: [7, 4] },
  { session: nightSession(), windowSeconds: 4, samples: [3, 3, 3, 3, 3] },
]

async function taken(consumer: ProfileConsumer, batches: readonly ProfileBatch[]): Promise<void> {
  for (const batch of batches) await consumer.consumeProfiles(batch, never)
}

test('configurations side by side have profiles of their own, by name', async (t) => {
  const directory = await temporaryDirectory(t)
  const consumer = open({ formats: ['pprof', 'html'] }, contextIn(directory))
  await consumer.start()
  await taken(consumer, sideBySide(twoSources))
  assert.deepEqual(consumer.outcome().open, { samples: 26, bytes: 0 })
  await consumer.stop()
  const profiles = join(directory, 'profiles')
  assert.deepEqual((await readdir(profiles)).sort(), [
    'profile-20260102-030405-1.web.cpu-clock.pb.gz',
    'profile-20260102-030405-1.web.html',
    'profile-20260102-030405.night-shift.html',
    'profile-20260102-030405.night-shift.page-faults.pb.gz',
  ])
  const read = async (name: string) => readPprof(gunzipSync(await readFile(join(profiles, name))))
  const web = await read('profile-20260102-030405-1.web.cpu-clock.pb.gz')
  const night = await read('profile-20260102-030405.night-shift.page-faults.pb.gz')
  const sums = [web, night].map(({ samples }) =>
    samples.reduce((sum, { values }) => sum + (values[0] ?? 0n), 0n),
  )
  assert.deepEqual(sums, [11n, 15n])
  assert.ok(web.comments.includes('config: web version 3'))
  assert.ok(night.comments.includes('config: night-shift version 1'))
  assert.equal(consumer.outcome().written, 26)
})

test('a source that ends has its profile then, and another version begins another', async (t) => {
  const directory = await temporaryDirectory(t)
  const consumer = open({ formats: ['folded'] }, contextIn(directory))
  await consumer.start()
  const web = { session: webSession(), windowSeconds: 1, samples: [1, 2, 0], ends: true }
  await taken(consumer, sideBySide([web, { session: nightSession(), windowSeconds: 2, samples: [3, 3] }]))
  assert.deepEqual(await readdir(join(directory, 'profiles')), [
    'profile-20260102-030405.web.cpu-clock.folded',
  ])
  const renamed = nightSession({ config: { name: 'night-shift', version: '2' } })
  await consumer.consumeProfiles(
    profileBatchOf({ session: renamed, samples: [{ stack: ['main@app'] }], sequence: 2 }),
    never,
  )
  assert.equal(consumer.outcome().written, 3 + 6)
  await consumer.stop()
  assert.equal(consumer.outcome().written, 10)
})

test('per window each source’s windows are profiles as soon as they are complete', async (t) => {
  const directory = await temporaryDirectory(t)
  const consumer = open({ formats: ['folded'], write: 'per_window' }, contextIn(directory))
  await consumer.start()
  for (const batch of sideBySide(twoSources)) {
    const before = consumer.outcome().written
    await taken(consumer, [batch])
    assert.equal(consumer.outcome().written, before + batch.samples.length)
  }
  await consumer.stop()
  assert.equal((await readdir(join(directory, 'profiles'))).length, 7)
})

test('a file of one name holds all sources, until the agent ends', async (t) => {
  const directory = await temporaryDirectory(t)
  const file = [join(directory, 'x.html'), join(directory, 'x.folded')]
  const consumer = open({ file }, contextIn(directory))
  await consumer.start()
  await taken(consumer, sideBySide(twoSources.map((source) => ({ ...source, ends: true }))))
  assert.deepEqual(await readdir(directory), [])
  await consumer.stop()
  assert.deepEqual((await readdir(directory)).sort(), [
    'x.html',
    'x.night-shift.page-faults.folded',
    'x.web.cpu-clock.folded',
  ])
  const html = await readFile(join(directory, 'x.html'), 'utf8')
  assert.match(html, /cpu-clock \(web\)/)
  assert.match(html, /page-faults \(night-shift\)/)
  assert.equal(consumer.outcome().written, 26)
})

test('stopping twice, or without a batch, leaves nothing', async (t) => {
  const directory = await temporaryDirectory(t)
  const consumer = open({}, contextIn(directory))
  await consumer.start()
  await consumer.stop()
  await consumer.stop()
  assert.deepEqual(await readdir(join(directory, 'profiles')), [])
})

test('a directory that cannot be made is named', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(join(directory, 'taken'), '')
  const consumer = open({ directory: join(directory, 'taken', 'deep') }, contextIn(directory))
  await assert.rejects(consumer.start(), /Cannot make the directory .*taken/)
})

/** An encoder whose profiles do what the test says. */
const encoderThat = (changes: Partial<OpenProfile>): ConsumerContext['encoder'] => ({
  openProfile: () => ({
    add: async () => ({ kept: 1, tableFull: 0 }),
    encode: async () => new Uint8Array(1),
    payloads: async () => [],
    close: () => undefined,
    ...changes,
  }),
})
