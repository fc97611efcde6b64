// Whatever the agent and its targets are told in confidence appears nowhere that somebody reads.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import {
  busyChild,
  contentBelow,
  deliveringAgent,
  deliveryIn,
  plainEnvironment,
  wholeMachine,
} from '../support/delivering-agent.ts'
import { forwardProxy, freePort } from '../support/endpoints.ts'
import { type Answer, intake } from '../support/intake.ts'
import { readMultipart } from '../support/multipart-reader.ts'
import { launcher, run, sonde, temporaryDirectory } from '../support/sonde.ts'

const SECRETS = {
  header: 'planted-header-0a1b',
  fileHeader: 'planted-file-header-2c3d',
  variableHeader: 'planted-variable-header-4e5f',
  apiKey: 'planted0api0key06a7b8c9d0e1f2a3b',
  password: 'planted-url-password-6071',
  proxyPassword: 'planted-proxy-password-8293',
  target: 'planted-target-secret-a4b5',
  attribute: 'planted-attribute-c6d7',
} as const

/** As they are, and as Basic authorization spells those that are passwords. */
const SPELLINGS = [
  ...Object.values(SECRETS),
  Buffer.from(`user:${SECRETS.password}`).toString('base64'),
  Buffer.from(`proxy:${SECRETS.proxyPassword}`).toString('base64'),
]

function assertNoSecrets(where: string, text: string): void {
  for (const secret of SPELLINGS)
    assert.ok(!text.includes(secret), `${where} has ${secret}: ${text.slice(0, 2_000)}`)
}

/** Servers repeat what they were sent. */
const parrot =
  (status: number): Answer =>
  (response, _, { rawHeaders, path }) =>
    void response.writeHead(status, { 'content-type': 'text/plain' }).end(`${path} ${rawHeaders.join(' ')}`)

const withPassword = (url: string): string => url.replace('://', `://user:${SECRETS.password}@`)

for (const status of [400, 503]) {
  test(
    `no secret is read anywhere when endpoints answer ${status} with what they were sent`,
    wholeMachine,
    async (t) => {
      const cwd = temporaryDirectory(t)
      const [collector, datadog] = [await intake(t, parrot(status)), await intake(t, parrot(status))]
      writeFileSync(join(cwd, 'headers'), `x-file: ${SECRETS.fileHeader}\n`)
      const child = busyChild(t, {
        OTEL_SERVICE_NAME: 'planted-service',
        TARGET_SECRET: SECRETS.target,
        OTEL_RESOURCE_ATTRIBUTES: `token=${SECRETS.attribute},service.name=not-this`,
      })
      const agent = await deliveringAgent(t, {
        cwd,
        consumers: {
          otlp_profiles: {
            endpoint: withPassword(collector.url),
            headers: { 'x-config': SECRETS.header },
            headersFile: join(cwd, 'headers'),
            keepRefused: 10,
          },
          datadog_pprof: { intakeUrl: withPassword(datadog.url), uploadInterval: '1s', keepRefused: 10 },
        },
        environment: {
          OTEL_EXPORTER_OTLP_HEADERS: `x-variable=${SECRETS.variableHeader}`,
          DD_API_KEY: SECRETS.apiKey,
        },
        options: ['--log-level', 'debug'],
      })
      const status_ = await agent.statusThat((now) =>
        ['otlp_profiles', 'datadog_pprof'].every((consumer) => now.consumers[consumer]?.trouble !== null),
      )
      assertNoSecrets('the status', JSON.stringify(status_))
      assertNoSecrets('its text', sonde(['status', '--data-directory', 'out'], { cwd }).stdout)
      const { text, summary } = await agent.end()
      assert.ok(summary.samples.taken > 0 && child.exitCode === null)
      assertNoSecrets('the log', text)
      assertNoSecrets('a file', contentBelow(join(cwd, 'out')))
      assertNoSecrets('the summary', JSON.stringify(summary))

      // They were sent, or nothing is proved.
      const sent = collector.requests[0]?.rawHeaders.join(' ') ?? ''
      for (const name of ['header', 'fileHeader', 'variableHeader'] as const)
        assert.ok(sent.includes(SECRETS[name]), name)
      assert.ok(sent.includes(Buffer.from(`user:${SECRETS.password}`).toString('base64')))
      assert.ok(datadog.requests[0]?.rawHeaders.includes(SECRETS.apiKey))
      // And what the target is called is in what was sent; the rest of its environment is not.
      const bodies = [
        ...collector.requests.map(({ body }) => gunzipSync(body)),
        ...datadog.requests.flatMap(({ headers, body }) =>
          readMultipart(headers['content-type'] ?? '', body).map(({ name, bytes }) =>
            name === 'event' ? bytes : zstdDecompressSync(bytes),
          ),
        ),
      ].map((bytes) => bytes.toString('latin1'))
      assert.ok(bodies.some((body) => body.includes('planted-service')))
      assertNoSecrets('a payload', bodies.join('\n'))
    },
  )
}

test('no password of a proxy is read anywhere, whether it works or not', wholeMachine, async (t) => {
  const cwd = temporaryDirectory(t)
  const proxy = await forwardProxy(t, () => 0)
  const deadPort = await freePort()
  const withProxyPassword = (url: string): string => url.replace('://', `://proxy:${SECRETS.proxyPassword}@`)
  for (const url of [proxy.url, `http://127.0.0.1:${deadPort}`]) {
    const agent = await deliveringAgent(t, {
      cwd,
      consumers: {
        otlp_profiles: { endpoint: 'http://collector.test:4318' },
        datadog_pprof: { url: 'http://datadog.test:8126', uploadInterval: '1s' },
      },
      environment: { http_proxy: withProxyPassword(url) },
      options: ['--log-level', 'debug'],
    })
    const status = await agent.statusThat(
      (now) => deliveryIn(now).delivered.payloads + deliveryIn(now).queued.payloads >= 2,
    )
    assertNoSecrets('the status', JSON.stringify(status))
    const { text } = await agent.end()
    assertNoSecrets('the log', text)
    assertNoSecrets('a file', contentBelow(join(cwd, 'out')))
  }
  const basic = `Basic ${Buffer.from(`proxy:${SECRETS.proxyPassword}`).toString('base64')}`
  assert.ok(proxy.authorizations.includes(basic))
})

test('what is said of secrets that cannot be used does not repeat them, whoever asked', (t) => {
  const cwd = temporaryDirectory(t)
  const wrong: readonly Readonly<Record<string, string>>[] = [
    { OTEL_EXPORTER_OTLP_HEADERS: SECRETS.variableHeader },
    { OTEL_EXPORTER_OTLP_HEADERS: `x=%0a${SECRETS.variableHeader}` },
    { OTEL_EXPORTER_OTLP_ENDPOINT: `htp://user:${SECRETS.password}@host` },
    { OTEL_EXPORTER_OTLP_ENDPOINT: `http://user:${SECRETS.password}@host:port` },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://host', http_proxy: `socks://proxy:${SECRETS.proxyPassword}@x` },
    { DD_TRACE_AGENT_URL: `ftp://user:${SECRETS.password}@host` },
    { DD_API_KEY: `${SECRETS.apiKey}\u0001` },
  ]
  for (const variables of wrong) {
    const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
    const kept = Object.entries(plainEnvironment()).map(([name, value]) => `${name}=${value}`)
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://host' }
    const all = [...kept, ...Object.entries(endpoint).map(([name, value]) => `${name}=${value}`), ...settings]
    const recorded = (...options: string[]) =>
      run('env', ['-i', ...all, launcher, 'record', '--log-level', 'debug', ...options, '--', 'true'], {
        cwd,
      })
    const asked = recorded('--otlp-profiles-preset', 'collector', '--enable-profiling-datadog')
    assert.notEqual(asked.status, 0, `${settings}`)
    assert.match(asked.stderr, /^sonde record: .+/m)
    assertNoSecrets(Object.keys(variables).join(), asked.stderr + asked.stdout)
    // What only the environment asks for is left out, and the command runs; nothing listens on the other endpoint.
    const left = recorded()
    assert.match(left.stderr, /is left out, which the environment asks for: /)
    assertNoSecrets(Object.keys(variables).join(), left.stderr + left.stdout)
  }
})
