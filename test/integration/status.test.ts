// sonde status asks a real agent; its stop deadline and its traces, as a user meets them.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Status } from '../../src/core/status.ts'
import { launcher, run, sonde, temporaryDirectory } from '../support/sonde.ts'
import { traceCollector } from '../support/trace-collector.ts'

const wholeMachine = process.getuid?.() === 0 ? {} : { skip: 'sampling the whole machine needs root' }

const CONFIG = [
  'apiVersion: sonde/v1',
  'kind: AgentConfig',
  'spec:',
  '  sampler: {window: 300ms}',
  '  shutdown: {deadline: 5s}',
  '  consumers: [{type: perf_data}, {type: files, formats: [folded]}]',
]

interface RunningAgent {
  readonly child: ChildProcess
  readonly cwd: string
  /** What it has said until now. */
  readonly said: () => string
}

/** Resolves when the agent samples, which it says when it can be asked. */
async function runningAgent(
  context: TestContext,
  environment: Record<string, string> = {},
  configuration: readonly string[] = ['--config', 'agent.yaml'],
): Promise<RunningAgent> {
  const cwd = temporaryDirectory(context)
  writeFileSync(join(cwd, 'agent.yaml'), CONFIG.join('\n'))
  const child = spawn(launcher, ['run', ...configuration, '--data-directory', 'out'], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...environment },
  })
  context.after(() => child.kill('SIGKILL'))
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.on('exit', () => reject(new Error(`the agent ended: ${said}`)))
    child.stderr?.on('data', (text) => {
      said += String(text)
      if (said.includes('sampling')) resolve()
    })
  })
  return { child, cwd, said: () => said }
}

const statusOf = (cwd: string): Status => {
  const asked = sonde(['status', '--json', '--data-directory', 'out'], { cwd })
  assert.equal(asked.status, 0, asked.stderr)
  return JSON.parse(asked.stdout) as Status
}

/** The status once it is as the test wants it. */
async function statusThat(cwd: string, suits: (status: Status) => boolean): Promise<Status> {
  for (let tries = 0; ; tries++) {
    const status = statusOf(cwd)
    if (suits(status)) return status
    assert.ok(tries < 200, JSON.stringify(status))
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Samples that the consumer has got, or waits for. */
const offeredTo = ({ consumers }: Status, name: string): number =>
  (consumers[name]?.lane.delivered ?? 0) + (consumers[name]?.lane.queued ?? 0)

test(
  'a running agent tells its sessions and consumers, and is asked by nobody else',
  wholeMachine,
  async (context) => {
    const { child, cwd } = await runningAgent(context)
    const status = await statusThat(
      cwd,
      // A window that has been closed is named before the consumers get it.
      (now) =>
        now.windows.closed >= 2 &&
        (now.consumers.files?.lane.delivered ?? 0) > 0 &&
        (now.consumers.perf_data?.files?.open?.bytes ?? 0) > 0 &&
        offeredTo(now, 'perf_data') === now.sessions[0]?.taken,
    )
    assert.equal(status.version, 1)
    assert.equal(status.pid, child.pid)
    assert.equal(status.dataDirectory, join(cwd, 'out'))
    assert.deepEqual(Object.keys(status.consumers), ['perf_data', 'files'])
    const [session] = status.sessions
    assert.deepEqual([session?.event, session?.frequency], ['cpu-clock', 99])
    assert.ok((session?.taken ?? 0) > 0)
    const { files, trouble } = status.consumers.perf_data ?? {}
    assert.equal(trouble, null)
    assert.ok((files?.open?.bytes ?? 0) > 0)
    assert.equal(statSync(join(cwd, 'out/status.sock')).mode & 0o777, 0o600)

    const text = sonde(['status', '--data-directory', 'out'], { cwd })
    assert.match(text.stdout, new RegExp(`^Sonde \\S+ \\(pid ${child.pid}\\) runs since `))
    assert.match(text.stdout, /^ {2}cpu-clock +99 Hz/m)
    assert.ok(!text.stdout.includes('\u001b'), 'no colour in a pipe')

    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
    assert.ok(!existsSync(join(cwd, 'out/status.sock')))
    const none = sonde(['status', '--data-directory', 'out'], { cwd })
    assert.equal(none.status, 1)
    assert.match(none.stderr, /^sonde status: No agent runs with the data directory .*\/out \(/)
  },
)

const COLLECTION = [
  'apiVersion: sonde/v1',
  'kind: ProfileCollectionConfig',
  'metadata: {name: cpu}',
  'spec: {eventName: cpu-clock, intervalSeconds: 1}',
].join('\n')

test(
  '--check is silent while all is in force, and fails as long as a configuration is not valid',
  wholeMachine,
  async (context) => {
    const directory = temporaryDirectory(context)
    const file = join(directory, 'cpu.yaml')
    writeFileSync(file, COLLECTION)
    const { cwd } = await runningAgent(context, {}, ['--config-fs-path', directory])
    const check = () => sonde(['status', '--check', '--data-directory', 'out'], { cwd })
    const checkedAs = async (status: number) => {
      for (let tries = 0; ; tries++) {
        const checked = check()
        if (checked.status === status) return checked
        assert.ok(tries < 100, checked.stderr)
      }
    }
    assert.deepEqual(await checkedAs(0), { status: 0, stdout: '', stderr: '' })
    writeFileSync(file, COLLECTION.replace('cpu-clock', 'cpu-clok'))
    assert.match((await checkedAs(1)).stderr, /^sonde status: \S*cpu\.yaml:4:\d+: .*cpu-clok/)
    writeFileSync(file, COLLECTION)
    await checkedAs(0)
    assert.equal(sonde(['status', '--check', '--json'], { cwd }).status, 2)
  },
)

test('an agent that was killed leaves a socket that the next one replaces', wholeMachine, async (context) => {
  const { child, cwd } = await runningAgent(context)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.ok(existsSync(join(cwd, 'out/status.sock')))
  assert.match(sonde(['status', '--data-directory', 'out'], { cwd }).stderr, /one that was killed/)
  const next = spawn(launcher, ['run', '--data-directory', 'out'], { cwd, stdio: 'ignore' })
  context.after(() => next.kill('SIGKILL'))
  while (sonde(['status', '--data-directory', 'out'], { cwd }).status !== 0) {
    assert.equal(next.exitCode, null)
  }
  assert.equal(statusOf(cwd).pid, next.pid)
})

test('an agent whose directory is too deep for a socket says so, and samples', wholeMachine, (context) => {
  const cwd = join(temporaryDirectory(context), 'x'.repeat(100))
  mkdirSync(cwd)
  const busy = spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' })
  context.after(() => busy.kill('SIGKILL'))
  const ran = sonde(['run', '--duration', '300ms', '--data-directory', 'out'], { cwd })
  assert.equal(ran.status, 0, ran.stderr)
  assert.match(ran.stderr, /sonde status cannot ask this agent: no socket .*its path has \d+ bytes/)
  assert.ok(readdirSync(join(cwd, 'out/profiles')).length > 0)
})

test('who may not open the socket is told who may', wholeMachine, async (context) => {
  const { cwd } = await runningAgent(context)
  const directory = join(cwd, 'out')
  const script = `process.setgroups([]); process.setgid(65534); process.setuid(65534);
    import('${join(import.meta.dirname, '../../src/cli/ask-agent.ts')}')
      .then(({ askAgent }) => askAgent(process.argv[1])).then(() => console.log('answered'), (e) => console.log(e.message))`
  const asked = run(process.execPath, ['-e', script, directory])
  assert.equal(
    asked.stdout,
    `Cannot ask the agent of ${directory}: permission denied. Root may ask.\n`,
    asked.stderr,
  )
})

test(
  'spans of windows, names, deliveries and encoding reach a collector, and the end is among them',
  wholeMachine,
  async (context) => {
    const collector = await traceCollector(context)
    const { child, cwd } = await runningAgent(context, {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'authorization=planted-secret',
    })
    await statusThat(cwd, ({ windows }) => windows.closed >= 1)
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
    const named = (name: string) => collector.spans().filter((span) => span.name === name)
    const [window] = named('window')
    assert.ok(window !== undefined)
    for (const name of ['name', 'deliver perf_data', 'deliver files']) {
      assert.ok(
        named(name).some(({ parentSpanId }) => parentSpanId === window.spanId),
        name,
      )
    }
    const deliveries = new Set(named('deliver files').map(({ spanId }) => spanId))
    assert.ok(named('encode add').some(({ parentSpanId = '' }) => deliveries.has(parentSpanId)))
    for (const name of ['load config', 'stop', 'stop files', 'encode file'])
      assert.ok(named(name).length > 0, name)
    const sent = JSON.stringify(collector.requests)
    assert.ok(!sent.includes('planted-secret') && !sent.includes(cwd))
  },
)
