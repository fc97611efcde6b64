// What Datadog's test agent keeps of an upload: it judges nothing, so every field is held against what is expected here.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { arch, hostname, release } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { VERSION } from '../../src/cli/version.ts'
import { freePort } from '../support/endpoints.ts'
import { readPprof } from '../support/pprof-reader.ts'
import { readSummary, temporaryDirectory } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'
import { readByPprof } from './judges.ts'
import { sonde, start, tools, until, without } from './tools.ts'

const skip = without('testAgent', 'pprof')
const CPU: Readonly<Record<string, string>> = { x64: 'amd64' }

test('Datadog’s agent gets a profile of each service, every field as Datadog reads it', {
  skip,
}, async (t) => {
  const directory = temporaryDirectory(t)
  const shares = workload('shares')
  // What a program's environment says is known of those that live at the end of a window, which is 10 s.
  const summary = join(directory, 'summary.json')
  const agent = await startTestAgent(t)
  const run = await sonde(
    t,
    [
      ...['record', '-F', '99', '--enable-profiling-datadog', '-o', join(directory, 'perf.data')],
      ...['--summary', summary, '--', 'sh', '-c', `${shares} 12 & DD_SERVICE=checkout ${shares} 12 & wait`],
    ],
    { DD_TRACE_AGENT_URL: agent.url, DD_ENV: 'interop', DD_VERSION: '7', DD_TAGS: 'team:core,tier:back' },
  )
  assert.equal(run.status, 0, run.stderr)

  let total = 0
  const services = new Set<string>()
  for (const { url, headers, body } of await agent.requests()) {
    assert.match(url, /\/profiling\/v1\/input$/)
    assert.equal(headers['DD-EVP-ORIGIN'], 'sonde')
    assert.equal(headers['DD-EVP-ORIGIN-VERSION'], VERSION)
    assert.equal(headers['DATADOG-CONTAINER-ID'], undefined)
    assert.equal(headers['DD-API-KEY'], undefined)
    assert.equal(headers['USER-AGENT'], `sonde/${VERSION}`)
    const [event, profile, ...others] = partsOf(body, headers['CONTENT-TYPE'] ?? '')
    assert.deepEqual(others, [])
    assert.equal(event?.disposition, 'form-data; name="event"; filename="event.json"')
    assert.equal(event.type, 'application/json')
    assert.equal(profile?.disposition, 'form-data; name="cpu.pprof"; filename="cpu.pprof"')
    assert.equal(profile.type, 'application/octet-stream')
    services.add(assertEvent(JSON.parse(event.bytes.toString())))
    total += await assertProfile(t, { directory, bytes: zstdDecompressSync(profile.bytes) })
  }
  const { taken } = readSummary(summary).samples
  assert.equal(total, taken)
  assert.ok(
    ['shares', 'checkout'].every((service) => services.has(service)),
    [...services].join(),
  )
  t.diagnostic(`${taken} samples of ${[...services].join(', ')}`)
})

/** The service that it is about. */
function assertEvent(event: Record<string, unknown>): string {
  const { start: from, end, tags_profiler: tags, info, ...rest } = event
  assert.deepEqual(rest, { version: '4', family: 'ebpf', attachments: ['cpu.pprof'] })
  for (const time of [from, end]) assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.ok(Date.parse(String(end)) > Date.parse(String(from)))
  const { application, ...others } = info as { application: { service: string } }
  const { service } = application
  assert.deepEqual(others, {
    platform: { hostname: hostname(), kernel_name: 'Linux', kernel_release: release() },
    profiler: { name: 'sonde', version: VERSION },
  })
  assert.deepEqual(String(tags).split(',').sort(), [
    `cpu_arch:${CPU[arch()] ?? arch()}`,
    'ddprof.custom_ctx:container_id',
    'ddprof.custom_ctx:cpu.logical_number',
    'env:interop',
    'event_name:cpu-clock',
    `host:${hostname()}`,
    'profile_seq:0',
    'profile_type:cpu',
    'profiler_name:sonde',
    `profiler_version:${VERSION}`,
    'remote_symbols:yes',
    'runtime:ebpf',
    `service:${service}`,
    `service_inferred:${service === 'checkout' ? 'no' : 'yes'}`,
    'team:core',
    'tier:back',
    'version:7',
  ])
  return service
}

/** How many samples google/pprof reads in it. */
async function assertProfile(
  t: TestContext,
  { directory, bytes }: { readonly directory: string; readonly bytes: Buffer },
): Promise<number> {
  const { sampleTypes, periodType, period, samples, mappings } = readPprof(bytes)
  assert.deepEqual(sampleTypes, ['cpu-samples/count', 'cpu-time/nanoseconds'])
  assert.equal(periodType, 'cpu-time/nanoseconds')
  assert.equal(period, 10_101_010n)
  for (const { labels, locations } of samples) {
    assert.equal(locations.at(-1)?.functions.join(), labels['process name'], 'the root is not the program')
    const { process_id: pid, 'thread id': tid, 'cpu.logical_number': cpu, ...names } = labels
    for (const number of [pid, tid, cpu]) assert.match(String(number), /^\d+$/)
    assert.ok(names['thread name'] !== undefined && names['process name'] !== undefined)
  }
  const files = mappings.filter(({ file }) => file.startsWith('/'))
  assert.ok(files.length > 0 && files.every(({ buildId }) => buildId !== ''))
  const file = join(directory, 'profile.pprof')
  writeFileSync(file, bytes)
  const { total } = await readByPprof(t, file, ['-sample_index=cpu-samples'])
  assert.equal((await readByPprof(t, file)).total, total * 10_101_010, 'cpu-time is what is shown')
  return total
}

interface Upload {
  readonly url: string
  /** By names in capitals. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

async function startTestAgent(t: TestContext) {
  const [port, otlpHttp, otlpGrpc] = [await freePort(), await freePort(), await freePort()]
  const otlp = [`--otlp-http-port=${otlpHttp}`, `--otlp-grpc-port=${otlpGrpc}`]
  start(t, [tools.testAgent, `--port=${port}`, ...otlp], { cwd: temporaryDirectory(t) })
  const url = `http://127.0.0.1:${port}`
  await until('the test agent answers', () =>
    fetch(`${url}/info`).then(
      ({ ok }) => ok || undefined,
      () => undefined,
    ),
  )
  const requests = async (): Promise<readonly Upload[]> => {
    const kept = (await (await fetch(`${url}/test/session/requests`)).json()) as readonly {
      readonly url: string
      readonly headers: Readonly<Record<string, string>>
      readonly body: string
    }[]
    return kept
      .filter(({ url }) => url.includes('/profiling/'))
      .map(({ url, headers, body }) => ({
        url,
        headers: Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
        ),
        body: Buffer.from(body, 'base64'),
      }))
  }
  return { url, requests }
}

interface Part {
  readonly disposition: string
  readonly type: string
  readonly bytes: Buffer
}

/** Of a multipart form, byte for byte (RFC 7578). */
function partsOf(body: Buffer, contentType: string): readonly Part[] {
  const boundary = /^multipart\/form-data; boundary="?([^"]+)"?$/.exec(contentType)?.[1]
  assert.ok(boundary, `no boundary in ${contentType}`)
  const pieces = body.toString('latin1').split(`--${boundary}`)
  assert.equal(pieces.shift(), '')
  assert.equal(pieces.pop()?.trim(), '--')
  return pieces.map((piece) => {
    const at = piece.indexOf('\r\n\r\n')
    const headers = piece.slice(2, at).split('\r\n')
    const headerOf = (name: string): string =>
      headers.find((line) => line.toLowerCase().startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
    return {
      disposition: headerOf('content-disposition'),
      type: headerOf('content-type'),
      bytes: Buffer.from(piece.slice(at + 4, -2), 'latin1'),
    }
  })
}
