import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib'
import type { EncodedPayload } from '../../../../src/core/encoder.ts'
import { hertz } from '../../../../src/core/units.ts'
import { batchesOf } from '../../../../src/core/window-view.ts'
import { DATADOG_PPROF } from '../../../../src/formats/pprof/dialect.ts'
import { localEncoder } from '../../../support/encoder.ts'
import { type ReadPprof, readPprof } from '../../../support/pprof-reader.ts'
import {
  PERIOD,
  type TestSample,
  type TestWindow,
  UNIX_START,
  WINDOW_LENGTH,
  windowOf,
} from '../../../support/profile-window.ts'
import { type ResourcesByPid, windowWithResources } from '../../../support/resources.ts'
import { sessionInfo } from '../../../support/session.ts'

const pageFaults = sessionInfo({
  id: 1,
  event: { ...sessionInfo().event, name: 'page-faults', unit: 'count' },
  rate: { by: 'frequency', hertz: hertz(99) },
})
const web = {
  service: { name: 'web', from: 'environment' },
  executableName: 'nginx',
  executablePath: '/usr/sbin/nginx',
  containerId: 'c0ffee',
  cgroupPath: '',
} as const
const work = { service: { name: 'work', from: 'executable' }, executableName: 'work' } as const

interface Encoded extends EncodedPayload {
  readonly pprof: ReadPprof
}

/** What becomes of the windows, decompressed, in order. */
async function encoded(
  windows: readonly TestWindow[],
  resources: ResourcesByPid = {},
  compression: 'gzip' | 'zstd' = 'gzip',
): Promise<readonly Encoded[]> {
  const profile = localEncoder.openProfile({ maxBytes: 1 << 26, labels: ['cpu', 'resource'] })
  for (const window of windows) await profile.add(windowWithResources(windowOf(window), resources))
  const sessions = [...new Set(windows.map(({ session }) => (session ?? sessionInfo()).id))]
  const payloads = await profile.payloads({ kind: 'datadog', sessions, compression })
  const decompress = compression === 'gzip' ? gunzipSync : zstdDecompressSync
  return payloads.map((payload) => {
    const bytes = decompress(payload.body)
    assert.equal(bytes.length, payload.plainBytes)
    return { ...payload, pprof: readPprof(bytes) }
  })
}

async function one(samples: readonly TestSample[], resources?: ResourcesByPid): Promise<Encoded> {
  const [payload, ...more] = await encoded([{ samples }], resources)
  assert.ok(payload !== undefined && more.length === 0)
  return payload
}

const namesOf = (payload: Encoded, sample = 0): readonly (readonly string[])[] =>
  payload.pprof.samples[sample]?.locations.map(({ functions }) => functions) ?? []

test('clocks are cpu-samples and cpu-time, which is shown first', async () => {
  const { pprof } = await one([{ stack: ['main@app'], count: 3 }])
  assert.deepEqual(pprof.sampleTypes, ['cpu-samples/count', 'cpu-time/nanoseconds'])
  assert.equal(pprof.defaultSampleType, 'cpu-time')
  assert.equal(pprof.periodType, 'cpu-time/nanoseconds')
  assert.equal(pprof.period, PERIOD)
  assert.deepEqual(pprof.samples[0]?.values, [3n, 3n * PERIOD])
})

test('another event goes by its name, in counts, and is a profile of its own', async () => {
  const payloads = await encoded([
    { samples: [{ stack: ['main@app'] }] },
    { session: pageFaults, samples: [{ stack: ['main@app'], value: 7n, count: 2 }] },
  ])
  assert.deepEqual(
    payloads.map(({ about }) => about?.session),
    [0, 1],
  )
  const faults = payloads[1]?.pprof
  assert.deepEqual(faults?.sampleTypes, ['page-faults-samples/count', 'page-faults/count'])
  assert.equal(faults?.defaultSampleType, 'page-faults')
  assert.deepEqual(faults?.samples[0]?.values, [2n, 14n])
})

test('labels have the names that Datadog knows, ids as texts', async () => {
  const { pprof } = await one([{ stack: ['main@app'], pid: 41, tid: 42, cpu: 3, comm: 'worker' }], {
    41: web,
  })
  assert.deepEqual(pprof.samples[0]?.labels, {
    process_id: '41',
    'thread id': '42',
    'thread name': 'worker',
    'process name': 'nginx',
    'cpu.logical_number': '3',
    container_id: 'c0ffee',
  })
})

test('a sample of the same thread on another CPU, in another container or of another program keeps its own labels', async () => {
  const { pprof } = await one([
    { stack: ['main@app'], pid: 1, tid: 1, cpu: 0, comm: 'a' },
    { stack: ['main@app'], pid: 1, tid: 1, cpu: 1, comm: 'a' },
    { stack: ['main@app'], pid: 1, tid: 1, cpu: 1, comm: 'b' },
  ])
  assert.deepEqual(
    pprof.samples.map(({ labels }) => [labels['cpu.logical_number'], labels['thread name']]),
    [
      ['0', 'a'],
      ['1', 'a'],
      ['1', 'b'],
    ],
  )
})

test('every stack stands on a frame of its program; kernel threads on "kernel"; what is unknown on its name', async () => {
  const payload = await one(
    [
      { stack: ['main@app'], pid: 1 },
      { stack: ['schedule@kernel'], pid: 2, comm: 'kworker/0:1' },
      { stack: ['main@app', '!no frame pointer'], pid: 3, comm: 'gone' },
    ],
    { 1: { ...web, service: { name: 'unknown_service', from: 'default' } } },
  )
  const stacks = payload.pprof.samples.map((_, sample) => namesOf(payload, sample))
  assert.deepEqual(stacks, [
    [['main'], ['nginx']],
    [['schedule'], ['kernel']],
    [['main'], ['no frame pointer'], ['gone']],
  ])
  const root = payload.pprof.samples[0]?.locations.at(-1)
  assert.equal(root?.lines[0]?.file, '/usr/sbin/nginx')
  assert.equal(root?.mapping, undefined)
})

test('stacks that two programs share have each its own root', async () => {
  const service = { name: 'both', from: 'rule' } as const
  const payload = await one(
    [
      { stack: ['main@app'], pid: 1 },
      { stack: ['main@app'], pid: 2 },
    ],
    { 1: { ...web, service }, 2: { ...work, service } },
  )
  assert.deepEqual(
    payload.pprof.samples.map((_, sample) => namesOf(payload, sample).at(-1)),
    [['nginx'], ['work']],
  )
})

test('native code without a name has a mapping with a build id and no line: Datadog has symbols', async () => {
  const { pprof } = await one([{ stack: ['@libc.so.6', 'main@app'] }])
  const [leaf] = pprof.samples[0]?.locations ?? []
  assert.deepEqual(leaf?.functions, [])
  assert.match(leaf?.mapping?.buildId ?? '', /^[0-9a-f]{40}$/)
  assert.ok(leaf !== undefined && leaf.address > 0n)
})

test('a file without a GNU build id goes by Go’s, or by the hash of its content', () => {
  const entry = { buildId: '', goBuildId: 'go/id', contentHash: 'abc' }
  const buildId = (changes: object) =>
    DATADOG_PPROF.buildId({ ...entry, ...changes } as Parameters<typeof DATADOG_PPROF.buildId>[0])
  assert.equal(buildId({ buildId: 'gnu' }), 'gnu')
  assert.equal(buildId({}), 'go/id')
  assert.equal(buildId({ goBuildId: '' }), 'abc')
})

test('each service has one profile, across processes and windows, and says whose it is', async () => {
  const samples = [
    { stack: ['main@app'], pid: 1, count: 2 },
    { stack: ['main@app'], pid: 2 },
    { stack: ['main@other'], pid: 3, count: 5 },
  ]
  const resources = { 1: web, 2: web, 3: work }
  const payloads = await encoded([{ samples }, { samples, sequence: 1 }], resources)
  const time = { session: 0, start: UNIX_START, end: UNIX_START + 2n * WINDOW_LENGTH }
  assert.deepEqual(
    payloads.map(({ about, samples: count, profiles }) => ({ about, count, profiles })),
    [
      {
        about: { ...time, service: 'web', isInferred: false, containerId: 'c0ffee' },
        count: 6,
        profiles: 1,
      },
      { about: { ...time, service: 'work', isInferred: true, containerId: '' }, count: 10, profiles: 1 },
    ],
  )
  assert.deepEqual(
    payloads.map(({ pprof }) => pprof.mappings.map(({ file }) => file)),
    [['/usr/lib/app'], ['/usr/lib/other']],
  )
  assert.deepEqual(
    payloads.map(({ pprof }) => pprof.timeNanos),
    [UNIX_START, UNIX_START],
  )
})

test('a container is told of a profile only when all of its samples are of that one', async () => {
  const containersOf = async (second: Partial<typeof web>): Promise<string | undefined> => {
    const samples = [1, 2].map((pid) => ({ stack: ['main@app'], pid }))
    const [payload] = await encoded([{ samples }], { 1: web, 2: { ...web, ...second } })
    return payload?.about?.containerId
  }
  assert.equal(await containersOf({}), 'c0ffee')
  assert.equal(await containersOf({ containerId: 'decaf' as 'c0ffee' }), '')
  assert.equal(await containersOf({ containerId: '' as 'c0ffee' }), '')
})

test('a service is inferred unless a rule or its environment names it, for one of its processes at least', async () => {
  const inferred = async (...sources: ('rule' | 'environment' | 'container' | 'executable')[]) => {
    const samples = sources.map((_, pid) => ({ stack: ['main@app'], pid: pid + 1 }))
    const entries = sources.map((from, pid) => [pid + 1, { ...web, service: { name: 'web', from } }])
    const [payload] = await encoded([{ samples }], Object.fromEntries(entries) as ResourcesByPid)
    return payload?.about?.isInferred
  }
  assert.equal(await inferred('executable', 'container'), true)
  assert.equal(await inferred('rule'), false)
  assert.equal(await inferred('environment'), false)
  assert.equal(await inferred('executable', 'environment'), false)
})

test('samples stand in order of their stacks, so that they compress', async () => {
  const { pprof } = await one(
    [1, 2, 1, 2, 1].map((stack, index) => ({ stack: [`f${stack}@app`], tid: 10 + index })),
  )
  assert.deepEqual(
    pprof.samples.map(({ locations }) => locations[0]?.functions[0]),
    ['f1', 'f1', 'f1', 'f2', 'f2'],
  )
})

test('zstd is zstd, and holds the same', async () => {
  const windows = [{ samples: [{ stack: ['main@app'] }] }]
  const [zstd] = await encoded(windows, {}, 'zstd')
  const [gzip] = await encoded(windows, {}, 'gzip')
  assert.deepEqual([...(zstd?.body.subarray(0, 4) ?? [])], [0x28, 0xb5, 0x2f, 0xfd])
  assert.deepEqual(zstd?.pprof, gzip?.pprof)
})

test('a session without samples has no profile', async () => {
  assert.deepEqual(await encoded([{ samples: [] }]), [])
})

/** Undefined where go tool pprof is there. */
function noGoPprof(): string | undefined {
  try {
    execFileSync('go', ['tool', 'pprof', '-help'], { stdio: 'ignore', timeout: 60_000 })
    return undefined
  } catch (error) {
    // Its help exits with 2.
    return (error as { readonly status?: number }).status === 2 ? undefined : 'needs go tool pprof'
  }
}

test('go tool pprof reads it as it was meant', { skip: noGoPprof() ?? false }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-go-pprof-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const [payload] = await encoded(
    [{ samples: [{ stack: ['leaf@libc.so.6', '@app', 'main@app'], pid: 41, count: 3 }] }],
    { 41: web },
  )
  assert.ok(payload !== undefined)
  const file = join(directory, 'cpu.pprof')
  writeFileSync(file, gzipSync(gunzipSync(payload.body)))
  const raw = execFileSync('go', ['tool', 'pprof', '-raw', file], { encoding: 'utf8', stdio: 'pipe' })
  assert.match(raw, /PeriodType: cpu-time nanoseconds/)
  assert.match(raw, /cpu-samples\/count cpu-time\/nanoseconds\[dflt\]/)
  assert.match(raw, /3 +30303030: 2 3 4 1/)
  assert.match(raw, /process_id:\[41\]/)
  assert.match(raw, /1: 0x0 +nginx \/usr\/sbin\/nginx:0/)
})

test('windows without anybody’s resources are of one unknown service', async () => {
  const window = windowOf({ samples: [{ stack: ['main@app'] }] })
  assert.equal(batchesOf(window.buffer, window.sessions, { names: window.names }).length, 1)
  const profile = localEncoder.openProfile({ maxBytes: 1 << 20, labels: ['resource'] })
  await profile.add(window)
  const [payload] = await profile.payloads({ kind: 'datadog', sessions: [0], compression: 'zstd' })
  assert.equal(payload?.about?.service, 'unknown_service')
  assert.equal(payload?.about?.isInferred, true)
})
