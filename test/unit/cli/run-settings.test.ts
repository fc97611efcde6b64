import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from '../../../src/cli/run.ts'
import { readRunSettings } from '../../../src/cli/run-settings.ts'

const read = (argv: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
  readRunSettings(argv, run.options, environment)

test('the options of the command itself have variables, too', async () => {
  const { options } = await read(['--duration', '3s'], {
    SONDE_DURATION: '9s',
    SONDE_DATA_DIRECTORY: '/d',
    SONDE_CONFIG: 'c.yaml',
    SONDE_CONFIG_FS_PATH: '/etc/x',
    SONDE_SUMMARY: '',
  })
  assert.equal(options.value('duration'), '3s')
  assert.equal(options.value('data-directory'), '/d')
  assert.equal(options.value('config'), 'c.yaml')
  assert.equal(options.value('config-fs-path'), '/etc/x')
  assert.equal(options.has('summary'), false)
  assert.deepEqual([options.nameOf('duration'), options.nameOf('config')], ['--duration', 'SONDE_CONFIG'])
})

test('a variable that looks like Sonde’s and is not is named; those of a Service of Kubernetes are not', async () => {
  const { notices } = await read([], {
    SONDE_SAMPLER_WINDO: '1s',
    SONDE_DEBUG: '1',
    SONDE_SERVICE_HOST: '10.0.0.1',
    SONDE_SERVICE_PORT_HTTP: '80',
    SONDE_PORT: 'tcp://10.0.0.1:80',
    SONDE_METRICS_PORT_9090_TCP_ADDR: '10.0.0.1',
    SONDE_PERF_DATA: 'true',
    SONDE_LOG_LEVEL: 'info',
  })
  assert.equal(notices.length, 1)
  assert.match(notices[0]?.message ?? '', /SONDE_SAMPLER_WINDO \(did you mean SONDE_SAMPLER_WINDOW/)
})

test('a secret on the command line is warned of, and not repeated', async () => {
  const { notices } = await read(['--datadog-pprof-api-key', 'hush-hush'])
  assert.equal(notices[0]?.level, 'warn')
  assert.match(
    notices[0].message,
    /^--datadog-pprof-api-key: whoever may list processes .* SONDE_DATADOG_PPROF_API_KEY/,
  )
  assert.ok(!JSON.stringify(notices).includes('hush'))
  assert.deepEqual((await read([], { SONDE_DATADOG_PPROF_API_KEY: 'hush-hush' })).notices, [])
})

test('an option that is not there suggests one of the settings', async () => {
  await assert.rejects(
    read(['--sampler-windo', '3s']),
    /There is no option --sampler-windo \(did you mean --sampler-window\?\)/,
  )
})
