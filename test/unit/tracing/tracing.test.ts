import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { test } from 'node:test'
import type { ProfileConsumer } from '../../../src/core/consumer.ts'
import { NO_NAMES, type Symbolizer } from '../../../src/core/symbolizer.ts'
import { below, withSpan } from '../../../src/core/tracing.ts'
import { milliseconds } from '../../../src/core/units.ts'
import { fixedLimits, LIVE_LIMITS } from '../../../src/router/limits.ts'
import { createMetricsRouter } from '../../../src/router/metrics-router.ts'
import { Pipeline } from '../../../src/router/pipeline.ts'
import { openTracing } from '../../../src/tracing/open.ts'
import { batchOf, consumerThat, healthyConsumer } from '../../support/consumers.ts'
import { settled } from '../../support/fake-addon.ts'
import { traceCollector } from '../../support/trace-collector.ts'

const CLOSE_MS = 60_000

async function tracingTo(url: string, environment: Record<string, string> = {}) {
  const lines: string[] = []
  const tracing = await openTracing({
    environment: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url, ...environment },
    version: '1.2.3',
    log: (level, message) => lines.push(`${level} ${message}`),
  })
  return { tracing, lines }
}

async function runPipeline(consumers: readonly ProfileConsumer[], symbolizer: Symbolizer): Promise<void> {
  const pipeline = new Pipeline({
    consumers,
    symbolizer,
    observe: () => undefined,
    log: () => undefined,
    limits: fixedLimits(LIVE_LIMITS),
  })
  await pipeline.start()
  await pipeline.publish([batchOf(10, 7)])
  await pipeline.stop()
}

test('a window, its naming and its deliveries are one trace, and errors are in it', async (context) => {
  const collector = await traceCollector(context)
  const { tracing, lines } = await tracingTo(collector.url, { OTEL_SERVICE_NAME: 'profiler' })
  const broken = consumerThat('broken', async () => {
    throw new Error('the disk is full')
  })
  await runPipeline([healthyConsumer('files'), broken], { name: async () => NO_NAMES })
  await tracing.close(CLOSE_MS)
  const window = collector.span('window')
  assert.equal(window.parentSpanId, undefined)
  assert.ok(window.attributes.some(({ key, value }) => key === 'sonde.samples' && value.intValue === 10))
  for (const name of ['name', 'deliver files', 'deliver broken']) {
    const span = collector.span(name)
    assert.deepEqual([span.traceId, span.parentSpanId], [window.traceId, window.spanId], name)
  }
  assert.equal(collector.span('stop files').parentSpanId, collector.span('stop').spanId)
  const failed = collector.span('deliver broken')
  assert.deepEqual(failed.status, { code: 2, message: 'the disk is full' })
  assert.deepEqual(
    failed.events.map(({ name }) => name),
    ['exception'],
  )
  assert.equal(collector.span('deliver files').status.code, 0)
  assert.deepEqual(lines, [])
})

test('resource and scope say who it is', async (context) => {
  const collector = await traceCollector(context)
  const { tracing } = await tracingTo(collector.url, { OTEL_RESOURCE_ATTRIBUTES: 'k8s.cluster.name=c1' })
  await withSpan('work', {}, async () => undefined)
  await tracing.close(CLOSE_MS)
  const [sent] = collector.requests[0]?.resourceSpans ?? []
  const resource = Object.fromEntries(
    sent?.resource.attributes.map(({ key, value }) => [key, value.stringValue]) ?? [],
  )
  assert.equal(resource['service.name'], 'sonde')
  assert.equal(resource['service.version'], '1.2.3')
  assert.equal(resource['k8s.cluster.name'], 'c1')
  assert.ok(resource['host.name'])
  assert.equal(sent?.scopeSpans[0]?.scope.name, 'sonde')
  assert.match(sent?.scopeSpans[0]?.scope.version ?? '', /^\d+\.\d+\.\d+/)
})

test('a naming that fails is an error in its span, and the window goes on', async (context) => {
  const collector = await traceCollector(context)
  const { tracing } = await tracingTo(collector.url)
  const files = healthyConsumer('files')
  await runPipeline([files], { name: () => Promise.reject(new Error('kallsyms is gone')) })
  await tracing.close(CLOSE_MS)
  assert.deepEqual(files.seen, [7])
  assert.deepEqual(collector.span('name').status, { code: 2, message: 'kallsyms is gone' })
  assert.equal(collector.span('window').status.code, 0)
})

test('the delivery of a consumer that hangs is a span that ends at its deadline', async (context) => {
  const collector = await traceCollector(context)
  const { tracing } = await tracingTo(collector.url)
  const router = createMetricsRouter({ deadline: milliseconds(5) })
  router.attach(consumerThat('stuck', () => new Promise(() => undefined)))
  router.publishProfiles(batchOf(10))
  await router.drain(milliseconds(60_000))
  await tracing.close(CLOSE_MS)
  assert.match(collector.span('deliver stuck').status.message ?? '', /did not finish within 5 ms/)
})

test('a delivery that had to wait is below its own window, not below the one that was under way', async (context) => {
  const collector = await traceCollector(context)
  const { tracing } = await tracingTo(collector.url)
  const router = createMetricsRouter()
  const gate = Promise.withResolvers<void>()
  router.attach(consumerThat('slow', () => gate.promise))
  for (const window of ['first', 'second']) {
    await withSpan(window, {}, async () => router.publishProfiles(batchOf(10)))
  }
  gate.resolve()
  await router.drain(milliseconds(60_000))
  await tracing.close(CLOSE_MS)
  const deliveries = collector.spans().filter(({ name }) => name === 'deliver slow')
  assert.deepEqual(
    deliveries.map(({ parentSpanId }) => parentSpanId),
    [collector.span('first').spanId, collector.span('second').spanId],
  )
})

test('a root begins a trace of its own, and what began earlier can be gone on with later', async (context) => {
  const collector = await traceCollector(context)
  const { tracing } = await tracingTo(collector.url)
  let later: ReturnType<typeof below> | undefined
  await withSpan('outer', {}, async () => {
    later = below()
    await withSpan('root', {}, async () => undefined, { root: true })
  })
  await later?.(() => withSpan('later', {}, async () => undefined))
  await tracing.close(CLOSE_MS)
  assert.equal(collector.span('root').parentSpanId, undefined)
  assert.notEqual(collector.span('root').traceId, collector.span('outer').traceId)
  assert.equal(collector.span('later').parentSpanId, collector.span('outer').spanId)
})

test('without an endpoint nothing is sent, and the work is done all the same', async () => {
  const lines: string[] = []
  const log = (_: unknown, message: string) => void lines.push(message)
  const tracing = await openTracing({ environment: {}, version: '1.2.3', log })
  const done = await withSpan('work', {}, async (span) => {
    span.count({ 'sonde.samples': 1 })
    return 7
  })
  assert.equal(done, 7)
  await assert.rejects(
    withSpan('work', {}, () => Promise.reject(new Error('no'))),
    { message: 'no' },
  )
  await tracing.close(0)
  assert.deepEqual(lines, [])
})

test('an endpoint that is down, or refuses, is told once, by no more than a code', async (context) => {
  const refusing = await traceCollector(context, 400)
  const gone = createServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  const { port } = gone.address() as AddressInfo
  gone.close()
  for (const [url, code] of [
    [`${refusing.url}?key=planted-secret`, 'HTTP 400'],
    [`http://planted-secret@127.0.0.1:${port}/`, 'ECONNREFUSED'],
  ] as const) {
    const { tracing, lines } = await tracingTo(url)
    await withSpan('work', {}, async () => undefined)
    await tracing.close(CLOSE_MS)
    assert.deepEqual(lines, [
      `warn Sonde's own traces cannot be sent (${code}). Profiles are not affected; this is said once.`,
    ])
  }
})

test('an endpoint that takes spans and never answers holds nobody up', async (context) => {
  const silent = createServer((socket) => void socket.on('error', () => undefined)).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  context.after(() => silent.close())
  const { tracing } = await tracingTo(`http://127.0.0.1:${(silent.address() as AddressInfo).port}/`)
  await withSpan('work', {}, async () => undefined)
  await tracing.close(20)
  await settled()
  silent.unref()
})

test('what cannot be had is said once, when it begins', async () => {
  const lines: string[] = []
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }
  await openTracing({ environment, version: '1', log: (_, message) => void lines.push(message) })
  assert.equal(lines.length, 1)
  assert.match(
    lines[0] ?? '',
    /^Sonde's own traces are not sent: OTEL_EXPORTER_OTLP_ENDPOINT is one for gRPC/,
  )
})
