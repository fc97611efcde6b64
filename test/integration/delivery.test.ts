// Delivery as a user meets it: a real agent, a real kernel, endpoints that come and go.

import assert from 'node:assert/strict'
import { realpathSync } from 'node:fs'
import { test } from 'node:test'
import type { Status } from '../../src/core/status.ts'
import {
  busyChild,
  deliveringAgent,
  deliveryIn,
  otlpSamples,
  profilesIn,
  spooledFor,
  TAKE_OTLP,
  uploadedSamples,
  uploadsIn,
  wholeMachine,
} from '../support/delivering-agent.ts'
import { intake } from '../support/intake.ts'
import { sonde, temporaryDirectory } from '../support/sonde.ts'

const unixNs = (): bigint => BigInt(Date.now()) * 1_000_000n
/** The difference between the clocks is measured when a window closes. */
const SLACK = 50_000_000n

test('what was sampled arrives at both backends, to the sample, the open window too', wholeMachine, async (t) => {
  const cwd = temporaryDirectory(t)
  const [collector, datadog] = [await intake(t, TAKE_OTLP), await intake(t)]
  const child = busyChild(t, { OTEL_SERVICE_NAME: 'planted-shop' })
  const began = unixNs()
  const agent = await deliveringAgent(t, {
    cwd,
    consumers: {
      otlp_profiles: { endpoint: collector.url },
      datadog_pprof: { url: datadog.url, uploadInterval: '1s' },
    },
  })
  await collector.received(3)
  await datadog.received(1)
  const before = collector.requests.length
  const { code, summary, text } = await agent.end()
  const ended = unixNs()
  assert.equal(code, 0, text)
  const { taken } = summary.samples
  assert.ok(taken > 0)
  assert.equal(summary.samples.written, taken)

  const profiles = profilesIn(collector.requests)
  assert.equal(otlpSamples(profiles), taken)
  assert.ok(collector.requests.length > before, 'the open window was sent at the end')
  assert.equal(new Set(profiles.map(({ id }) => id)).size, profiles.length)
  for (const { time, duration, samples } of profiles) {
    assert.ok(time >= began - SLACK && time + duration <= ended + SLACK, `${time} + ${duration}`)
    assert.ok(samples.length > 0)
  }
  const { resource } =
    profiles.find((profile) => profile.resource['process.pid'] === child.pid) ?? assert.fail('not the child')
  const program = realpathSync('/bin/sh')
  assert.equal(resource['service.name'], 'planted-shop')
  assert.equal(resource['process.executable.path'], program)
  assert.equal(resource['process.executable.name'], program.replace(/.*\//, ''))

  const uploads = uploadsIn(datadog.requests)
  assert.equal(uploadedSamples(uploads), taken)
  for (const { event } of uploads) {
    const [start, end] = [event.start, event.end].map((at) => BigInt(Date.parse(at)) * 1_000_000n)
    assert.ok((start ?? 0n) >= began - SLACK && (end ?? 0n) <= ended + SLACK, `${event.start} ${event.end}`)
  }
  const ofChild = (samples: readonly { readonly labels: Readonly<Record<string, unknown>> }[]): boolean =>
    samples.some(({ labels }) => labels.process_id === String(child.pid))
  const services = uploads
    .filter(({ pprof }) => ofChild(pprof.samples))
    .map(({ event }) => event.info.application.service)
  assert.deepEqual([...new Set(services)], ['planted-shop'])
  assert.deepEqual(spooledFor(cwd, 'otlp_profiles'), [])
  assert.deepEqual(spooledFor(cwd, 'datadog_pprof'), [])
})

test('an endpoint that is down at first gets everything, in order, the same bytes again', wholeMachine, async (t) => {
  const cwd = temporaryDirectory(t)
  let down = true
  const asked: number[] = []
  const collector = await intake(t, (response, number, request) => {
    asked.push(performance.now())
    if (down) response.writeHead(503, { 'retry-after': '1' }).end()
    else TAKE_OTLP(response, number, request)
  })
  const datadog = await intake(t)
  const agent = await deliveringAgent(t, {
    cwd,
    consumers: {
      otlp_profiles: { endpoint: collector.url },
      datadog_pprof: { url: datadog.url, uploadInterval: '1s' },
    },
  })
  await agent.statusThat((status) => deliveryIn(status).queued.payloads >= 3)
  down = false
  const refusals = collector.requests.length
  assert.ok(refusals > 0)
  await collector.received(refusals + 5)
  const { code, summary, text } = await agent.end()
  assert.equal(code, 0, text)
  const [first, ...more] = collector.requests.slice(refusals)
  assert.ok(first !== undefined)
  for (const { body } of collector.requests.slice(0, refusals)) assert.ok(body.equals(first.body))
  const [one = 0, another = 0] = asked
  assert.ok(another - one >= 990, 'it is left alone for as long as it asked for')
  const taken = [first, ...more]
  assert.equal(otlpSamples(profilesIn(taken)), summary.samples.taken)
  const times = taken.map((request) => profilesIn([request])[0]?.time ?? 0n)
  assert.deepEqual(
    times,
    [...times].sort((a, b) => Number(a - b)),
  )
  assert.ok(more.every(({ body }) => !body.equals(first.body)))
  assert.equal(uploadedSamples(uploadsIn(datadog.requests)), summary.samples.taken)
  assert.equal(summary.consumers.perf_data?.delivered, summary.samples.taken)
  assert.equal(text.match(/Cannot deliver/g)?.length, 1, text)
})

test('what a killed agent had spooled is delivered by the next one, once, with its own times', wholeMachine, async (t) => {
  const cwd = temporaryDirectory(t)
  let down = true
  const collector = await intake(t, (response, number, request) => {
    if (down) response.writeHead(503).end()
    else TAKE_OTLP(response, number, request)
  })
  const setup = { cwd, consumers: { otlp_profiles: { endpoint: collector.url } } }
  const first = await deliveringAgent(t, setup)
  await first.statusThat((status) => deliveryIn(status).spooled.payloads >= 3)
  await first.kill()
  const killed = unixNs()
  const spooled = spooledFor(cwd, 'otlp_profiles')
  const before = collector.requests.length
  assert.ok(spooled.length >= 3)
  down = false
  const next = await deliveringAgent(t, setup)
  await next.statusThat((now) => deliveryIn(now).replayed.payloads === spooled.length)
  const asked = sonde(['status', '--json', '--data-directory', 'out'], { cwd })
  const status = JSON.parse(asked.stdout) as Status
  assert.equal(
    deliveryIn(status).replayed.samples,
    spooled.reduce((total, { samples }) => total + samples, 0),
  )
  assert.deepEqual(deliveryIn(status).droppedReplays, {})
  const possiblyDuplicated = deliveryIn(status).possiblyDuplicated.payloads
  assert.ok(possiblyDuplicated <= 1, 'only what was under way when it was killed')
  const { summary } = await next.end()
  const accepted = collector.requests.slice(before)
  const replayed = accepted.slice(0, spooled.length)
  assert.deepEqual(
    replayed.map((request) => otlpSamples(profilesIn([request]))),
    spooled.map(({ samples }) => samples),
  )
  for (const { time, duration } of profilesIn(replayed)) assert.ok(time + duration <= killed + SLACK)
  assert.equal(otlpSamples(profilesIn(accepted.slice(spooled.length))), summary.samples.taken)
  assert.equal(new Set(accepted.map(({ body }) => body.toString('latin1'))).size, accepted.length)
})
