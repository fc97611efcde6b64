// sonde record, convert and run that send what they sampled, without a configuration.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  otlpSamples,
  plainEnvironment,
  profilesIn,
  TAKE_OTLP,
  uploadedSamples,
  uploadsIn,
  wholeMachine,
} from '../support/delivering-agent.ts'
import { freePort } from '../support/endpoints.ts'
import { intake } from '../support/intake.ts'
import { launcher, type Run, readSummary, type Summary, temporaryDirectory } from '../support/sonde.ts'

const BUSY = ['sh', '-c', 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done']

interface Asked {
  readonly cwd: string
  readonly environment?: Readonly<Record<string, string>>
}

/** Beside this process, which is the far side. */
async function sonde(t: TestContext, args: readonly string[], { cwd, environment }: Asked): Promise<Run> {
  const child = spawn(launcher, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...plainEnvironment(), ...environment },
  })
  t.after(() => child.kill('SIGKILL'))
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (text) => {
    stdout += String(text)
  })
  child.stderr.on('data', (text) => {
    stderr += String(text)
  })
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, stdout, stderr }
}

const summaryIn = (cwd: string): Summary => readSummary(join(cwd, 'summary.json'))
const SUMMARY = ['--summary', 'summary.json']
/** So that there is something to sample. */
function keepBusy(t: TestContext): void {
  const child = spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
}

const formatted = (samples: number): string => samples.toLocaleString('en-US')

test('sonde record sends a command’s samples where its options say, and writes the file, too', async (t) => {
  const cwd = temporaryDirectory(t)
  const [collector, datadog] = [await intake(t, TAKE_OTLP), await intake(t)]
  const options = ['--otlp-profiles-endpoint', collector.url, '--enable-profiling-datadog', ...SUMMARY]
  const ran = await sonde(t, ['record', ...options, '--', ...BUSY], {
    cwd,
    environment: { DD_TRACE_AGENT_URL: datadog.url, OTEL_SERVICE_NAME: 'recorded' },
  })
  assert.equal(ran.status, 0, ran.stderr)
  const { samples } = summaryIn(cwd)
  assert.ok(samples.taken > 0 && existsSync(join(cwd, 'perf.data')))
  const profiles = profilesIn(collector.requests)
  assert.equal(otlpSamples(profiles), samples.taken)
  assert.equal(uploadedSamples(uploadsIn(datadog.requests)), samples.taken)
  assert.equal(collector.requests[0]?.path, '/v1development/profiles')
  assert.equal(datadog.requests[0]?.path, '/profiling/v1/input')
  const count = formatted(samples.taken)
  const closing = ran.stderr.trimEnd().split('\n').at(-1) ?? ''
  assert.match(
    closing,
    new RegExp(
      `^sonde record: ${count} samples?, .* lost.*\\. Wrote perf\\.data \\([^)]+\\)\\. ` +
        `Sent ${count} samples? to ${collector.url}/v1development/profiles \\([^)]+\\)\\. ` +
        `Sent ${count} samples? to ${datadog.url}/profiling/v1/input \\([^)]+\\)\\.$`,
    ),
  )
})

test('the standard variables alone turn sending on for record, and for run', async (t) => {
  const cwd = temporaryDirectory(t)
  const [collector, datadog] = [await intake(t, TAKE_OTLP), await intake(t)]
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, DD_TRACE_AGENT_URL: datadog.url }
  const ran = await sonde(t, ['record', ...SUMMARY, '--', ...BUSY], { cwd, environment })
  assert.equal(ran.status, 0, ran.stderr)
  assert.equal(otlpSamples(profilesIn(collector.requests)), summaryIn(cwd).samples.taken)
  assert.equal(uploadedSamples(uploadsIn(datadog.requests)), summaryIn(cwd).samples.taken)
})

test('sonde run is turned on by them, too, beside what its configuration says', wholeMachine, async (t) => {
  const cwd = temporaryDirectory(t)
  const traces = (path: string): boolean => path.startsWith('/v1/traces')
  const [collector, datadog] = [await intake(t, TAKE_OTLP), await intake(t)]
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, DD_TRACE_AGENT_URL: datadog.url }
  keepBusy(t)
  const args = ['run', '--duration', '500ms', '--data-directory', 'out', ...SUMMARY]
  const ran = await sonde(t, args, { cwd, environment })
  assert.equal(ran.status, 0, ran.stderr)
  const { taken } = summaryIn(cwd).samples
  const messages = collector.requests.filter(({ path }) => !traces(path))
  assert.equal(otlpSamples(profilesIn(messages)), taken)
  assert.equal(uploadedSamples(uploadsIn(datadog.requests)), taken)
  assert.match(
    ran.stdout,
    new RegExp(`^otlp_profiles: ${formatted(taken)} samples? to ${collector.url}`, 'm'),
  )
})

test('sonde convert sends a file when somebody says so; the environment does not say so', async (t) => {
  const cwd = temporaryDirectory(t)
  const recorded = await sonde(t, ['record', ...SUMMARY, '--', ...BUSY], { cwd })
  assert.equal(recorded.status, 0, recorded.stderr)
  const { taken } = summaryIn(cwd).samples
  const [collector, other] = [await intake(t, TAKE_OTLP), await intake(t, TAKE_OTLP)]
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: other.url, DD_TRACE_AGENT_URL: other.url }
  const asked = { cwd, environment }
  const file = await sonde(t, ['convert', 'perf.data', '-o', 'out.folded'], asked)
  assert.equal(file.status, 0, file.stderr)
  const sent = await sonde(t, ['convert', 'perf.data', '--otlp-profiles-endpoint', collector.url], asked)
  assert.equal(sent.status, 0, sent.stderr)
  assert.equal(other.requests.length, 0)
  assert.equal(otlpSamples(profilesIn(collector.requests)), taken)
  assert.match(
    sent.stderr.trimEnd().split('\n').at(-1) ?? '',
    new RegExp(
      `^sonde convert: ${formatted(taken)} samples?, .* lost in rings.*\\. ` +
        `Sent ${formatted(taken)} samples? to ${collector.url}/v1development/profiles \\([^)]+\\)\\.$`,
    ),
  )
  const nowhere = await sonde(t, ['convert', 'perf.data'], asked)
  assert.equal(nowhere.status, 2)

  const datadog = await intake(t)
  const toDatadog = await sonde(t, ['convert', 'perf.data', '--enable-profiling-datadog'], {
    cwd,
    environment: { DD_TRACE_AGENT_URL: datadog.url },
  })
  assert.equal(toDatadog.status, 0, toDatadog.stderr)
  assert.equal(uploadedSamples(uploadsIn(datadog.requests)), taken)
})

test('an endpoint that is no URL is a mistake of usage, said without what stands in it', async (t) => {
  const cwd = temporaryDirectory(t)
  for (const endpoint of [
    'http://',
    'ftp://planted-secret@x',
    'http://u:planted-secret@:x',
    'http://h:99999',
  ]) {
    const ran = await sonde(t, ['record', '--otlp-profiles-endpoint', endpoint, '--', 'true'], { cwd })
    assert.equal(ran.status, 2, `${endpoint}: ${ran.stderr}`)
    assert.match(ran.stderr, /--otlp-profiles-endpoint: expected a URL such as http:\/\/localhost:4318/)
    assert.ok(!ran.stderr.includes('planted-secret'))
  }
  assert.ok(!existsSync(join(cwd, 'perf.data')))
})

test('a dead endpoint holds a recording up for ten seconds at most, and what was lost is told', async (t) => {
  const cwd = temporaryDirectory(t)
  const url = `http://127.0.0.1:${await freePort()}`
  const began = performance.now()
  const ran = await sonde(t, ['record', '--otlp-profiles-endpoint', url, ...SUMMARY, '--', ...BUSY], { cwd })
  assert.ok(performance.now() - began < 25_000, 'far less than the thirty seconds that files may take')
  assert.equal(ran.status, 1)
  const { samples, consumers } = summaryIn(cwd)
  assert.equal(consumers.perf_data?.delivered, samples.taken)
  assert.equal(consumers.otlp_profiles?.failed, samples.taken)
  assert.equal(ran.stderr.match(/Cannot deliver to http/g)?.length, 1)
  const lost = `otlp_profiles: ${samples.taken} samples were not sent before the end: nothing listens on 127`
  assert.match(ran.stderr, new RegExp(`^sonde record: ${lost}`, 'm'))
  assert.match(ran.stderr, /Wrote perf\.data \([^)]+\)\. Sent nothing to http:\/\/127[^ ]+\.\n$/)
})
