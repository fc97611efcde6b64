import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tracesEndpointOf } from '../../../src/tracing/endpoint.ts'
import { ownResource } from '../../../src/tracing/resource.ts'

const GENERAL = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
const OWN = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:4318/here' }

const urlOf = (environment: Record<string, string>): string => {
  const endpoint = tracesEndpointOf(environment)
  return endpoint.send === 'to' ? endpoint.url : endpoint.send
}

test('nothing is sent where nobody asks for it', () => {
  assert.equal(urlOf({}), 'nowhere')
  assert.equal(urlOf({ OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ' ' }), 'nowhere')
  assert.equal(urlOf({ OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT: 'http://profiles:4318' }), 'nowhere')
})

test('the endpoint of traces is used as it is, the general one has a path of ours', () => {
  assert.equal(urlOf(OWN), 'http://traces:4318/here')
  assert.equal(urlOf(GENERAL), 'http://collector:4318/v1/traces')
  assert.equal(urlOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c/base/' }), 'https://c/base/v1/traces')
  assert.equal(urlOf({ ...GENERAL, ...OWN }), 'http://traces:4318/here')
})

test('the SDK, or traces alone, can be switched off', () => {
  assert.equal(urlOf({ ...OWN, OTEL_SDK_DISABLED: 'TRUE' }), 'nowhere')
  assert.equal(urlOf({ ...GENERAL, OTEL_TRACES_EXPORTER: 'none' }), 'nowhere')
  assert.equal(
    urlOf({ ...OWN, OTEL_SDK_DISABLED: 'false', OTEL_TRACES_EXPORTER: 'otlp' }),
    'http://traces:4318/here',
  )
})

test('of an endpoint for gRPC none for traces follows', () => {
  const endpoint = tracesEndpointOf({ ...GENERAL, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })
  assert.equal(endpoint.send, 'impossible')
  assert.equal(urlOf({ ...GENERAL, ...OWN, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }), 'http://traces:4318/here')
  assert.equal(urlOf({ ...OWN, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' }), 'impossible')
  assert.equal(
    urlOf({
      ...GENERAL,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
    }),
    'http://collector:4318/v1/traces',
  )
})

test('what is no URL is told by its variable, without its value', () => {
  for (const url of ['user:planted-secret@collector', 'ftp://planted-secret']) {
    const endpoint = tracesEndpointOf({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url })
    assert.equal(endpoint.send, 'impossible')
    assert.match(JSON.stringify(endpoint), /OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is no http/)
    assert.ok(!JSON.stringify(endpoint).includes('planted-secret'))
  }
})

const self = { version: '0.1.0', hostname: 'node-1' }

test('the resource says whose spans they are, and where from', () => {
  assert.deepEqual(ownResource({}, self), {
    'host.name': 'node-1',
    'service.name': 'sonde',
    'service.version': '0.1.0',
  })
  const environment = {
    OTEL_SERVICE_NAME: 'profiler',
    OTEL_RESOURCE_ATTRIBUTES: 'k8s.cluster.name=a%20b, host.name=other,service.name=not-me,broken,=x,bad=%zz',
  }
  assert.deepEqual(ownResource(environment, self), {
    'host.name': 'other',
    'k8s.cluster.name': 'a b',
    'service.name': 'profiler',
    'service.version': '0.1.0',
  })
})
