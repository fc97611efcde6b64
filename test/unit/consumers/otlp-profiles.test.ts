import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { otlpProfiles } from '../../../src/consumers/otlp-profiles/index.ts'
import type { ProfileConsumer } from '../../../src/core/consumer.ts'
import { ALONE } from '../../support/alone.ts'
import { localEncoder } from '../../support/encoder.ts'
import { freePort } from '../../support/endpoints.ts'
import { intake } from '../../support/intake.ts'
import { readOtlp } from '../../support/otlp-reader.ts'
import { profileBatchOf } from '../../support/profile-window.ts'
import { nightSession, sideBySide, webSession } from '../../support/sources.ts'
import { until } from './datadog-pprof/setting.ts'

const batch = profileBatchOf({ samples: [{ stack: ['main@app'], count: 3 }] })

function opener(t: TestContext): (section: object) => ProfileConsumer {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-otlp-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return (section) =>
    otlpProfiles.configure(
      section,
      'test',
    )({
      ...ALONE,
      ...{ version: '0.9.8', dataDirectory: directory, spoolDirectory: join(directory, 'spool') },
      tryLock: () => true,
      encodeSamples: () => Promise.reject(new Error('no use for perf.data')),
      log: () => undefined,
      encoder: localEncoder,
    })
}

async function given(consumer: ProfileConsumer): Promise<void> {
  await consumer.start()
  await consumer.consumeProfiles(batch, new AbortController().signal)
}

test('Pyroscope is asked again after a 500, which is final for others', async (t) => {
  for (const [preset, isAskedAgain] of [
    ['pyroscope', true],
    ['collector', false],
  ] as const) {
    const far = await intake(t, (response) => void response.writeHead(500).end('a segment writer is gone'))
    const consumer = opener(t)({ preset, endpoint: far.url })
    await given(consumer)
    await until(() => consumer.outcome().delivery?.lastError !== undefined)
    await consumer.stop()
    assert.equal(consumer.outcome().spooled, isAskedAgain ? 3 : 0, preset)
    assert.equal(consumer.outcome().lost.refused, isAskedAgain ? undefined : 3, preset)
  }
})

test('what the new preset or protocol cannot read of the backlog is not sent to it, and counts as another format', async (t) => {
  const http = `http://127.0.0.1:${await freePort()}`
  const changes = [
    [{ preset: 'collector' }, { preset: 'parca' }],
    [{ preset: 'generic' }, { preset: 'parca' }],
    [{ preset: 'parca' }, { preset: 'collector' }],
    [{ compression: 'zstd' }, { protocol: 'grpc' }],
    [{ compression: 'zstd' }, { preset: 'pyroscope' }],
  ]
  for (const [before, after] of changes) {
    const open = opener(t)
    const first = open({ endpoint: http, ...before })
    await given(first)
    await first.stop()
    assert.equal(first.outcome().spooled, 3)
    const second = open({ endpoint: http, ...after })
    await second.start()
    await until(() => second.outcome().delivery?.queued.payloads === 0)
    await second.stop()
    const { droppedReplays } = second.outcome().delivery ?? assert.fail()
    assert.deepEqual(Object.keys(droppedReplays), ['other_format'], JSON.stringify({ before, after }))
  }
})

test('a change of protocol or compression that the endpoint reads as well keeps the backlog', async (t) => {
  const open = opener(t)
  const first = open({ endpoint: `http://127.0.0.1:${await freePort()}`, protocol: 'grpc' })
  await given(first)
  await first.stop()
  const far = await intake(
    t,
    (response) => void response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(),
  )
  const second = open({ endpoint: far.url, compression: 'zstd' })
  await second.start()
  await far.received(1)
  await second.stop()
  assert.equal(second.outcome().delivery?.replayed.samples, 3)
})

test('every resource says which configuration its profiles are of, and no request is of two', async (t) => {
  const taking = { 'content-type': 'application/x-protobuf' }
  const far = await intake(t, (response) => void response.writeHead(200, taking).end())
  const consumer = opener(t)({ endpoint: far.url, compression: 'none' })
  await consumer.start()
  const batches = sideBySide([
    { session: webSession(), windowSeconds: 10, samples: [3, 4] },
    {
      session: nightSession({ config: { name: 'night-shift', version: '' } }),
      windowSeconds: 4,
      samples: [1, 1],
    },
  ])
  for (const each of batches) await consumer.consumeProfiles(each, new AbortController().signal)
  await consumer.stop()
  const told = far.requests.map(({ body }) =>
    readOtlp(body).map(({ resource, samples }) => [
      resource['sonde.config.name'],
      resource['sonde.config.version'],
      samples.reduce((sum, { values }) => sum + Number(values[0]), 0),
    ]),
  )
  assert.deepEqual(told, [
    [['night-shift', undefined, 1]],
    [['night-shift', undefined, 1]],
    [['web', '3', 3]],
    [['web', '3', 4]],
  ])
})
