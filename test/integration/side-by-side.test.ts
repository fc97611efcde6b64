// Two configurations at once, the whole way: consumers, encoding thread, files, and what perf and pprof's readers make of them.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { WorkerClient } from '../../src/base/worker-client.ts'
import { files } from '../../src/consumers/files/index.ts'
import { otlpProfiles } from '../../src/consumers/otlp-profiles/index.ts'
import type { ProfileConsumer } from '../../src/core/consumer.ts'
import type { ProfileBatch, SessionInfo } from '../../src/core/profile.ts'
import { batchesOf } from '../../src/core/window-view.ts'
import { RemoteEncoder } from '../../src/formats/remote-encoder.ts'
import { fixedLimits, LIVE_LIMITS } from '../../src/router/limits.ts'
import { Pipeline } from '../../src/router/pipeline.ts'
import { intake } from '../support/intake.ts'
import { readOtlp } from '../support/otlp-reader.ts'
import { readPprof } from '../support/pprof-reader.ts'
import { sonde } from '../support/sonde.ts'
import { FAULTS, SECOND, windowBuffer } from '../unit/formats/perf-data/fixture.ts'
import {
  assertPerfReads,
  consumerOf,
  contextOf,
  NO_PERF,
  plainSession,
  temporaryDirectory,
} from './perf-data-tools.ts'

const { host } = plainSession(0)
const web = (over: Partial<SessionInfo>): SessionInfo =>
  plainSession(1, { source: 1, config: { name: 'web', version: '1' }, ...over })
const night: SessionInfo = { ...FAULTS(2), host, source: 2, config: { name: 'night-shift', version: '7' } }
/** What replaces the first: other period, other session, other source. */
const replaced = web({
  id: 3,
  source: 3,
  rate: { by: 'period', period: 10_101_010n },
  config: { name: 'web', version: '2' },
})

interface Spec {
  readonly session: SessionInfo
  readonly sequence: number
  /** Seconds. */
  readonly start: number
  readonly samples: number
  readonly isLast?: boolean
}

function windowOf({ session, sequence, start, samples, isLast = false }: Spec): readonly ProfileBatch[] {
  const sessions = [session]
  const buffer = windowBuffer({ sessions, sequence, samples, start: BigInt(start) * SECOND })
  return batchesOf(buffer, sessions, { isLast })
}

/** A configuration of cpu-clock that is replaced after four windows, while one of page-faults goes on. */
const WINDOWS: readonly Spec[] = [
  ...[0, 1, 2, 3].map((at) => ({
    ...{ session: web({}), sequence: at, start: 100 + at, samples: 30 + at, isLast: at === 3 },
  })),
  ...[0, 1, 2, 3].map((at) => ({ session: replaced, sequence: at, start: 104 + at, samples: 50 })),
  ...[0, 1, 2].map((at) => ({ session: night, sequence: at, start: 101 + 2 * at, samples: 20 })),
].toSorted((one, other) => one.start - other.start)

/** Of every sample of these windows. */
const WEIGHT = 10_101_010n

async function publishedTo(
  consumers: readonly ProfileConsumer[],
  only?: (session: SessionInfo) => readonly string[],
) {
  const pipeline = new Pipeline({
    consumers,
    symbolizer: undefined,
    observe: () => undefined,
    log: () => undefined,
    limits: fixedLimits(LIVE_LIMITS),
  })
  await pipeline.start()
  for (const spec of WINDOWS) {
    await pipeline.publish(windowOf(spec), only?.(spec.session))
    await pipeline.settle(LIVE_LIMITS.drain)
  }
  return await pipeline.stop()
}

function encoderFor(t: TestContext): RemoteEncoder {
  const client = new WorkerClient(new URL('../../src/worker.ts', import.meta.url))
  t.after(() => client.close())
  return new RemoteEncoder(client)
}

test('perf reads a file of each configuration, and of each period of a changed one, with its samples alone', {
  skip: NO_PERF,
}, async (t) => {
  const consumer = consumerOf({}, contextOf(temporaryDirectory(t)))
  const { problems } = await publishedTo([consumer])
  assert.deepEqual(problems, [])
  const { files: paths, written } = consumer.outcome()
  const [first = '', second = '', third = ''] = paths.toSorted()
  assert.deepEqual([paths.length, written], [3, 126 + 60 + 200])
  assertPerfReads(first, { 'cpu-clock': { samples: 126, value: 126n * WEIGHT } })
  assertPerfReads(second, { 'page-faults:u': { samples: 60, value: 60n * WEIGHT } })
  assertPerfReads(third, { 'cpu-clock': { samples: 200, value: 200n * WEIGHT } })
})

test('report and convert say which configuration a perf.data file is of', async (t) => {
  const directory = temporaryDirectory(t)
  const consumer = consumerOf({}, contextOf(directory))
  await publishedTo([consumer])
  const told = consumer.outcome().files.map((file) => {
    const { status, stdout, stderr } = sonde(['report', file])
    assert.equal(status, 0, stderr)
    return /configuration .*$/m.exec(stdout)?.[0]
  })
  assert.deepEqual(told, [
    'configuration web version 1',
    'configuration night-shift version 7',
    'configuration web version 2',
  ])
  const pprof = join(directory, 'x.pb.gz')
  const { status, stderr } = sonde(['convert', consumer.outcome().files[0] ?? '', '-o', pprof])
  assert.equal(status, 0, stderr)
  assert.equal(readPprof(gunzipSync(readFileSync(pprof))).comments[0], 'config: web version 1')
})

test('the encoding thread keeps the profiles of sources apart: each file and each request has one, whole', async (t) => {
  const directory = temporaryDirectory(t)
  const taking = { 'content-type': 'application/x-protobuf' }
  const far = await intake(t, (response) => void response.writeHead(200, taking).end())
  const context = contextOf(directory, { encoder: encoderFor(t) })
  const writer = files.configure({ formats: ['pprof'] }, 'test')(context) as ProfileConsumer
  const sender = otlpProfiles.configure({ endpoint: far.url, compression: 'none' }, 'test')(context)
  const { problems } = await publishedTo([writer, sender as ProfileConsumer])
  assert.deepEqual(problems, [])
  const inFiles = writer.outcome().files.map((path) => {
    const { comments, samples } = readPprof(gunzipSync(readFileSync(path)))
    return [comments[0], samples.reduce((sum, { values }) => sum + (values[0] ?? 0n), 0n)]
  })
  assert.deepEqual(inFiles, [
    ['config: web version 1', 126n],
    ['config: night-shift version 7', 60n],
    ['config: web version 2', 200n],
  ])
  const sent = new Map<string, number>()
  for (const { body } of far.requests) {
    const profiles = readOtlp(body)
    const configs = profiles.map(({ resource }) =>
      [resource['sonde.config.name'], resource['sonde.config.version']].join(' '),
    )
    assert.equal(new Set(configs).size, 1)
    const samples = profiles.flatMap((profile) => profile.samples)
    const count = samples.reduce((sum, { values }) => sum + Number(values[0]), 0)
    sent.set(configs[0] ?? '', (sent.get(configs[0] ?? '') ?? 0) + count)
  }
  assert.deepEqual(Object.fromEntries(sent), {
    'web 1': 126,
    'web 2': 200,
    'night-shift 7': Number(60n * WEIGHT),
  })
  assert.equal(far.requests.length, WINDOWS.length)
})

test('a configuration for some consumers reaches those alone, whole', async (t) => {
  const directory = temporaryDirectory(t)
  const context = contextOf(directory, { encoder: encoderFor(t) })
  const recorder = consumerOf({ directory: join(directory, 'perf') }, context)
  const writer = files.configure({ formats: ['folded'] }, 'test')(context) as ProfileConsumer
  const { consumers, problems } = await publishedTo([recorder, writer], (session) =>
    session.source === 2 ? ['files'] : ['perf_data', 'files'],
  )
  assert.deepEqual(problems, [])
  assert.equal(consumers.get('perf_data')?.outcome.written, 326)
  assert.equal(consumers.get('perf_data')?.lane.delivered, 326)
  assert.equal(consumers.get('files')?.outcome.written, 386)
})
