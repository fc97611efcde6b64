// `sonde run` with a directory of configurations, as Kubernetes mounts and changes it.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Status } from '../../src/core/status.ts'
import { AtomicWriter } from '../support/atomic-writer.ts'
import {
  isInstalled,
  launcher,
  readSummary,
  readWithPerf,
  run,
  sonde,
  temporaryDirectory,
} from '../support/sonde.ts'
import { workload } from '../support/workload.ts'

const wholeMachine = process.getuid?.() === 0 ? {} : { skip: 'sampling the whole machine needs root' }

/** As the predecessor's users have it (shared/seeds, document 001). */
const wrapped = (version: string, data: string): string =>
  `type:\n  type: antimetal.agent.v1.ProfileCollectionConfig\nname: test-profiler\nversion: "${version}"\ndata: ${data}\n`
const PUBLISHED = 'CgljcHUtY2xvY2sQgJTr4gQYCg=='
const TEN_MS = 'CgljcHUtY2xvY2sQgK3iBBgK'

const AGENT = `apiVersion: sonde/v1
kind: AgentConfig
spec:
  shutdown: {deadline: 60s}
  consumers:
    - type: perf_data
`

class RunningAgent {
  log = ''
  readonly #child: ChildProcess
  readonly #data: string

  constructor(context: TestContext, args: readonly string[]) {
    this.#data = join(temporaryDirectory(context), 'data')
    this.#child = spawn(launcher, ['run', '--data-directory', this.#data, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    context.after(() => this.#child.kill('SIGKILL'))
    this.#child.stderr?.on('data', (text: Buffer) => {
      this.log += text.toString()
    })
  }

  async logged(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.log)) {
      assert.equal(this.#child.exitCode, null, this.log)
      await sleep(20)
    }
  }

  status(): Status {
    return JSON.parse(sonde(['status', '--json', '--data-directory', this.#data]).stdout) as Status
  }

  hangUp(): void {
    this.#child.kill('SIGHUP')
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const [status] = this.#child.exitCode === null ? await once(this.#child, 'exit') : [this.#child.exitCode]
    assert.equal(status, 0, this.log)
  }
}

function busy(context: TestContext): void {
  for (let cpu = 0; cpu < 2; cpu++) {
    const child = spawn(workload('shares'), ['600'], { stdio: 'ignore' })
    context.after(() => child.kill('SIGKILL'))
  }
}

test(
  'the published configuration runs, its period is warned of, and a swap to 10 ms takes effect without a restart',
  wholeMachine,
  async (context) => {
    busy(context)
    const directory = temporaryDirectory(context)
    const mount = new AtomicWriter(directory)
    mount.write({ 'agent.yaml': AGENT, 'profiler.yaml': wrapped('1', PUBLISHED) })
    const summary = join(temporaryDirectory(context), 'summary.json')
    const agent = new RunningAgent(context, ['--config-fs-path', directory, '--summary', summary])
    await agent.logged(/test-profiler \(version 1\) started/)
    await agent.logged(/1,?281,?018,?368/)
    await sleep(4_000)
    assert.deepEqual(
      agent.status().sessions.map(({ config, event, period }) => [config, event, String(period)]),
      [[{ name: 'test-profiler', version: '1' }, 'cpu-clock', '1281018368']],
    )
    mount.write({ 'agent.yaml': AGENT, 'profiler.yaml': wrapped('2', TEN_MS) })
    await agent.logged(/test-profiler \(version 2\) replaces test-profiler \(version 1\)/)
    await sleep(3_000)
    const { sessions, configuration, pid } = agent.status()
    assert.deepEqual(
      sessions.map(({ config, period }) => [config?.version, String(period)]),
      [['2', '10000000']],
    )
    assert.deepEqual(configuration?.collections, [
      { name: 'test-profiler', version: '2', state: 'running', problem: null, kept: null },
    ])
    assert.ok(pid > 0)
    await agent.stop()

    const { sessions: closed, consumers } = readSummary(summary)
    const files = consumers.perf_data?.files ?? []
    assert.equal(files.length, 2)
    if (!isInstalled('perf')) return context.skip('needs perf')
    const periodsIn = (file: string): string =>
      [
        ...new Set(run('perf', ['script', '-F', 'period', '-G', '-i', file]).stdout.trim().split(/\s+/)),
      ].join()
    assert.deepEqual(files.map(periodsIn), ['1281018368', '10000000'])
    assert.deepEqual(
      files.map(readWithPerf),
      closed.map(({ taken, value }) => ({ samples: taken, periods: BigInt(value) })),
    )
  },
)

const plain = (version: string, hertz: number): string =>
  `apiVersion: sonde/v1\nkind: ProfileCollectionConfig\nmetadata: {name: a, version: "${version}"}\nspec: {eventName: cpu-clock, sampleFrequencyHz: ${hertz}, intervalSeconds: 1}\n`

test('SIGHUP reads the AgentConfig that the directory has now', wholeMachine, async (context) => {
  const directory = temporaryDirectory(context)
  const mount = new AtomicWriter(directory)
  mount.write({ 'profiles.yaml': plain('1', 49) })
  const agent = new RunningAgent(context, ['--config-fs-path', directory])
  await agent.logged(/sampling what/)
  const filtered = `${AGENT}  sampler: {filter: {exclude: [{comm: nobody}]}}\n`
  mount.write({ 'all.yaml': `${filtered}---\n${plain('1', 49)}` })
  await agent.logged(/sampled is now/)
  agent.hangUp()
  await agent.logged(/sampled is now.*sampled is now/s)
  assert.deepEqual(
    agent.status().filter.map(({ action, match }) => `${action} ${match}`),
    ['exclude comm=nobody'],
  )
  await agent.stop()
})

test(
  'under lock-down a change leaves the sampler that had the capabilities, and says why',
  wholeMachine,
  async (context) => {
    const directory = temporaryDirectory(context)
    const mount = new AtomicWriter(directory)
    mount.write({ 'profiles.yaml': plain('1', 49) })
    const agent = new RunningAgent(context, ['--config-fs-path', directory, '--lock-down'])
    await agent.logged(/sampling what/)
    mount.write({ 'profiles.yaml': plain('2', 99) })
    await agent.logged(
      /a \(version 2\) cannot be sampled: .*spec\.sampler\.lockDown.* a \(version 1\) runs on/,
    )
    const { sessions, configuration } = agent.status()
    assert.deepEqual(
      sessions.map(({ config, event, frequency }) => [config?.version, event, frequency]),
      [['1', 'cpu-clock', 49]],
    )
    assert.deepEqual(
      configuration?.collections.map(({ state, kept }) => [state, kept]),
      [['failed', '1']],
    )
    await agent.stop()
  },
)

test('an AgentConfig that is no YAML ends a start, as any other that is not valid', (context) => {
  const directory = temporaryDirectory(context)
  new AtomicWriter(directory).write({
    'agent.yaml': `${AGENT}    - {type: files, [\n`,
    'profiles.yaml': plain('1', 49),
  })
  const { status, stderr } = sonde(['run', '--config-fs-path', directory, '--duration', '1s'])
  assert.equal(status, 1)
  assert.match(stderr, /agent\.yaml:7:\d+: /)
})

test('a directory without a name is a mistake, not the directory that one is in', () => {
  const { status, stderr } = sonde(['run', '--config-fs-path=', '--duration', '1s'])
  assert.equal(status, 2)
  assert.match(stderr, /--config-fs-path needs a directory/)
})

test('that nothing is sampled is said once', wholeMachine, (context) => {
  const { status, stderr } = sonde([
    ...['run', '--config-fs-path', temporaryDirectory(context), '--duration', '300ms'],
    ...['--data-directory', temporaryDirectory(context)],
  ])
  assert.equal(status, 0)
  assert.equal(stderr.match(/nothing is sampled/gi)?.length, 1, stderr)
})

test('a file in the place of the directory is a mistake', (context) => {
  const file = join(temporaryDirectory(context), 'profiles.yaml')
  writeFileSync(file, plain('1', 49))
  const { status, stderr } = sonde(['run', '--config-fs-path', file, '--duration', '1s'])
  assert.equal(status, 2)
  assert.match(stderr, /--config-fs-path .*profiles\.yaml: this is no directory/)
})

test('what of an AgentConfig changes nothing beside configurations is said', wholeMachine, (context) => {
  const directory = temporaryDirectory(context)
  const mount = new AtomicWriter(directory)
  mount.write({ 'agent.yaml': `${AGENT}  sampler: {frequency: 49}\n`, 'profiles.yaml': plain('1', 49) })
  const { status, stderr } = sonde([
    ...['run', '--config-fs-path', directory, '--duration', '300ms'],
    ...['--data-directory', temporaryDirectory(context)],
  ])
  assert.equal(status, 0, stderr)
  assert.match(stderr, /spec\.sampler\.frequency of .*agent\.yaml changes nothing/)
})

test(
  'an AgentConfig that comes beside --config is refused, and its filter holds when that has gone',
  wholeMachine,
  async (context) => {
    const file = join(temporaryDirectory(context), 'mine.yaml')
    writeFileSync(file, `${AGENT}  sampler: {filter: {exclude: [{comm: secret}]}}\n`)
    const directory = temporaryDirectory(context)
    const mount = new AtomicWriter(directory)
    mount.write({ 'profiles.yaml': plain('1', 49) })
    const agent = new RunningAgent(context, ['--config', file, '--config-fs-path', directory])
    const filter = () => agent.status().filter.map(({ match }) => match)
    await agent.logged(/sampling what/)
    mount.write({ 'agent.yaml': AGENT, 'profiles.yaml': plain('1', 49) })
    await agent.logged(/Both --config .* hold an AgentConfig/)
    assert.deepEqual(filter(), ['comm=secret'])
    mount.write({ 'profiles.yaml': plain('2', 49) })
    await agent.logged(/version 2.*the version has changed/)
    assert.deepEqual(filter(), ['comm=secret'])
    await agent.stop()
  },
)
