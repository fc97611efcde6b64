import assert from 'node:assert/strict'
import test from 'node:test'
import { type Destination, destinationOf } from '../../../../src/consumers/datadog-pprof/destination.ts'
import { datadogPprofSchema } from '../../../../src/consumers/datadog-pprof/schema.ts'

const SOCKET = '/var/run/datadog/apm.socket'

const destination = (
  section: object,
  environment: Readonly<Record<string, string>> = {},
  there: readonly string[] = [],
): Destination =>
  destinationOf(datadogPprofSchema.parse(section), environment, (path) => there.includes(path))

const agent = (origin: string): Destination => ({
  via: 'agent',
  url: `${origin}/profiling/v1/input`,
  socketPath: undefined,
})
const socket = (socketPath: string): Destination => ({
  via: 'agent',
  url: 'http://localhost/profiling/v1/input',
  socketPath,
})
const intake = (url: string, value = 'key'): Destination => ({
  via: 'intake',
  url,
  apiKey: { in: 'configuration', value },
})

test('where nobody says anything it is the agent of this machine: its socket if it is there, else its port', () => {
  assert.deepEqual(destination({}), agent('http://localhost:8126'))
  assert.deepEqual(destination({}, {}, [SOCKET]), socket(SOCKET))
})

test('the environment names the agent by URL, or by host and port', () => {
  const of = (environment: Record<string, string>) => destination({ url: 'http://file:1' }, environment)
  assert.deepEqual(of({ DD_TRACE_AGENT_URL: 'http://a:2', DD_AGENT_HOST: 'b' }), agent('http://a:2'))
  assert.deepEqual(of({ DD_TRACE_AGENT_URL: 'unix:///run/a.sock' }), socket('/run/a.sock'))
  assert.deepEqual(of({ DD_AGENT_HOST: 'b' }), agent('http://b:8126'))
  assert.deepEqual(of({ DD_AGENT_HOST: 'b', DD_TRACE_AGENT_PORT: '9' }), agent('http://b:9'))
  assert.deepEqual(of({ DD_AGENT_HOST: 'fd00::1' }), agent('http://[fd00::1]:8126'))
  assert.deepEqual(of({ DD_TRACE_AGENT_PORT: '9' }), agent('http://localhost:9'))
  assert.deepEqual(of({ DD_TRACE_AGENT_URL: ' ', DD_AGENT_HOST: '' }), agent('http://file:1'))
})

test('the path is appended unless it is there', () => {
  for (const url of ['http://a:2', 'http://a:2/', 'http://a:2/profiling/v1/input']) {
    assert.deepEqual(destination({ url }), agent('http://a:2'))
  }
  assert.deepEqual(destination({ url: 'http://a:2/gate/' }), agent('http://a:2/gate'))
})

test('with an API key and no agent it is Datadog’s intake of the site', () => {
  assert.deepEqual(
    destination({}, { DD_API_KEY: 'key' }, [SOCKET]),
    intake('https://intake.profile.datadoghq.com/api/v2/profile'),
  )
  const url = 'https://intake.profile.datadoghq.eu/api/v2/profile'
  assert.deepEqual(destination({ apiKey: 'key', site: 'datadoghq.eu' }), intake(url))
  const environment = { DD_SITE: 'datadoghq.eu', DD_API_KEY: 'newer' }
  assert.deepEqual(
    destination({ apiKey: 'key', site: 'us3.datadoghq.com' }, environment),
    intake(url, 'newer'),
  )
  assert.deepEqual(destination({ apiKey: 'key', intakeUrl: 'http://a/b' }), intake('http://a/b'))
  assert.deepEqual(destination({ apiKeyFile: '/run/key', intakeUrl: 'http://a/b' }), {
    ...{ via: 'intake', url: 'http://a/b' },
    apiKey: { in: 'file', path: '/run/key' },
  })
})

test('an agent that is named goes before a key', () => {
  assert.deepEqual(destination({ url: 'http://a:2' }, { DD_API_KEY: 'key' }), agent('http://a:2'))
  assert.deepEqual(destination({ apiKey: 'key' }, { DD_AGENT_HOST: 'a' }), agent('http://a:8126'))
})

test('what cannot be used is said by where it came from, without its value', () => {
  const of = (section: object, environment?: Record<string, string>) => () =>
    destination(section, environment)
  assert.throws(of({ url: 'ftp://user:hunter2@a' }), (error: Error & { code: string }) => {
    assert.equal(error.code, 'DATADOG.AGENT_URL')
    assert.match(error.message, /DD_TRACE_AGENT_URL/)
    assert.doesNotMatch(error.message, /hunter2/)
    return true
  })
  assert.throws(of({ apiKey: 'key' }, { DD_SITE: 'evil/x?' }), { code: 'DATADOG.SITE', message: /DD_SITE/ })
  assert.throws(of({ intakeUrl: 'http://a' }), { code: 'DATADOG.NO_API_KEY', message: /apiKeyFile/ })
  assert.throws(() => datadogPprofSchema.parse({ apiKey: 'a', apiKeyFile: 'b' }), /not both/)
})
