import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalog, configOf, document, printed, type Told } from '../../support/run-configs.ts'

const lineOf = (text: string, key: string): string =>
  text
    .split('\n')
    .find((line) => line.trimStart().startsWith(key))
    ?.trim() ?? ''

test('each value says where it comes from', () => {
  const file = document('sampler: {window: 2s}', 'consumers:', '  - type: datadog_pprof', '    tags: {a: b}')
  const text = printed(file, {
    options: ['--sampler-max-stack', '64', '--lock-down', '--perf-data'],
    environment: { SONDE_SHUTDOWN_DEADLINE: '9s', DD_ENV: 'prod', DD_TAGS: 'c:d' },
  })
  assert.equal(lineOf(text, 'window:'), 'window: 2s  # file agent.yaml:4')
  assert.equal(lineOf(text, 'maxStack:'), 'maxStack: 64  # flag --sampler-max-stack')
  assert.equal(lineOf(text, 'lockDown:'), 'lockDown: true  # flag --lock-down')
  assert.equal(lineOf(text, 'frequency:'), 'frequency: 99  # default')
  assert.equal(lineOf(text, 'deadline:'), 'deadline: 9s  # environment SONDE_SHUTDOWN_DEADLINE')
  assert.equal(lineOf(text, '- type: datadog_pprof'), '- type: datadog_pprof  # file agent.yaml:6')
  assert.equal(lineOf(text, '- type: perf_data'), '- type: perf_data  # flag --perf-data')
  assert.equal(lineOf(text, 'env:'), 'env: prod  # environment DD_ENV')
  assert.equal(lineOf(text, 'a:'), 'a: b  # file agent.yaml:7')
  assert.equal(lineOf(text, 'c:'), 'c: d  # environment DD_TAGS')
  assert.equal(lineOf(text, 'mode:'), 'mode: "0600"  # default')
})

test('the standard’s variable holds against the file, and gives way to the setting’s own', () => {
  const file = document('consumers: [{type: otlp_profiles, timeout: 1s, endpoint: "http://own:4318"}]')
  const standard = {
    OTEL_EXPORTER_OTLP_TIMEOUT: '5000',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all:4318',
  }
  const text = printed(file, { environment: standard })
  assert.equal(lineOf(text, 'timeout:'), 'timeout: 5000ms  # environment OTEL_EXPORTER_OTLP_TIMEOUT')
  assert.equal(lineOf(text, 'endpoint:'), 'endpoint: http://own:4318  # file agent.yaml:4')
  const exact = { OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT: 'http://exact:4318/p' }
  assert.match(
    lineOf(printed(file, { environment: exact }), 'endpoint:'),
    /^endpoint: http:\/\/exact:4318\/p {2}# environment/,
  )
  const told = { options: ['--otlp-profiles-timeout', '7s'], environment: standard }
  assert.equal(lineOf(printed(file, told), 'timeout:'), 'timeout: 7s  # flag --otlp-profiles-timeout')
})

test('what is off has no defaults', () => {
  const text = printed(document('consumers: [{type: otlp_profiles, spool: off}, {type: perf_data, file: a}]'))
  assert.equal(lineOf(text, 'spool:'), 'spool: off  # file agent.yaml:4')
  for (const key of ['maxBytes:', 'debuginfod:', 'directory:', 'period:']) assert.equal(lineOf(text, key), '')
  const period = printed(document('sampler: {period: 5}', 'consumers: [{type: files}]'))
  assert.equal(lineOf(period, 'frequency:'), '')
})

const RICH = document(
  'sampler:',
  '  {events: [cpu-clock, "page-faults:u"], period: 12345, filter: {include: [{cgroup: /a}], thin: [{comm: "x # y", oneIn: 3}]}}',
  'symbols: {sources: [plt], debuginfod: {urls: ["http://127.0.0.1:1"]}}',
  'serviceNameRules: [{match: {environment: {A: "*"}}, serviceName: "two: words"}]',
  'consumers:',
  '  - {type: files, file: [a.pb.gz, b.html]}',
  '  - {type: datadog_pprof, url: "http://agent:8126", tags: {a: "1", "b c": "yes"}, spool: off}',
)

const ADDED: Told = {
  options: [
    '--otlp-profiles-endpoint',
    'http://h:1',
    '--otlp-profiles-spool-max-bytes',
    '2MiB',
    '--sampler-window',
    '1m30s',
  ],
  environment: { SONDE_PERF_DATA_MODE: '0640', SONDE_OTLP_PROFILES_TLS_SERVER_NAME: 'null' },
}

/** Without functions, which are compared by what they are made of. */
const plainOf = (text: string, told?: Told) => {
  const { config, overlay } = configOf(text, told)
  const { consumers: _, ...rest } = config
  const sections = catalog.consumers.map(({ type, schema }) => {
    const section = overlay.valueAt({ consumer: type, keys: [] }) as Record<string, unknown> | undefined
    if (section === undefined) return undefined
    const { type: __, ...options } = section
    return schema.parse(options)
  })
  return { ...rest, sections }
}

test('what is printed is a configuration that says the same, and prints the same', () => {
  const first = printed(RICH, ADDED)
  const again = printed(first)
  const withoutOrigins = (text: string): string => text.replaceAll(/ {2}# .*$/gm, '')
  assert.equal(withoutOrigins(again), withoutOrigins(first))
  assert.deepEqual(plainOf(first), plainOf(RICH, ADDED))
  assert.equal(plainOf(first).sections.filter((section) => section !== undefined).length, 4)
  for (const line of again.split('\n').filter((each) => each.includes('  # ')))
    assert.match(line, / {2}# file agent\.yaml:\d+$/)
})

test('secrets are not printed, wherever they come from', () => {
  const secret = 'hush-hush'
  const file = document(
    `symbols: {debuginfod: {urls: ["https://me:${secret}@host/x"]}}`,
    'consumers:',
    `  - {type: otlp_profiles, headers: {authorization: ${secret}}, endpoint: "https://${secret}@host:4318"}`,
    `  - {type: datadog_pprof, apiKey: ${secret}}`,
  )
  for (const told of [
    {},
    { options: [`--otlp-profiles-headers=x=${secret}`, `--otlp-profiles-endpoint=user:${secret}@host:1`] },
    { environment: { SONDE_DATADOG_PPROF_API_KEY: secret, SONDE_OTLP_PROFILES_HEADERS: `y=${secret}` } },
    { environment: { DD_API_KEY: secret, OTEL_EXPORTER_OTLP_HEADERS: `z=${secret}` } },
    {
      environment: {
        OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT: `http://u:${secret}@h`,
        DD_TRACE_AGENT_URL: `http://u:${secret}@h`,
      },
    },
  ]) {
    const text = printed(file, told)
    assert.ok(!text.includes(secret), text)
    assert.match(text, /apiKey: \(redacted\)/)
    assert.match(text, /urls: \[ ?"?https:\/\/\(redacted\)@host\/x"? ?\]/)
  }
  assert.match(printed(file), /headers:\n {8}authorization: \(redacted\) {2}# file agent\.yaml:6/)
})

test('a consumer that a standard variable asks for is shown with what holds for it', () => {
  const text = printed(
    document('consumers: [{type: perf_data}]'),
    { environment: { DD_API_KEY: 'k' } },
    new Map([['datadog_pprof', 'DD_API_KEY']]),
  )
  assert.match(
    text,
    /- type: datadog_pprof {2}# environment DD_API_KEY\n {6}apiKey: \(redacted\) {2}# environment DD_API_KEY/,
  )
})
