import assert from 'node:assert/strict'
import test from 'node:test'
import { otlpEndpoint } from '../../../../src/consumers/otlp-profiles/endpoint.ts'
import type { Environment } from '../../../../src/consumers/otlp-profiles/exporter-environment.ts'
import { hostAttributes } from '../../../../src/consumers/otlp-profiles/host-attributes.ts'
import { presetOf } from '../../../../src/consumers/otlp-profiles/presets.ts'
import { otlpProfilesSchema } from '../../../../src/consumers/otlp-profiles/schema.ts'

const endpointOf = (section: unknown, environment: Environment = {}) =>
  otlpEndpoint(otlpProfilesSchema.parse(section), environment, '0.1.0')
const urlOf = (section: unknown, environment: Environment = {}): string =>
  endpointOf(section, environment).options.url
const headersOf = (section: unknown, environment: Environment = {}) =>
  endpointOf(section, environment).options.headers

const ALL = 'OTEL_EXPORTER_OTLP_ENDPOINT'
const PROFILES = 'OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT'

test('the endpoint of all signals gets the path of profiles; that of profiles is used as it is', () => {
  assert.equal(urlOf({}, { [ALL]: 'http://c:4318' }), 'http://c:4318/v1development/profiles')
  assert.equal(urlOf({}, { [ALL]: 'http://c:4318/base/' }), 'http://c:4318/base/v1development/profiles')
  assert.equal(urlOf({}, { [PROFILES]: 'http://c:4318/mine' }), 'http://c:4318/mine')
  assert.equal(urlOf({}, { [PROFILES]: 'http://c:4318' }), 'http://c:4318')
  assert.equal(urlOf({}, { [ALL]: 'http://a:1', [PROFILES]: 'http://b:2/x' }), 'http://b:2/x')
  assert.equal(urlOf({}, { [ALL]: '  ' }), 'http://localhost:4318/v1development/profiles')
})

test('a configured endpoint has a path of its own, or gets the usual one', () => {
  assert.equal(urlOf({ endpoint: 'https://c' }), 'https://c/v1development/profiles')
  assert.equal(urlOf({ endpoint: 'https://c/otlp' }), 'https://c/otlp')
})

test('grpc has no path, and may be written host:port', () => {
  const environment = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', [ALL]: 'c:4317' }
  assert.equal(urlOf({}, environment), 'https://c:4317')
  assert.equal(urlOf({}, { ...environment, OTEL_EXPORTER_OTLP_INSECURE: 'true' }), 'http://c:4317')
  assert.equal(urlOf({}, { ...environment, OTEL_EXPORTER_OTLP_PROFILES_INSECURE: 'TRUE' }), 'http://c:4317')
  assert.equal(urlOf({ insecure: true }, environment), 'http://c:4317')
  assert.equal(urlOf({ preset: 'parca' }), 'http://localhost:7070')
})

test('every standard variable has its form for profiles, which goes first', () => {
  const { options, compression, protocol } = endpointOf(
    {},
    {
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_PROFILES_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_EXPORTER_OTLP_PROFILES_COMPRESSION: 'none',
      OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
      OTEL_EXPORTER_OTLP_PROFILES_TIMEOUT: '2000',
      OTEL_EXPORTER_OTLP_HEADERS: 'a=1',
      OTEL_EXPORTER_OTLP_PROFILES_HEADERS: 'b=two%20words,c=3',
      OTEL_EXPORTER_OTLP_CERTIFICATE: '/ca',
      OTEL_EXPORTER_OTLP_PROFILES_CLIENT_CERTIFICATE: '/cert',
      OTEL_EXPORTER_OTLP_CLIENT_KEY: '/key',
    },
  )
  assert.equal(protocol, 'http/protobuf')
  assert.equal(compression, 'none')
  assert.equal(options.timeoutMs, 2000)
  assert.deepEqual(options.headers, { 'otlp-profiles-development-version': '1', b: 'two words', c: '3' })
  assert.deepEqual(options.tls, { caFile: '/ca', certFile: '/cert', keyFile: '/key', serverName: undefined })
})

test('a variable that cannot be used is named, without its value where that may be a secret', () => {
  const wrong: readonly (readonly [Environment, RegExp])[] = [
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, /OTEL_EXPORTER_OTLP_PROTOCOL .*http\/protobuf, grpc/],
    [{ OTEL_EXPORTER_OTLP_TIMEOUT: '10s' }, /OTEL_EXPORTER_OTLP_TIMEOUT .*milliseconds/],
    [{ OTEL_EXPORTER_OTLP_PROFILES_COMPRESSION: 'lz4' }, /PROFILES_COMPRESSION .*gzip, zstd, none/],
    [{ OTEL_EXPORTER_OTLP_HEADERS: 'a=1,SECRET' }, /OTEL_EXPORTER_OTLP_HEADERS .*name=value/],
    [{ [ALL]: 'c:4318' }, /expected an http or https URL/],
  ]
  for (const [environment, message] of wrong) {
    assert.throws(
      () => endpointOf({}, environment),
      (error: Error) => {
        assert.match(error.message, message)
        assert.ok(!error.message.includes('SECRET'))
        return true
      },
    )
  }
})

test('the endpoint of all signals does not take a configured endpoint’s profiles elsewhere; that of profiles does', () => {
  const section = { endpoint: 'https://me.example' }
  assert.equal(urlOf(section, { [ALL]: 'http://other:4318' }), 'https://me.example/v1development/profiles')
  assert.equal(urlOf(section, { [PROFILES]: 'http://other:4318/p' }), 'http://other:4318/p')
  assert.match(
    urlOf({ preset: 'datadog' }, { [ALL]: 'http://other:4318' }),
    /^https:\/\/intake\.profile\.datadoghq\.com\//,
  )
})

test('headers of a configured endpoint, and Datadog’s key, go to no other', () => {
  const mine = {
    endpoint: 'https://me.example',
    headers: { authorization: 'Bearer mine' },
    headersFile: '/secret',
  }
  const elsewhere = { [PROFILES]: 'http://other:4318/p', DD_API_KEY: 'KEY' }
  assert.equal(headersOf(mine)?.authorization, 'Bearer mine')
  assert.equal(headersOf(mine, elsewhere)?.authorization, undefined)
  assert.equal(endpointOf(mine, elsewhere).options.headersFile, undefined)
  assert.equal(headersOf(mine, { [PROFILES]: 'https://me.example/p' })?.authorization, 'Bearer mine')
  assert.equal(headersOf({ preset: 'datadog' }, { DD_API_KEY: 'KEY' })?.['dd-api-key'], 'KEY')
  assert.equal(headersOf({ preset: 'datadog' }, elsewhere)?.['dd-api-key'], undefined)
  // Without an endpoint of its own a section says only how the environment's is spoken to.
  assert.equal(headersOf({ headers: { a: '1' } }, elsewhere)?.a, '1')
})

test('presets refuse what their backend does not take, in words', () => {
  assert.throws(
    () => endpointOf({ preset: 'parca', protocol: 'http/protobuf' }),
    /parca does not take http\/protobuf; use grpc/,
  )
  assert.throws(
    () => endpointOf({ preset: 'pyroscope', compression: 'zstd' }),
    /pyroscope does not take zstd; use gzip/,
  )
  assert.throws(() => endpointOf({ protocol: 'grpc', compression: 'zstd' }), /zstd over grpc; use gzip/)
  assert.equal(presetOf({ SONDE_OTLP_PROFILES_PRESET: 'parca' }), 'parca')
  assert.equal(presetOf({}), undefined)
  assert.throws(
    () => presetOf({ SONDE_OTLP_PROFILES_PRESET: 'colector' }),
    /'colector'.*collector, pyroscope/,
  )
})

test('the agent’s attributes of host and cluster are every profile’s; those of its own pod and service are nobody’s', () => {
  const OTEL_RESOURCE_ATTRIBUTES = [
    'k8s.cluster.name=prod%20eu,k8s.node.name=n1,cloud.region=eu,deployment.environment.name=live',
    'service.name=sonde,k8s.pod.name=sonde-x7,container.id=abc,process.pid=1,bad',
  ].join()
  assert.deepEqual(hostAttributes({ hostname: 'node-1' }, { OTEL_RESOURCE_ATTRIBUTES }), {
    'host.name': 'node-1',
    'k8s.cluster.name': 'prod eu',
    'k8s.node.name': 'n1',
    'cloud.region': 'eu',
    'deployment.environment.name': 'live',
  })
  assert.deepEqual(hostAttributes({ hostname: 'a' }, { OTEL_RESOURCE_ATTRIBUTES: 'host.name=b' }), {
    'host.name': 'b',
  })
})
