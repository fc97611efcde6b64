// A collector that is killed while an agent sends to it, and an agent that is killed while the collector is away.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import type { DeliveryStatus, Status } from '../../src/core/status.ts'
import { readSummary, temporaryDirectory } from '../support/sonde.ts'
import { Collector, type Received } from './collector.ts'
import { agentConfig } from './recordings.ts'
import { type Child, sonde, startSonde, until, without } from './tools.ts'

const skip = without('collector')
const OUTAGE_MS = process.env.SONDE_INTEROP_LONG === '1' ? 300_000 : 20_000
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

for (const protocol of ['grpc', 'http/protobuf'] as const) {
  test(`${protocol}: a collector that is killed and comes back ${OUTAGE_MS / 1000} s later has every sample`, {
    skip,
  }, async (t) => {
    const agent = await runningAgent(t, protocol)
    await agent.collector.kill()
    await pause(OUTAGE_MS)
    assert.ok((await agent.delivery()).spooled.samples > 0, 'nothing waits on disk')
    await agent.collector.restart()
    const delivery = await until('everything that waited arrives', async () => {
      const now = await agent.delivery()
      return now.spooled.samples === 0 && now.retries > 0 ? now : undefined
    })
    const end = await agent.child.end('SIGTERM')
    assert.equal(end.status, 0, end.stderr)

    const { samples, consumers } = readSummary(agent.summary)
    const { delivered, failed, dropped } = consumers.otlp_profiles!
    assert.deepEqual({ delivered, failed, dropped }, { delivered: samples.taken, failed: 0, dropped: 0 })
    const received = agent.collector.received()
    assert.equal(total(onceEach(received)), samples.taken)
    const surplus = total(received) - samples.taken
    assert.ok(surplus <= delivery.possiblyDuplicated.samples, `${surplus} twice, and not said`)
    t.diagnostic(
      `${samples.taken} samples, ${delivery.retries} retries, ${surplus} twice, ` +
        `${delivery.possiblyDuplicated.samples} possibly`,
    )
  })
}

test('an agent that is killed during an outage sends at its next start what it had on disk', {
  skip,
}, async (t) => {
  const first = await runningAgent(t, 'grpc')
  await first.collector.kill()
  await pause(OUTAGE_MS / 2)
  const waiting = (await first.delivery()).spooled
  assert.ok(waiting.samples > 0, 'nothing waits on disk')
  await first.child.end('SIGKILL')
  const killed = BigInt(Date.now()) * 1_000_000n
  const before = first.collector.received()
  await first.collector.restart()

  const second = startAgent(t, first)
  const { replayed, possiblyDuplicated } = await until('what waited is replayed', async () => {
    const now = await first.delivery().catch(() => undefined)
    return now !== undefined && now.replayed.samples >= waiting.samples ? now : undefined
  })
  const end = await second.end('SIGTERM')
  assert.equal(end.status, 0, end.stderr)

  const received = first.collector.received()
  const { taken } = readSummary(first.summary).samples
  const ofTheFirst = onceEach(received.filter(({ time }) => time < killed))
  const already = new Set(before.map(({ profileId }) => profileId))
  const afterwards = ofTheFirst.filter(({ profileId }) => !already.has(profileId))
  // The newest window may have been written to disk between the question and the kill.
  assert.equal(total(afterwards), replayed.samples - samplesOf(before, received))
  assert.ok(total(afterwards) >= waiting.samples - possiblyDuplicated.samples)
  assert.equal(total(onceEach(received)) - total(ofTheFirst), taken, 'the second life lost something')
  const times = afterwards.map(({ time }) => time)
  assert.ok(times.length > 1 && times.every((time, at) => at === 0 || time >= times[at - 1]!), 'not in order')
  t.diagnostic(
    `${waiting.samples} samples on disk at the kill, ${replayed.samples} replayed, ${taken} in the second life`,
  )
})

interface Agent {
  readonly collector: Collector
  readonly summary: string
  readonly directory: string
  readonly config: string
  delivery(): Promise<DeliveryStatus>
}

/** An agent of which the collector has a few windows already. */
async function runningAgent(
  t: TestContext,
  protocol: 'grpc' | 'http/protobuf',
): Promise<Agent & { readonly child: Child }> {
  const directory = temporaryDirectory(t)
  const collector = await Collector.start(t, directory)
  const endpoint = protocol === 'grpc' ? collector.grpc : collector.http
  const data = join(directory, 'data')
  const agent: Agent = {
    collector,
    directory,
    summary: join(directory, 'summary.json'),
    config: agentConfig(directory, { endpoint, protocol }, { frequency: 99 }),
    async delivery() {
      const { stdout, stderr } = await sonde(t, ['status', '--json', '--data-directory', data])
      if (stdout === '') throw new Error(stderr)
      const { delivery } = (JSON.parse(stdout) as Status).consumers.otlp_profiles ?? {}
      return delivery ?? assert.fail('it does not send')
    },
  }
  const child = startAgent(t, agent)
  await until('the collector has the first windows', () => collector.received().length > 5 || undefined)
  return { ...agent, child }
}

const startAgent = (t: TestContext, { config, directory, summary }: Agent): Child =>
  startSonde(t, [
    ...['run', '--config', config, '--data-directory', join(directory, 'data')],
    ...['--summary', summary],
  ])

const total = (profiles: readonly Received[]): number =>
  profiles.reduce((sum, { samples }) => sum + samples, 0)

/** Each profile once, by its id. */
const onceEach = (profiles: readonly Received[]): readonly Received[] => [
  ...new Map(profiles.map((profile) => [profile.profileId, profile])).values(),
]

/** Of the profiles of `before`, those that came once more. */
function samplesOf(before: readonly Received[], received: readonly Received[]): number {
  const later = new Set(received.slice(before.length).map(({ profileId }) => profileId))
  return total(onceEach(before.filter(({ profileId }) => later.has(profileId))))
}
