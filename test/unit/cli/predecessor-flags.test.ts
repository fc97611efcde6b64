import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PREDECESSOR_FLAGS, translated } from '../../../src/cli/predecessor-flags.ts'
import { configOf, document, valueIn } from '../../support/run-configs.ts'

/** Its flags, by its code and its documents; of the controller library those of its manifests' kind. */
const ITS_FLAGS = `
  metrics-bind-address metrics-secure metrics-cert-dir metrics-cert-name metrics-key-name health-probe-bind-address
  leader-elect enable-http2 pprof-address zap-log-level zap-devel zap-encoder zap-stacktrace-level zap-time-encoding
  config-loader config-fs-path config-ams-addr config-ams-secure config-ams-api-key
  intake-address intake-secure intake-api-key max-stream-age data-directory
  enable-kubernetes-controller kubernetes-provider kubernetes-provider-eks-account-id kubernetes-provider-eks-region
  kubernetes-provider-eks-cluster-name kubernetes-provider-eks-autodiscover
  enable-hardware-discovery hardware-update-interval enable-container-discovery containers-update-interval
  enable-performance-collectors enable-otel enable-debug-consumer debug-log-level debug-log-format
  enable-profiling-perfdata profiling-perfdata-path
  otlp-profiles-enabled otlp-profiles-export-interval otlp-profiles-export-timeout otlp-profiles-max-queue-size
  otlp-profiles-export-batch-size enable-profiling-datadog profiling-datadog-url profiling-datadog-service
  profiling-datadog-env profiling-datadog-version
  enable-profiling-otlp profiling-otlp-endpoint profiling-otlp-insecure profiling-datadog-agent profiling-interval
  otlp-profiles-endpoint otlp-profiles-auth-token`

test('every flag of the predecessor is known, once', () => {
  assert.deepEqual(PREDECESSOR_FLAGS.map(({ name }) => name).sort(), ITS_FLAGS.trim().split(/\s+/).sort())
})

const NONE = document('consumers: [{type: perf_data}, {type: files}]')

/** What the flags come to in a field. */
const told = (field: string, ...argv: string[]): unknown =>
  valueIn(field, NONE, { options: translated(argv).argv })
const otlp = (key: string, ...argv: string[]): unknown =>
  told(`spec.consumers[otlp_profiles].${key}`, ...argv)
const datadog = (key: string, ...argv: string[]): unknown =>
  told(`spec.consumers[datadog_pprof].${key}`, ...argv)

test('each that has a counterpart says the field that it maps to', () => {
  const typesOf = (...argv: string[]) =>
    configOf(NONE, { options: translated(argv).argv }).config.consumerTypes
  assert.deepEqual(typesOf('--enable-profiling-perfdata'), ['perf_data', 'files'])
  assert.deepEqual(typesOf('--enable-profiling-perfdata=false'), ['files'])
  for (const flag of ['--otlp-profiles-enabled', '--enable-profiling-otlp', '--otlp-profiles-enabled=true'])
    assert.deepEqual(typesOf(flag), ['perf_data', 'files', 'otlp_profiles'])
  assert.deepEqual(typesOf('--enable-profiling-datadog'), ['perf_data', 'files', 'datadog_pprof'])
  assert.deepEqual(typesOf('--enable-profiling-otlp', '--otlp-profiles-enabled').length, 3)

  assert.equal(told('spec.consumers[perf_data].directory', '--profiling-perfdata-path', '/p'), '/p')
  assert.equal(told('spec.sampler.window', '--profiling-interval', '30s'), '30s')
  assert.equal(told('spec.sampler.window', '--otlp-profiles-export-interval=1m0s'), '1m0s')
  assert.equal(otlp('timeout', '--otlp-profiles-export-timeout', '30s'), '30s')
  assert.equal(otlp('endpoint', '--profiling-otlp-endpoint', 'http://c:4318'), 'http://c:4318')
  assert.equal(otlp('protocol', '--profiling-otlp-endpoint', 'http://c:4318'), undefined)
  assert.equal(otlp('protocol', '--profiling-otlp-endpoint', 'c:4317'), 'grpc')
  assert.equal(otlp('insecure', '--profiling-otlp-insecure'), true)
  assert.deepEqual(otlp('headers', '--otlp-profiles-auth-token', 'a b=,c'), {
    authorization: 'Bearer a b=,c',
  })
  assert.equal(
    datadog('url', '--profiling-datadog-url', 'http://l:8126/profiling/v1/input'),
    'http://l:8126/profiling/v1/input',
  )
  assert.equal(datadog('url', '--profiling-datadog-agent', 'l:8126'), 'http://l:8126')
  assert.equal(datadog('env', '--profiling-datadog-env', 'production'), 'production')
  assert.equal(datadog('version', '--profiling-datadog-version', '1.2'), '1.2')
  assert.equal(told('spec.serviceNameDefault', '--profiling-datadog-service', 'svc'), 'svc')
  assert.deepEqual(translated(['--zap-log-level=2']).argv, ['--log-level=debug'])
  assert.deepEqual(translated(['--zap-log-level', 'error']).argv, ['--log-level=error'])
})

test('each says once what it is here, and never its value', () => {
  const { notices } = translated([
    '--otlp-profiles-auth-token',
    'hush',
    '--profiling-perfdata-path=/p',
    '--leader-elect',
    '--leader-elect',
  ])
  assert.deepEqual(
    notices.map(({ level, message }) => [level, message]),
    [
      ['info', "--otlp-profiles-auth-token is the predecessor's: here it is --otlp-profiles-headers"],
      ['info', "--profiling-perfdata-path is the predecessor's: here it is --perf-data-directory"],
      [
        'warn',
        "--leader-elect is the predecessor's, and changes nothing: every agent works for its own machine: there is nobody to elect",
      ],
    ],
  )
})

test('one dash or two, a value behind = or in the next word: as Go reads them', () => {
  for (const argv of [
    ['-profiling-perfdata-path', '/p', '-enable-profiling-datadog'],
    ['--profiling-perfdata-path=/p', '--enable-profiling-datadog=T'],
    ['-profiling-perfdata-path=/p', '-enable-profiling-datadog=1'],
  ])
    assert.deepEqual(translated(argv).argv, ['--perf-data-directory=/p', '--datadog-pprof=true'])
  assert.deepEqual(translated(['-config-fs-path', '/c', '-data-directory=/d']).argv, [
    '--config-fs-path=/c',
    '--data-directory=/d',
  ])
  assert.throws(() => translated(['--enable-profiling-otlp=maybe']), { code: 'CLI.USAGE' })
  assert.throws(() => translated(['--profiling-perfdata-path']), /--profiling-perfdata-path needs a value/)
})

test('what cannot be honoured is an error that says what to do, but for values that ask for nothing', () => {
  for (const { name, form, successor } of PREDECESSOR_FLAGS) {
    if (successor.is !== 'impossible') continue
    const flag = form === 'switch' ? `--${name}` : `--${name}=something`
    assert.throws(() => translated([flag]), {
      code: 'CLI.USAGE',
      message: new RegExp(`^--${name}, the predecessor's, cannot be honoured: .{20}`),
    })
    for (const value of successor.unless ?? []) assert.deepEqual(translated([`--${name}=${value}`]).argv, [])
  }
  assert.deepEqual(translated(['--config-loader', 'fs']).argv, [])
  assert.throws(
    () => translated(['--config-loader', 'ams']),
    /--config-loader.*cannot be honoured: ams is not there/,
  )
})

test('other words are left as they are', () => {
  const argv = ['--perf-data', '-G', '/a', '--config', 'x', '--unknown-thing', '--', '--leader-elect']
  assert.deepEqual(translated(argv), { argv, notices: [] })
})
