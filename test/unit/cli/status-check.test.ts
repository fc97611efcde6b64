import assert from 'node:assert/strict'
import { test } from 'node:test'
import { notInForce } from '../../../src/cli/status-check.ts'
import type { ConfigFileStatus, Status } from '../../../src/core/status.ts'

const file: ConfigFileStatus = {
  file: 'profiles.yaml',
  document: 0,
  kind: 'ProfileCollectionConfig',
  name: 'node-cpu',
  version: '2',
  state: 'loaded',
  problems: [],
  warnings: ['profiles.yaml:7:9: spec.samplePeriod: 0.8 samples per second'],
}
const running = { name: 'node-cpu', version: '2', state: 'running', problem: null, kept: null } as const

const status = (changes: Partial<Status> = {}): Status => ({
  version: 1,
  agentVersion: '0.1.0',
  pid: 7,
  state: 'running',
  startedAt: '2026-01-02T03:04:05Z',
  dataDirectory: '/var/lib/sonde',
  windows: { closed: 0, newestEnd: null },
  sampler: { backEnd: 'bpf', filterProblem: null, cpus: [] },
  configuration: {
    directory: '/etc/sonde/agent',
    watching: { how: 'inotify', reason: null },
    files: [file],
    collections: [running],
    agent: { problem: null, needsRestart: ['consumers'] },
  },
  sessions: [],
  endedSessions: { sessions: 0, taken: 0, lost: {}, leftOut: {} },
  filter: [],
  flightRecorder: null,
  consumers: {},
  ...changes,
})
const withConfiguration = (changes: Partial<NonNullable<Status['configuration']>>): Status => {
  const { configuration } = status()
  assert.ok(configuration !== null)
  return status({ configuration: { ...configuration, ...changes } })
}

test('nothing is refused where all that was asked for is in force, warnings or not', () => {
  assert.deepEqual(notInForce(status()), [])
  assert.deepEqual(notInForce(status({ configuration: null, sampler: null })), [])
  assert.deepEqual(notInForce(withConfiguration({ files: [], collections: [] })), [])
  const others = (['superseded', 'expired', 'ignored'] as const).map((state) => ({ ...file, state }))
  assert.deepEqual(notInForce(withConfiguration({ files: others })), [])
})

test('an endpoint that does not answer is no reason', () => {
  const lane = { queued: 9, queuedBytes: 9, delivered: 0, failed: 9, dropped: 9 }
  const trouble = { error: 'connection refused', since: '2026-01-02T03:04:05Z' }
  const consumers = { otlp_profiles: { lane, trouble, lastError: trouble.error, lost: {} } }
  assert.deepEqual(notInForce(status({ consumers })), [])
})

test('a document that is not valid, a collection that failed and a filter that is not in force are told', () => {
  const problem = 'profiles.yaml:6:16: spec.eventName: there is no event cpu-clok'
  assert.deepEqual(
    notInForce(withConfiguration({ files: [{ ...file, state: 'invalid', problems: [problem] }] })),
    [problem],
  )
  const failed = { ...running, state: 'failed', problem: 'no CPU PMU', kept: '1' } as const
  assert.deepEqual(notInForce(withConfiguration({ collections: [failed] })), [
    'node-cpu is not sampled: no CPU PMU',
  ])
  const sampler = { backEnd: 'bpf', filterProblem: 'there is no cgroup /a', cpus: [] } as const
  assert.deepEqual(notInForce(status({ sampler })), [
    'The filter that was given last is not in force: there is no cgroup /a',
  ])
})

test('an AgentConfig whose filter could not be taken over is refused', () => {
  const agent = { problem: 'both include', needsRestart: [] }
  assert.deepEqual(notInForce(withConfiguration({ agent })), [
    'The AgentConfig of the directory is not in force: both include',
  ])
})
