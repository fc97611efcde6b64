// `sonde run` with a directory of configurations, as Kubernetes mounts and changes it.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
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
