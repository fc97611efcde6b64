// Whom samples belong to, on the real kernel with the real /proc.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { realpathSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { type Agent, startAgent } from '../../src/agent.ts'
import type { Consumer } from '../../src/core/consumer.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import { EVERYTHING } from '../../src/core/sample-filter.ts'
import { DEFAULT_SERVICE_POLICY } from '../../src/core/service-policy.ts'
import { hertz, milliseconds } from '../../src/core/units.ts'
import { consumerThat } from '../support/consumers.ts'
import { temporaryDirectory } from '../support/sonde.ts'

const wholeMachine =
  process.getuid?.() === 0 ? {} : { skip: 'sampling the whole machine and reading environments needs root' }

/** One window, which ends when the agent is stopped. */
const LONG = milliseconds(600_000)

const COUNT = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'
const AWK = 'BEGIN { while (n++ < 3000000) m += n; print m; fflush(); while (1) m += n }'

async function sampling(context: TestContext, consumer: Consumer): Promise<Agent> {
  const agent = await startAgent({
    sampling: {
      backEnd: 'auto',
      events: ['cpu-clock', 'task-clock'],
      rate: { by: 'frequency', hertz: hertz(499) },
      callGraph: { method: 'fp' },
      maxStack: undefined,
      ringBytes: undefined,
      target: { kind: 'machine' },
      commandLine: [],
      filter: EVERYTHING,
      missingCgroups: 'refused',
      window: LONG,
      duration: undefined,
    },
    consumers: async () => [() => consumer],
    symbols: undefined,
    environment: {},
    services: DEFAULT_SERVICE_POLICY,
    dataDirectory: temporaryDirectory(context),
    lockDirectory: false,
    children: 'commands',
    lockDown: false,
    observe: () => undefined,
    log: () => undefined,
    version: '0',
  })
  context.after(() => agent.stop())
  return agent
}

function started(context: TestContext, script: string, service: string): ChildProcess {
  const child = spawn('/bin/sh', ['-c', script], {
    env: { PATH: '/usr/bin:/bin', OTEL_SERVICE_NAME: service },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  context.after(() => child.kill('SIGKILL'))
  return child
}

/** Whom the samples of a process belong to, without repetition, in order of time. */
function ownersOf({ samples, resources }: ProfileBatch, pid = 0): readonly string[] {
  assert.equal(resources.ofSample.length, samples.length)
  const owners = Array.from(resources.ofSample, (row, index) => {
    const owner = resources.table[row]
    if (samples.pid[index] !== pid) return ''
    assert.equal(owner?.pid, pid)
    return `${owner.service.name} (${owner.service.from}) ${owner.executablePath}`
  })
  return [...new Set(owners.filter((owner) => owner !== ''))]
}

test(
  'samples belong to what a process was when they were taken, in every session',
  wholeMachine,
  async (context) => {
    const batches: ProfileBatch[] = []
    const consumer = {
      ...consumerThat('asker', async (batch) => void batches.push(batch)),
      wantsResources: true,
    }
    const agent = await sampling(context, consumer)
    const sh = realpathSync('/bin/sh')
    const gone = started(context, COUNT, 'gone')
    await once(gone, 'exit')
    const stays = started(context, `${COUNT}; echo; while :; do :; done`, 'stays')
    await once(stays.stdout as NonNullable<typeof stays.stdout>, 'data')
    const execs = started(context, `${COUNT}; exec awk '${AWK}'`, 'execs')
    await once(execs.stdout as NonNullable<typeof execs.stdout>, 'data')
    await agent.stop()
    assert.equal(batches.length, 2)
    const awk = realpathSync('/usr/bin/awk')
    for (const batch of batches) {
      assert.ok(batch.resources.ofSample.buffer instanceof SharedArrayBuffer)
      // Before its exec it was a child of this test.
      assert.equal(ownersOf(batch, stays.pid).at(-1), `stays (environment) ${sh}`)
      assert.equal(ownersOf(batch, gone.pid).at(-1), `${sh.replace(/.*\//, '')} (executable) ${sh}`)
      assert.deepEqual(ownersOf(batch, execs.pid).slice(-2), [
        `${sh.replace(/.*\//, '')} (executable) ${sh}`,
        `execs (environment) ${awk}`,
      ])
    }
  },
)

test('unless a consumer wants to know, nobody is asked', wholeMachine, async (context) => {
  const batches: ProfileBatch[] = []
  const agent = await sampling(
    context,
    consumerThat('another', async (batch) => void batches.push(batch)),
  )
  const busy = started(context, COUNT, 'busy')
  await once(busy, 'exit')
  await agent.stop()
  assert.equal(batches.length, 2)
  for (const { resources } of batches) assert.equal(resources.ofSample.length, 0)
})
