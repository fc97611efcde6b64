// The whole way of a profile: consumer, encoding thread, files, and other tools' reading of them.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { WorkerClient } from '../../src/base/worker-client.ts'
import { files } from '../../src/consumers/files/index.ts'
import type { ProfileConsumer } from '../../src/core/consumer.ts'
import { RemoteEncoder } from '../../src/formats/remote-encoder.ts'
import { loadAddon } from '../../src/native/load.ts'
import { ALONE } from '../support/alone.ts'
import { readPprof } from '../support/pprof-reader.ts'
import { PERIOD, profileBatchOf, type TestSample, windowOf } from '../support/profile-window.ts'

const go = spawnSync('go', ['version'], { encoding: 'utf8' })
const withoutGo = go.status === 0 ? false : 'go is not installed'

const samples: TestSample[] = [
  { stack: ['memcpy@libc.so.6', 'hot@app', 'main@app', '_start@app'], count: 3_000 },
  { stack: ['cold@app', 'main@app', '_start@app'], count: 1_000 },
  {
    stack: ['copy_page@kernel', 'do_fault@kernel', 'inner|outer@app', 'main@app'],
    count: 100,
    tid: 101,
    comm: 'wörker',
  },
  { stack: ['@libc.so.6', '!chain broken'], count: 10, pid: 7, comm: '' },
]
const total = 4_110

async function written(
  t: TestContext,
): Promise<{ readonly consumer: ProfileConsumer; readonly paths: readonly string[] }> {
  const directory = await mkdtemp(join(tmpdir(), 'sonde-files-'))
  const client = new WorkerClient(new URL('../../src/worker.ts', import.meta.url))
  t.after(async () => {
    await client.close()
    await rm(directory, { recursive: true, force: true })
  })
  const context = {
    version: '0.0.0',
    dataDirectory: directory,
    ...ALONE,
    tryLock: () => true,
    log: () => undefined,
    now: () => new Date(),
    encodeSamples: loadAddon().encodeSamples,
    encoder: new RemoteEncoder(client),
  }
  const paths = ['p.pb.gz', 'p.folded', 'p.speedscope.json', 'p.html'].map((name) => join(directory, name))
  const consumer = files.configure({ file: paths }, 'test')(context) as ProfileConsumer
  await consumer.start()
  for (const sequence of [0, 1]) {
    await consumer.consumeProfiles(
      profileBatchOf({ samples, sequence, losses: { missed: 5 } }),
      AbortSignal.timeout(30_000),
    )
  }
  await consumer.stop()
  return { consumer, paths }
}

test('every format that the encoding thread writes has every sample', async (t) => {
  const { consumer, paths } = await written(t)
  assert.deepEqual(
    { ...consumer.outcome(), bytes: 0 },
    { bytes: 0, written: 2 * total, files: paths, gone: { files: 0, bytes: 0 }, lost: {} },
  )
  const [pprof = '', folded = '', speedscope = '', html = ''] = paths
  const profile = readPprof(gunzipSync(await readFile(pprof)))
  const sum = (index: number): bigint =>
    profile.samples.reduce((all, { values }) => all + (values[index] ?? 0n), 0n)
  assert.equal(sum(0), BigInt(2 * total))
  assert.equal(sum(1), BigInt(2 * total) * PERIOD)
  const lines = (await readFile(folded, 'utf8')).trimEnd().split('\n')
  assert.equal(
    lines.reduce((all, line) => all + Number(line.slice(line.lastIndexOf(' '))), 0),
    2 * total,
  )
  assert.equal(
    JSON.parse(await readFile(speedscope, 'utf8')).profiles[0].endValue,
    2 * total * Number(PERIOD),
  )
  assert.match(await readFile(html, 'utf8'), /"samples":8220,"losses":\[\["missed",10\]\]/)
})

test('go tool pprof reads the pprof file: totals, order, labels', { skip: withoutGo }, async (t) => {
  const { paths } = await written(t)
  const pprof = (...options: string[]): string => {
    const run = spawnSync('go', ['tool', 'pprof', '-symbolize=none', ...options, paths[0] ?? ''], {
      encoding: 'utf8',
    })
    assert.equal(run.status, 0, run.stderr)
    return run.stdout
  }
  const top = pprof('-top', '-sample_index=samples')
  assert.match(top, /Total samples = 8220\b|, 100% of 8220 total/)
  assert.match(top, /^\s*6000 72\.99% 72\.99%\s+6000 72\.99%\s+memcpy$/m)
  assert.match(top, /^File: app$/m)
  assert.match(pprof('-top'), /^Type: cpu$/m)
  const raw = pprof('-raw')
  assert.match(raw, /^samples\/count cpu\/nanoseconds$/m)
  assert.match(raw, /^Duration: 20s$/m)
  const tags = pprof('-tags')
  for (const key of ['pid', 'tid', 'thread name', 'incomplete'])
    assert.match(tags, new RegExp(`^ *${key}:`, 'm'))
})

test('one profile outlives the thread that dies: the next one begins in a new thread', async (t) => {
  const client = new WorkerClient(new URL('../../src/worker.ts', import.meta.url))
  t.after(() => client.close())
  const encoder = new RemoteEncoder(client)
  const limits = { maxBytes: 1 << 20, labels: [] } as const
  const first = encoder.openProfile(limits)
  assert.deepEqual(await first.add(windowOf({ samples })), { kept: total, tableFull: 0 })
  await client.close()
  await assert.rejects(first.add(windowOf({ samples })), { code: 'ENCODER.PROFILE_GONE' })
  first.close()
  const second = encoder.openProfile(limits)
  assert.deepEqual(await second.add(windowOf({ samples })), { kept: total, tableFull: 0 })
  assert.match(new TextDecoder().decode(await second.encode('folded', [0])), /main;hot;memcpy 3000/)
})
