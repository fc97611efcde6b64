import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusText } from '../../../src/cli/status-text.ts'
import { styleFor } from '../../../src/cli/terminal.ts'
import type { ConsumerStatus, Status } from '../../../src/core/status.ts'

const now = new Date(2026, 0, 2, 3, 4, 5)
const before = (seconds: number): string => new Date(now.getTime() - seconds * 1_000).toISOString()
const style = styleFor({ isTTY: false })

const lane = { queued: 0, queuedBytes: 0, delivered: 1_344, failed: 0, dropped: 0 }
const none = { payloads: 0, samples: 0, bytes: 0 }
const files: ConsumerStatus = {
  lane,
  trouble: null,
  lastError: null,
  lost: {},
  files: { finished: 2, bytes: 3_400_000, samples: 1_000, open: { samples: 344, bytes: 58_000 } },
}
const status = (consumers: Status['consumers'], changes: Partial<Status> = {}): Status => ({
  version: 1,
  agentVersion: '0.1.0',
  pid: 7,
  state: 'running',
  startedAt: before(3_725),
  dataDirectory: '/var/lib/sonde',
  windows: { closed: 18, newestEnd: before(4) },
  sessions: [
    {
      config: null,
      event: 'cpu-clock',
      frequency: 99,
      unit: 'nanoseconds',
      callGraph: { method: 'fp' },
      cpus: [0, 1],
      taken: 1_344,
      lost: { ring_full: 2, missed: 30 },
      leftOut: {},
    },
    {
      config: null,
      event: 'page-faults:u',
      period: 1_000n,
      unit: 'count',
      callGraph: { method: 'fp' },
      cpus: [0],
      taken: 7,
      lost: {},
      leftOut: {},
    },
  ],
  configuration: null,
  endedSessions: { sessions: 0, taken: 0, lost: {}, leftOut: {} },
  sampler: { backEnd: 'perf', filterProblem: null, cpus: [] },
  filter: [],
  flightRecorder: null,
  consumers,
  ...changes,
})
const textOf = (of: Status): string => statusText(of, { now, style })

test('the text says since when and where, then sessions, then consumers', () => {
  assert.equal(
    textOf(status({ perf_data: files })),
    `Sonde 0.1.0 (pid 7) runs since 2026-01-02 02:02:00 (1 h 2 min), into /var/lib/sonde
18 windows closed, the newest ended 4 s ago
Samples are taken by perf

Sessions
  event                 rate  CPUs  taken  lost
  cpu-clock            99 Hz     2  1,344  32 (2 ring_full, 30 missed)
  page-faults:u  every 1,000     1      7  0

perf_data
  lane       1,344 samples taken over
  files      2 finished files, 3.40 MB with 1,000 samples; 344 samples not in a finished file yet (58.0 kB)
`,
  )
})

test('with configurations each session says its own, and those that ended are one line', () => {
  const [session] = status({}).sessions
  assert.ok(session !== undefined)
  const named = { ...session, config: { name: 'web', version: '3' } }
  const plain = { ...session, config: { name: 'night-shift', version: '' }, taken: 7, lost: {} }
  const ended = { sessions: 2, taken: 1_000, lost: { missed: 1 }, leftOut: { filtered: 5 } }
  const text = textOf(status({}, { sessions: [named, plain], endedSessions: ended }))
  assert.deepEqual(text.split('\n').slice(4), [
    'Sessions',
    '  configuration      event   rate  CPUs  taken  lost',
    '  web version 3  cpu-clock  99 Hz     2  1,344  32 (2 ring_full, 30 missed)',
    '  night-shift    cpu-clock  99 Hz     2      7  0',
    '  and 2 sessions that ended: 1,000 samples taken, 1 lost (1 missed), 5 left out (5 filtered)',
    '',
    '',
  ])
})

const sending: ConsumerStatus = {
  lane: { ...lane, queued: 10, queuedBytes: 2_000, failed: 3, dropped: 4 },
  trouble: { error: 'connection refused', since: before(124) },
  lastError: 'connection refused',
  lost: { refused: 10 },
  delivery: {
    target: 'http://collector:4318/v1development/profiles',
    queued: { payloads: 2, samples: 200, bytes: 4_000 },
    spooled: { payloads: 1, samples: 100, bytes: 2_000 },
    delivered: { payloads: 12, samples: 1_200, bytes: 34_100 },
    replayed: none,
    dropped: { refused: { payloads: 1, samples: 10, bytes: 100 } },
    droppedReplays: {},
    possiblyDuplicated: none,
    rejectedProfiles: 0,
    retries: 4,
  },
}

test('trouble of a consumer comes first, with since when; what is zero is not mentioned', () => {
  const [, consumer] = textOf(status({ otlp_profiles: sending })).split('otlp_profiles\n')
  assert.deepEqual(consumer?.trimEnd().split('\n'), [
    '  trouble    connection refused, since 2026-01-02 03:02:01 (2 min 4 s)',
    '  lane       1,344 samples taken over, 10 waiting (2.00 kB), 3 failed, 4 dropped',
    '  to         http://collector:4318/v1development/profiles',
    '  delivered  12 payloads (1,200 samples, 34.1 kB)',
    '  queued     2 payloads (200 samples, 4.00 kB); 1 payload of it on disk',
    '  retries    4',
    '  dropped    1 payload (10 samples, 100 B): were refused by the endpoint',
  ])
})

test('an error that is over is told as such', () => {
  const text = textOf(status({ files: { ...files, lastError: 'the disk was full' } }))
  assert.match(text, /^ {2}last error the disk was full \(it is over\)$/m)
})

test('a filter is told with its rules and what it left out', () => {
  const filter = [
    { action: 'include', match: 'cgroup=/a\u001b' },
    { action: 'thin', match: 'comm=b', oneIn: 1_000 },
  ] as const
  const sessions = status({}).sessions.map((session, index) =>
    index === 0 ? { ...session, leftOut: { filtered: 1_200, sampled_out: 34 } } : session,
  )
  const lines = textOf(status({}, { filter, sessions })).split('\n')
  assert.match(lines[3] ?? '', /^Sampled is: include cgroup=\/a\S*, one in 1,000 of comm=b$/)
  assert.deepEqual(lines.slice(5, 9), [
    'Sessions',
    '  event                 rate  CPUs  taken                                left out  lost',
    '  cpu-clock            99 Hz     2  1,344  1,234 (1,200 filtered, 34 sampled_out)  32 (2 ring_full, 30 missed)',
    '  page-faults:u  every 1,000     1      7                                       0  0',
  ])
})

test('an agent that is older than filters is understood', () => {
  const { filter: _, sampler: __, sessions, ...older } = status({})
  const without = sessions.map(({ leftOut: __, ...session }) => session)
  assert.equal(
    textOf({ ...older, sessions: without } as unknown as Status),
    textOf(status({})).replace('Samples are taken by perf\n', ''),
  )
})

test('what the BPF programs cost is told', () => {
  const cpu = { kept: 90, filtered: 10, sampledOut: 0, ringFull: 0, contended: 0, failed: 0, stackFaults: 0 }
  const sampler = {
    backEnd: 'bpf',
    filterProblem: null,
    cpus: [
      { cpu: 0, runs: 100, ...cpu, runNs: 3_000 },
      { cpu: 1, runs: 300, ...cpu, runNs: 1_000 },
    ],
  } as const
  assert.match(textOf(status({}, { sampler })), /\nSamples are taken by bpf, 1\.5 µs a run\n/)
})

test('an agent that has just begun, and one that ends', () => {
  const young = status({}, { startedAt: before(-3), windows: { closed: 0, newestEnd: null } })
  assert.match(textOf(young), /\(0 s\), into \/var\/lib\/sonde\n0 windows closed\n/)
  assert.match(
    textOf(status({}, { state: 'stopping' })),
    /^Sonde 0.1.0 \(pid 7\) is stopping\. It has run since /,
  )
})

test('control characters in what an endpoint said do not reach the terminal', () => {
  const trouble = { error: 'no\u001b[2J', since: before(1) }
  assert.ok(!textOf(status({ otlp_profiles: { ...sending, trouble } })).includes('\u001b'))
})

test('what is wrong with configurations is a line each, with what runs in their stead', () => {
  const failed = { state: 'failed', problem: 'Cannot sample cycles.\nSample cpu-clock instead.' } as const
  const text = textOf(
    status(
      {},
      {
        configuration: {
          directory: '/etc/sonde/agent',
          watching: { how: 'polling', reason: 'too many watches' },
          files: [],
          collections: [
            { ...failed, name: 'a', version: '2', kept: '1' },
            { ...failed, name: 'b', version: '', kept: '' },
          ],
          agent: { problem: 'both include', needsRestart: ['consumers', 'symbols'] },
        },
      },
    ),
  )
  for (const line of [
    '2 configurations in /etc/sonde/agent (changes are noticed by polling reads: too many watches)',
    '  a: Cannot sample cycles. Sample cpu-clock instead. (version 1 runs on)',
    '  b: Cannot sample cycles. Sample cpu-clock instead. (the one before runs on)',
    '  AgentConfig: both include',
    '  AgentConfig: needs a restart: consumers, symbols',
  ])
    assert.ok(text.split('\n').includes(line), `${line}\n${text}`)
})
