import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { ProfileBatch } from '../../../../src/core/profile.ts'
import { hertz } from '../../../../src/core/units.ts'
import { intake, intakeAt } from '../../../support/intake.ts'
import { readPprof } from '../../../support/pprof-reader.ts'
import { profileBatchOf, type TestWindow } from '../../../support/profile-window.ts'
import { type ResourcesByPid, withResources } from '../../../support/resources.ts'
import { sessionInfo } from '../../../support/session.ts'
import { given, readUpload, sent, setting } from './setting.ts'

const CONTAINER = 'ab'.repeat(32)
const web = {
  service: { name: 'web', from: 'environment' },
  executableName: 'nginx',
  executablePath: '/usr/sbin/nginx',
  containerId: CONTAINER,
  cgroupPath: '',
} as const
const faults = sessionInfo({
  id: 1,
  event: { ...sessionInfo().event, name: 'page-faults:u', unit: 'count' },
  rate: { by: 'frequency', hertz: hertz(99) },
})

const batch = (window: Partial<TestWindow> = {}, resources: ResourcesByPid = { 100: web }): ProfileBatch =>
  withResources(profileBatchOf({ samples: [{ stack: ['main@app'], count: 3 }], ...window }), resources)

test('an upload is a form of event.json and then cpu.pprof, every field as Datadog’s profiler writes it', async (t) => {
  const { open } = setting(t)
  const far = await intake(t)
  await sent(open({ url: far.url }), [batch()])
  assert.equal(far.requests.length, 1)
  const [request] = far.requests
  assert.ok(request !== undefined)
  const { parts, event, tags, profile } = readUpload(request)
  assert.deepEqual(
    parts.map(({ name, filename, contentType }) => ({ name, filename, contentType })),
    [
      { name: 'event', filename: 'event.json', contentType: 'application/json' },
      { name: 'cpu.pprof', filename: 'cpu.pprof', contentType: 'application/octet-stream' },
    ],
  )
  assert.deepEqual(event, {
    version: '4',
    family: 'ebpf',
    start: '2026-01-02T03:04:05.000Z',
    end: '2026-01-02T03:04:15.000Z',
    attachments: ['cpu.pprof'],
    tags_profiler: tags.join(','),
    info: {
      application: { service: 'web' },
      platform: { hostname: 'node-1', kernel_name: 'Linux', kernel_release: '6.18.0' },
      profiler: { name: 'sonde', version: '0.9.8' },
    },
  })
  assert.deepEqual(tags, [
    'runtime:ebpf',
    'remote_symbols:yes',
    'profiler_name:sonde',
    'profiler_version:0.9.8',
    'cpu_arch:amd64',
    'profile_seq:0',
    'service:web',
    'service_inferred:no',
    'host:node-1',
    'profile_type:cpu',
    'event_name:cpu-clock',
    'ddprof.custom_ctx:container_id',
    'ddprof.custom_ctx:cpu.logical_number',
  ])
  assert.deepEqual(readPprof(zstdDecompressSync(profile)).samples[0]?.values[0], 3n)
})

test('an upload says which configuration asked for it', async (t) => {
  const { open } = setting(t)
  const far = await intake(t)
  const of = (name: string, version: string) =>
    batch({ session: sessionInfo({ id: 7, source: 7, config: { name, version } }), isLast: true })
  await sent(open({ url: far.url }), [of('web', '3'), of('night-shift', '')])
  const tags = far.requests.map((request) =>
    readUpload(request).tags.filter((tag) => tag.startsWith('sonde_')),
  )
  assert.deepEqual(tags, [['sonde_config:web', 'sonde_config_version:3'], ['sonde_config:night-shift']])
})

test('it is posted to the agent’s path with the headers of the profile', async (t) => {
  const { open } = setting(t)
  const far = await intake(t)
  await sent(open({ url: far.url }), [batch()])
  const [request] = far.requests
  assert.equal(request?.method, 'POST')
  assert.equal(request?.path, '/profiling/v1/input')
  const { headers } = request ?? assert.fail()
  assert.equal(headers['dd-evp-origin'], 'sonde')
  assert.equal(headers['dd-evp-origin-version'], '0.9.8')
  assert.equal(headers['datadog-container-id'], CONTAINER)
  assert.equal(headers['datadog-entity-id'], `ci-${CONTAINER}`)
  assert.equal(headers['user-agent'], 'sonde/0.9.8')
  assert.equal(headers['content-length'], String(request?.body.length))
  assert.equal(headers['content-encoding'], undefined)
  assert.equal(headers['dd-api-key'], undefined)
})

test('a profile of two containers, or of some outside of any, goes without the headers of one', async (t) => {
  for (const containerId of ['cd'.repeat(32), '']) {
    const { open } = setting(t)
    const far = await intake(t)
    const samples = [100, 200].map((pid) => ({ stack: ['main@app'], pid }))
    await sent(open({ url: far.url }), [batch({ samples }, { 100: web, 200: { ...web, containerId } })])
    assert.equal(far.requests.length, 1)
    assert.equal(far.requests[0]?.headers['datadog-container-id'], undefined)
    assert.equal(far.requests[0]?.headers['datadog-entity-id'], undefined)
  }
})

test('an agent that listens on a Unix socket is spoken to there', async (t) => {
  const { open, directory } = setting(t)
  const far = await intakeAt(t, join(directory, 'apm.socket'))
  const consumer = open({}, { DD_TRACE_AGENT_URL: far.url })
  await sent(consumer, [batch()])
  assert.equal(far.requests[0]?.path, '/profiling/v1/input')
  assert.deepEqual(readUpload(far.requests[0] ?? assert.fail()).event.attachments, ['cpu.pprof'])
  assert.equal(consumer.outcome().written, 3)
})

test('each service and each event has an upload, and services count theirs', async (t) => {
  const { open } = setting(t)
  const far = await intake(t)
  const work = { service: { name: 'work', from: 'executable' } } as const
  const samples = [100, 200].map((pid) => ({ stack: ['main@app'], pid }))
  const windows = [0, 1].flatMap((sequence) => [
    batch({ samples, sequence }, { 100: web, 200: work }),
    batch({ samples, sequence, session: faults }, { 100: web }),
  ])
  await sent(open({ url: far.url, uploadInterval: '10s' }), windows)
  const uploads = far.requests.map((request) => {
    const { event, tags } = readUpload(request)
    const tag = (key: string) => tags.find((each) => each.startsWith(`${key}:`))
    return [tag('service'), tag('profile_type'), tag('profile_seq'), String(event.attachments)]
  })
  const of = (service: string, kind: string, sequence: number) => [
    `service:${service}`,
    `profile_type:${kind}`,
    `profile_seq:${sequence}`,
    `${kind}.pprof`,
  ]
  const cpu = uploads.filter(([, kind]) => kind === 'profile_type:cpu')
  assert.deepEqual(cpu.map(([service]) => service).sort(), [
    'service:web',
    'service:web',
    'service:work',
    'service:work',
  ])
  assert.ok(uploads.some((upload) => upload.join() === of('web', 'page-faults-u', 1).join()))
  assert.ok(uploads.some((upload) => upload.join() === of('unknown_service', 'page-faults-u', 0).join()))
  for (const service of ['web', 'work', 'unknown_service']) {
    const sequences = uploads.filter(([name]) => name === `service:${service}`).map(([, , number]) => number)
    assert.deepEqual(
      sequences,
      sequences.map((_, index) => `profile_seq:${index}`),
    )
  }
})

test('what is collected goes when the interval is over, without waiting for the end', async (t) => {
  const { open } = setting(t)
  const far = await intake(t)
  const consumer = open({ url: far.url, uploadInterval: '20s' })
  await consumer.start()
  await given(consumer, [batch({ sequence: 0 })])
  assert.equal(far.requests.length, 0)
  await given(consumer, [batch({ sequence: 1 })])
  await far.received(1)
  const { event } = readUpload(far.requests[0] ?? assert.fail())
  assert.deepEqual([event.start, event.end], ['2026-01-02T03:04:05.000Z', '2026-01-02T03:04:25.000Z'])
  await consumer.stop()
  assert.equal(far.requests.length, 1)
  assert.equal(consumer.outcome().written, 6)
})

test('gzip is gzip', async (t) => {
  const { open } = setting(t)
  const far = await intake(t)
  await sent(open({ url: far.url, compression: 'gzip' }), [batch()])
  const { profile } = readUpload(far.requests[0] ?? assert.fail())
  assert.equal(readPprof(gunzipSync(profile)).defaultSampleType, 'cpu-time')
})

test('tags of the environment come before those of the file, and none replaces what a profile says of itself', async (t) => {
  const { open } = setting(t)
  const far = await intake(t)
  const environment = { DD_ENV: 'prod', DD_TAGS: 'team:a, team:b,service:mine, version:7 ,broken,:x,y:' }
  const tags = { team: 'c', region: 'eu, west\nα', host: 'other', runtime: 'go' }
  await sent(open({ url: far.url, env: 'dev', version: '8', tags }, environment), [batch()])
  const { tags: received } = readUpload(far.requests[0] ?? assert.fail())
  const own = ['env', 'team', 'service', 'version', 'region', 'host', 'runtime']
  assert.deepEqual(
    received.filter((tag) => own.includes(tag.slice(0, tag.indexOf(':')))),
    [
      'runtime:ebpf',
      'service:web',
      'host:node-1',
      'env:prod',
      'team:a',
      'team:b',
      'version:7',
      'region:eu_west_α',
    ],
  )
})

test('a name that would break the tags is made one that does not', async (t) => {
  const { open } = setting(t)
  const far = await intake(t)
  const name = `a,service:b\u0000c ${'😀'.repeat(300)}`
  await sent(open({ url: far.url }), [batch({}, { 100: { ...web, service: { name, from: 'rule' } } })])
  const { tags, event } = readUpload(far.requests[0] ?? assert.fail())
  const services = tags.filter((tag) => tag.startsWith('service:'))
  assert.equal(services.length, 1)
  assert.match(services[0] ?? '', /^service:a_service:b_c_(😀)+$/u)
  assert.equal([...(services[0] ?? '')].length, 200)
  assert.equal((event.info as { application: { service: string } }).application.service, name)
})

test('without labels CPUs are not told apart, and not promised', async (t) => {
  const { open } = setting(t)
  const far = await intake(t)
  await sent(open({ url: far.url, labels: [] }), [batch()])
  const { tags, profile } = readUpload(far.requests[0] ?? assert.fail())
  assert.ok(!tags.includes('ddprof.custom_ctx:cpu.logical_number'))
  const { labels } = readPprof(zstdDecompressSync(profile)).samples[0] ?? assert.fail()
  assert.ok(!('cpu.logical_number' in labels))
})
