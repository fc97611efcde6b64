// The settings of sonde run as a user says them: options, variables, and the flags of the predecessor.

import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { plainEnvironment, wholeMachine } from '../support/delivering-agent.ts'
import { launcher, readSummary, temporaryDirectory } from '../support/sonde.ts'

const DOCUMENT = `apiVersion: sonde/v1
kind: AgentConfig
spec:
  sampler: {window: 2s, filter: {exclude: [{comm: own}]}}
  consumers:
    - {type: perf_data, maxFiles: 7}
    - {type: otlp_profiles, endpoint: "http://me:hush-hush@127.0.0.1:1", headers: {authorization: hush-hush}}
`

interface Asked {
  readonly cwd: string
  readonly environment?: Readonly<Record<string, string>>
}

function sonde(args: readonly string[], { cwd, environment }: Asked): SpawnSyncReturns<string> {
  const env = { ...plainEnvironment(), ...environment }
  return spawnSync(launcher, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

test('run --print-config shows what holds, and from where; what it prints can be read again', (t) => {
  const cwd = temporaryDirectory(t)
  writeFileSync(join(cwd, 'agent.yaml'), DOCUMENT)
  const options = [
    '--config',
    'agent.yaml',
    '--perf-data-mode',
    '0640',
    '--exclude',
    'pid=7',
    '--print-config',
  ]
  const shown = sonde(['run', ...options], {
    cwd,
    environment: { SONDE_SAMPLER_WINDOW: '3s', SONDE_LOG_LEVEL: 'warn', DD_AGENT_HOST: '127.0.0.1' },
  })
  assert.equal(shown.status, 0, shown.stderr)
  assert.equal(shown.stderr, '')
  assert.ok(!shown.stdout.includes('hush'), shown.stdout)
  for (const line of [
    '# config: agent.yaml  # flag --config',
    '# log-level: warn  # environment SONDE_LOG_LEVEL',
    `# data-directory: ${join(cwd, 'sonde-out')}  # default`,
    '    window: 3s  # environment SONDE_SAMPLER_WINDOW',
    '    frequency: 99  # default',
    '      exclude: [{comm: own}, {pid: 7}]  # file agent.yaml:4, flag --exclude',
    '    - type: perf_data  # file agent.yaml:6',
    '      maxFiles: 7  # file agent.yaml:6',
    '      mode: "0640"  # flag --perf-data-mode',
    '    - type: datadog_pprof  # environment DD_AGENT_HOST',
    '      url: http://127.0.0.1:8126  # environment DD_AGENT_HOST',
    '      endpoint: http://(redacted)@127.0.0.1:1  # file agent.yaml:7',
  ])
    assert.ok(shown.stdout.split('\n').includes(line), `${line}\n${shown.stdout}`)
  assert.deepEqual(readdirSync(cwd), ['agent.yaml'], 'nothing is begun')

  writeFileSync(join(cwd, 'again.yaml'), shown.stdout)
  const again = sonde(['run', '--config', 'again.yaml', '--print-config'], { cwd })
  assert.equal(again.status, 0, again.stderr)
  const values = (text: string): string => text.replaceAll(/^# .*\n/gm, '').replaceAll(/ {2}# .*$/gm, '')
  assert.equal(values(again.stdout), values(shown.stdout))
})

test('beside a directory of configurations its AgentConfig is what is shown, and what it makes idle is told', (t) => {
  const cwd = temporaryDirectory(t)
  mkdirSync(join(cwd, 'configs'))
  writeFileSync(join(cwd, 'configs', 'a.yaml'), DOCUMENT)
  const options = ['--config-fs-path', 'configs', '--sampler-window', '5s', '--sampler-back-end', 'perf']
  const shown = sonde(['run', ...options, '--print-config'], { cwd })
  assert.equal(shown.status, 0, shown.stderr)
  const lines = shown.stdout.split('\n')
  assert.ok(
    lines.some((line) => /^ {6}maxFiles: 7 {2}# file .*a\.yaml:6$/.test(line)),
    shown.stdout,
  )
  assert.ok(lines.includes('# config-fs-path: configs  # flag --config-fs-path'), shown.stdout)
  assert.match(
    shown.stdout,
    /^# What is sampled is said by the configurations in .*configs, not by spec\.sampler\.$/m,
  )
  assert.match(
    shown.stderr,
    /--sampler-window changes nothing: what is sampled is said by the configurations in .*configs/,
  )
  assert.doesNotMatch(shown.stderr, /--sampler-back-end/)
})

test('what is wrong is named as it was said: status 2 for options and variables, 1 for the file', (t) => {
  const cwd = temporaryDirectory(t)
  writeFileSync(join(cwd, 'agent.yaml'), DOCUMENT.replace('2s', '2'))
  const option = sonde(['run', '--sampler-frequency', '0'], { cwd })
  assert.deepEqual([option.status, option.stdout], [2, ''])
  assert.match(option.stderr, /^sonde run: --sampler-frequency 0: expected 1 Hz or more$/m)
  const variable = sonde(['run'], { cwd, environment: { SONDE_SAMPLER_FREQUENCY: 'x' } })
  assert.equal(variable.status, 2)
  assert.match(variable.stderr, /^sonde run: SONDE_SAMPLER_FREQUENCY=x: expected a whole number of Hz$/m)
  const file = sonde(['run', '--config', 'agent.yaml'], { cwd })
  assert.equal(file.status, 1)
  assert.match(file.stderr, /^sonde run: agent\.yaml:4:21: spec\.sampler\.window: /m)
  const flag = sonde(['run', '--config-loader', 'ams'], { cwd })
  assert.equal(flag.status, 2)
  assert.match(flag.stderr, /--config-loader, the predecessor's, cannot be honoured/)
})

test('run --help stays short, and leads to all settings', (t) => {
  const cwd = temporaryDirectory(t)
  const short = sonde(['run', '--help'], { cwd }).stdout
  assert.ok(short.split('\n').length < 75, short)
  assert.match(short, /sonde run --help=all/)
  const all = sonde(['run', '--help=all'], { cwd })
  assert.equal(all.status, 0, all.stderr)
  assert.match(
    all.stdout,
    /^--perf-data-max-files {3}SONDE_PERF_DATA_MAX_FILES {3}spec\.consumers\[perf_data\]\.maxFiles$/m,
  )
})

test(
  'the predecessor’s flags run the agent as they ran it, and say what they are here',
  wholeMachine,
  (t) => {
    const cwd = temporaryDirectory(t)
    const flags = [
      '-enable-profiling-perfdata',
      '--profiling-perfdata-path',
      'here',
      '--leader-elect',
      '--zap-log-level=info',
    ]
    const options = ['--duration', '1s', '--data-directory', 'out', '--summary', 's.json']
    const ran = sonde(['run', ...flags, ...options], { cwd, environment: { SONDE_FILES: 'false' } })
    assert.equal(ran.status, 0, ran.stderr)
    const { samples, consumers } = readSummary(join(cwd, 's.json'))
    assert.deepEqual(Object.keys(consumers), ['perf_data'])
    assert.ok(samples.taken > 0 && samples.written === samples.taken)
    assert.match(readdirSync(join(cwd, 'here')).join(), /^perf-\d{8}-\d{6}\.data$/)
    for (const notice of [
      "--enable-profiling-perfdata is the predecessor's: here it is --perf-data (spec.consumers[perf_data])",
      "--profiling-perfdata-path is the predecessor's: here it is --perf-data-directory (spec.consumers[perf_data].directory)",
      "--leader-elect is the predecessor's, and changes nothing: ",
    ])
      assert.equal(ran.stderr.split(notice).length, 2, ran.stderr)
  },
)

test('a setting that a variable says is what the agent does', wholeMachine, (t) => {
  const cwd = temporaryDirectory(t)
  const environment = {
    SONDE_DURATION: '1s',
    SONDE_DATA_DIRECTORY: 'out',
    SONDE_SUMMARY: 's.json',
    SONDE_SAMPLER_EVENTS: 'page-faults',
    SONDE_SAMPLER_PERIOD: '10',
    SONDE_PERF_DATA_FILE: 'one.data',
    SONDE_FILES: 'false',
  }
  const ran = sonde(['run'], { cwd, environment })
  assert.equal(ran.status, 0, ran.stderr)
  const { sessions } = readSummary(join(cwd, 's.json'))
  assert.deepEqual(
    sessions.map(({ event }) => event),
    ['page-faults'],
  )
  assert.ok(sessions.every(({ taken, value }) => value === taken * 10))
  assert.ok(readdirSync(cwd).includes('one.data'))
})
