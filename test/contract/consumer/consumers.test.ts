// What every consumer of the catalogue promises: whatever it does, or is done to it, the others do not notice, and its
// figures add up.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { loadConsumers } from '../../../src/consumers/catalog.ts'
import {
  type Consumer,
  type ConsumerOutcome,
  type ProfileConsumer,
  takesProfiles,
} from '../../../src/core/consumer.ts'
import type { ConsumerContext } from '../../../src/core/consumer-context.ts'
import type { ProfileBatch } from '../../../src/core/profile.ts'
import type { LaneStats } from '../../../src/core/router.ts'
import { milliseconds } from '../../../src/core/units.ts'
import { loadAddon } from '../../../src/native/load.ts'
import { createMetricsRouter } from '../../../src/router/metrics-router.ts'
import { ALONE } from '../../support/alone.ts'
import { batchOf, healthyConsumer } from '../../support/consumers.ts'
import { localEncoder } from '../../support/encoder.ts'
import { nightSession, sideBySide, webSession } from '../../support/sources.ts'
import { type FarSide, farSideOf } from './far-side.ts'

/** Who waits in vain gives up. */
const IN_TIME = { timeout: 120_000 } as const

const SAMPLES = 10
const BATCHES = 4
const TAKEN = SAMPLES * BATCHES
const NOTHING = { bytes: 0, written: 0, files: [], lost: {} } as const

function contextIn(dataDirectory: string): ConsumerContext {
  return {
    version: '0.0.0',
    dataDirectory,
    ...ALONE,
    spoolDirectory: join(dataDirectory, 'spool'),
    tryLock: () => true,
    log: () => undefined,
    encodeSamples: loadAddon().encodeSamples,
    encoder: localEncoder,
  }
}

function directory(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sonde-contract-'))
  context.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** The consumer as it is, but for what happens to its batches. */
function withFault(
  inner: ProfileConsumer,
  fault: (consume: () => Promise<void>) => Promise<void>,
): ProfileConsumer {
  return {
    name: inner.name,
    start: () => inner.start(),
    stop: () => inner.stop(),
    outcome: () => inner.outcome(),
    consumeProfiles: (batch, signal) => fault(() => inner.consumeProfiles(batch, signal)),
  }
}

const FAULTS: Readonly<Record<string, (consume: () => Promise<void>) => Promise<void>>> = {
  'is stuck': () => new Promise(() => undefined),
  fails: () => Promise.reject(new Error('no')),
  throws: () => {
    throw new Error('a defect')
  },
  'is slow': async (consume) => {
    await new Promise((resolve) => setTimeout(resolve, 15))
    await consume()
  },
}

const accountedFor = ({ delivered, failed, dropped, queued }: LaneStats): number =>
  delivered + failed + dropped + queued

/** Publishes the same windows to the consumer and to a healthy neighbour. */
async function publishTo(consumer: Consumer) {
  const neighbour = healthyConsumer('neighbour')
  const router = createMetricsRouter({ deadline: milliseconds(60) })
  await consumer.start()
  router.attach(consumer)
  router.attach(neighbour)
  for (let sequence = 0; sequence < BATCHES; sequence++) router.publishProfiles(batchOf(SAMPLES, sequence))
  await router.drain(milliseconds(1_000))
  const lane = router.stats().get(consumer.name)
  assert.ok(lane !== undefined)
  await consumer.stop()
  return { lane, neighbour, outcome: consumer.outcome() }
}

for (const plugin of await loadConsumers()) {
  const build = (dataDirectory: string, { section }: FarSide): ProfileConsumer => {
    const consumer = plugin.configure(section, plugin.type)(contextIn(dataDirectory))
    assert.ok(takesProfiles(consumer))
    return consumer
  }
  /** One that can do what it is there for. */
  const ready = async (context: TestContext): Promise<ProfileConsumer> =>
    build(directory(context), await farSideOf(plugin.type, context))

  describe(`consumer ${plugin.type}`, () => {
    test('is named by its type, in lower_snake_case', async (context) => {
      assert.match(plugin.type, /^[a-z][a-z0-9_]*$/)
      assert.equal((await ready(context)).name, plugin.type)
    })

    test('can be stopped without a start, and twice', async (context) => {
      const idle = await ready(context)
      await idle.stop()
      const { outcome } = await publishTo(await ready(context))
      assert.ok(outcome.written > 0)
      const twice = await ready(context)
      await twice.start()
      await Promise.all([twice.stop(), twice.stop()])
      await twice.stop()
    })

    test('leaves no file and sends nothing when it was given nothing', async (context) => {
      const farSide = await farSideOf(plugin.type, context)
      const consumer = build(directory(context), farSide)
      await consumer.start()
      await consumer.stop()
      const { bytes, written, files, lost, spooled = 0 } = consumer.outcome()
      assert.deepEqual({ bytes, written, files, lost, spooled }, { ...NOTHING, spooled: 0 })
      assert.equal(farSide.requests?.() ?? 0, 0)
    })

    test('has every sample it took over in finished files or at the far side, or says why not', async (context) => {
      const farSide = await farSideOf(plugin.type, context)
      const { lane, neighbour, outcome } = await publishTo(build(directory(context), farSide))
      assert.equal(lane.delivered, TAKEN)
      assert.equal(lane.delivered, accountOf(outcome))
      assert.equal(outcome.written, TAKEN)
      assert.ok(outcome.bytes > 0)
      assert.equal(outcome.files.length > 0, farSide.requests === undefined)
      for (const file of outcome.files) assert.ok(existsSync(file), file)
      assert.notEqual(farSide.requests?.(), 0)
      assert.deepEqual(neighbour.seen, [0, 1, 2, 3])
    })

    for (const [what, fault] of Object.entries(FAULTS)) {
      test(`that ${what} does not touch its neighbour, and its figures add up`, async (context) => {
        const { lane, neighbour, outcome } = await publishTo(withFault(await ready(context), fault))
        assert.deepEqual(neighbour.seen, [0, 1, 2, 3])
        assert.equal(accountedFor(lane), TAKEN)
        assert.equal(lane.queued, 0)
        assert.equal(lane.delivered, accountOf(outcome))
        assert.equal(lane.delivered, what === 'is slow' ? TAKEN : 0)
      })
    }

    test('keeps two sources apart whose windows overlap, and loses nothing of either', async (context) => {
      const consumer = await ready(context)
      const batches = sideBySide([
        { session: webSession(), windowSeconds: 10, samples: [7, 0, 9] },
        { session: nightSession(), windowSeconds: 2, samples: Array.from({ length: 15 }, () => 5), from: 1 },
      ])
      await consumer.start()
      await take(consumer, batches)
      await consumer.stop()
      const { written, lost } = consumer.outcome()
      assert.deepEqual({ written, lost }, { written: 16 + 75, lost: {} })
      assert.equal(consumer.outcome().open, undefined)
    })

    for (const [what, last] of [
      ['', 5],
      [', also where its last window has no samples', 0],
    ] as const) {
      test(`finishes a source that ends while another goes on${what}`, IN_TIME, async (context) => {
        const consumer = await ready(context)
        const ending = { session: webSession(), windowSeconds: 10, samples: [5, 5, last], ends: true }
        const batches = sideBySide([
          ending,
          { session: nightSession(), windowSeconds: 4, samples: Array.from({ length: 12 }, () => 5) },
        ])
        const end = 1 + batches.findIndex(({ isLast }) => isLast)
        await consumer.start()
        await take(consumer, batches.slice(0, end))
        await until(() => consumer.outcome().written >= 10 + last)
        await take(consumer, batches.slice(end))
        await consumer.stop()
        const { written, lost } = consumer.outcome()
        assert.deepEqual({ written, lost }, { written: 10 + last + 60, lost: {} })
      })
    }

    test(
      'finishes a source whose end was lost on the way, once others are far ahead',
      IN_TIME,
      async (context) => {
        const consumer = await ready(context)
        const [batch] = sideBySide([{ session: webSession(), windowSeconds: 10, samples: [5] }])
        const others = sideBySide([
          { session: nightSession(), windowSeconds: 30, samples: Array.from({ length: 5 }, () => 0) },
        ])
        assert.ok(batch !== undefined)
        await consumer.start()
        await take(consumer, [batch, ...others])
        await until(() => consumer.outcome().written === 5)
        await consumer.stop()
        assert.equal(consumer.outcome().written, 5)
      },
    )

    test('a hundred sources one after another leave nothing open', IN_TIME, async (context) => {
      const consumer = await ready(context)
      await consumer.start()
      const published = (number: number) =>
        sideBySide([
          {
            session: webSession({
              id: number,
              source: number,
              config: { name: 'web', version: `${number}` },
            }),
            windowSeconds: 1,
            samples: [1, 1],
            from: 2 * number,
            ends: true,
          },
        ])
      await take(consumer, published(0))
      await until(() => consumer.outcome().written === 2)
      const before = readdirSync('/proc/self/fd').length
      for (let number = 1; number < 100; number++) await take(consumer, published(number))
      await until(() => consumer.outcome().written === 200)
      assert.equal(consumer.outcome().open, undefined)
      assert.ok(readdirSync('/proc/self/fd').length <= before + 2)
      await consumer.stop()
    })

    test('takes nothing over when the signal has aborted, and goes on afterwards', async (context) => {
      const consumer = await ready(context)
      await consumer.start()
      await assert.rejects(
        consumer.consumeProfiles(batchOf(SAMPLES, 0), AbortSignal.abort(new Error('too late'))),
      )
      await consumer.consumeProfiles(batchOf(SAMPLES, 1), new AbortController().signal)
      await consumer.stop()
      assert.equal(consumer.outcome().written, SAMPLES)
    })

    test('that cannot start says which directory it is about, and can be stopped', async (context) => {
      const file = join(directory(context), 'a-file')
      writeFileSync(file, '')
      const consumer = build(file, await farSideOf(plugin.type, context))
      await assert.rejects(consumer.start(), (error: Error) => {
        assert.equal(error.name, 'AgentError')
        assert.ok(error.message.includes(file), error.message)
        assert.ok(error.message.split('\n').length <= 2)
        return true
      })
      await consumer.stop()
    })
  })
}

async function take(consumer: ProfileConsumer, batches: readonly ProfileBatch[]): Promise<void> {
  const { signal } = new AbortController()
  for (const batch of batches) await consumer.consumeProfiles(batch, signal)
}

/** For what is sent beside the batches. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** What became of the samples that it took over. */
const accountOf = ({ written, lost, spooled = 0 }: ConsumerOutcome): number => written + spooled + sumOf(lost)

const sumOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)

test('a consumer is listed under its own type', async () => {
  for (const type of ['perf_data', 'files', 'otlp_profiles', 'datadog_pprof']) {
    assert.deepEqual(
      (await loadConsumers([type])).map((plugin) => plugin.type),
      [type],
    )
  }
  assert.deepEqual(await loadConsumers(['nobody']), [])
})
