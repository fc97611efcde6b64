import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Delivery, Payload, Transport } from '../../../src/core/delivery.ts'
import { withSpan } from '../../../src/core/tracing.ts'
import { openTracing } from '../../../src/tracing/open.ts'
import { tracedTransport } from '../../../src/transport/traced.ts'
import { traceCollector } from '../../support/trace-collector.ts'

const payload: Payload = {
  body: new Uint8Array(12),
  encoding: 'gzip',
  headers: {},
  format: 'test',
  samples: 30,
  profiles: 2,
}

const transportThat = (send: Transport['send']): Transport => ({
  target: 'http://collector',
  send,
  close: async () => undefined,
})

test('what the transport says is passed on, and is what its span says', async (context) => {
  const collector = await traceCollector(context)
  const environment = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collector.url }
  const tracing = await openTracing({ environment, version: '1', log: () => undefined })
  const outcomes: readonly Delivery[] = [
    { outcome: 'accepted', rejectedProfiles: 1, message: '' },
    { outcome: 'retry', after: undefined, reason: 'the server is busy', perhapsTaken: false, reached: true },
    { outcome: 'refused', reason: 'HTTP 400' },
  ]
  const left = [...outcomes]
  const transport = tracedTransport(
    transportThat(async () => left.shift() ?? Promise.reject(new Error('gone'))),
  )
  const { signal } = new AbortController()
  await withSpan('outer', {}, async () => {
    for (const outcome of outcomes) assert.deepEqual(await transport.send(payload, signal), outcome)
    await assert.rejects(transport.send(payload, signal), { message: 'gone' })
  })
  await tracing.close(60_000)
  const sent = collector.spans().filter(({ name }) => name === 'send')
  assert.deepEqual(
    sent.map(({ status }) => status.message),
    [undefined, 'the server is busy', 'HTTP 400', 'gone'],
  )
  assert.deepEqual(
    sent[0]?.attributes.map(({ key, value }) => [key, value.intValue]),
    [
      ['sonde.samples', 30],
      ['sonde.profiles', 2],
      ['sonde.bytes', 12],
      ['sonde.rejected_profiles', 1],
    ],
  )
  assert.ok(sent.every(({ parentSpanId }) => parentSpanId === undefined))
})
