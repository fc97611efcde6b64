// From a source's windows to the consumers: named once, then one lane each.

import { orAborted } from '../base/or-aborted.ts'
import { settledWithin } from '../base/settled-within.ts'
import {
  CONSUMER_LOSSES,
  type Consumer,
  type ConsumerLosses,
  type ConsumerOutcome,
} from '../core/consumer.ts'
import type { ConsumerContext } from '../core/consumer-context.ts'
import { messageOf } from '../core/errors.ts'
import { type ProfileBatch, withFindings } from '../core/profile.ts'
import { NO_RESOURCES, type ResourceFinder, type SampleResources } from '../core/resource.ts'
import type { LaneStats, MetricsRouter } from '../core/router.ts'
import type { ConsumerResult, RunEnd } from '../core/summary.ts'
import { type FrameNames, NO_NAMES, type Symbolizer } from '../core/symbolizer.ts'
import { withSpan } from '../core/tracing.ts'
import type { Milliseconds } from '../core/units.ts'
import { limitedSignal, type PipelineLimits } from './limits.ts'
import { createMetricsRouter } from './metrics-router.ts'

export interface PipelineOptions {
  readonly consumers: readonly Consumer[]
  /** Undefined where nobody looks at names. */
  readonly symbolizer: Symbolizer | undefined
  /** Absent where nobody asks whom samples belong to. */
  readonly resources?: ResourceFinder | undefined
  /** Sees every batch, named, before the lanes. */
  readonly observe: (batch: ProfileBatch) => void | Promise<void>
  readonly log: ConsumerContext['log']
  readonly limits: PipelineLimits
}

export class Pipeline {
  readonly #options: PipelineOptions
  readonly #router: MetricsRouter
  readonly #problems: string[] = []
  readonly #started: Consumer[] = []
  #turn: Promise<void> = Promise.resolve()
  #end: Promise<RunEnd> | undefined

  constructor(options: PipelineOptions) {
    this.#options = options
    this.#router = createMetricsRouter({
      onProblem: (lane, problem) => options.log('warn', `${lane}: ${problem}`, { consumer: lane }),
      onRecovery: (lane, lost) =>
        options.log('warn', `${lane}: works again; ${lost} samples were lost`, { consumer: lane }),
    })
  }

  /** Starts every consumer. When one cannot start, those before it are stopped again. */
  async start(): Promise<void> {
    try {
      for (const consumer of this.#options.consumers) {
        await consumer.start()
        this.#started.push(consumer)
        this.#router.attach(consumer)
      }
    } catch (error) {
      await Promise.all(this.#started.splice(0).map((consumer) => this.#stopConsumer(consumer)))
      throw error
    }
  }

  /**
   * Names the batches of one window and hands them to the lanes; one window after another, whoever they are from. Never rejects.
   * @param consumers names of those that get them; absent: all
   */
  publish(batches: readonly ProfileBatch[], consumers?: readonly string[]): Promise<void> {
    const published = this.#turn.then(() => this.#publishInTurn(batches, consumers))
    this.#turn = published
    return published
  }

  async #publishInTurn(batches: readonly ProfileBatch[], consumers?: readonly string[]): Promise<void> {
    const [first] = batches
    // A source that did not finish in time is a problem of its own; nobody takes its batches any more.
    if (first === undefined || this.#end !== undefined) return
    const samples = batches.reduce((sum, batch) => sum + batch.samples.length, 0)
    const counts = { 'sonde.window': first.window.sequence, 'sonde.samples': samples }
    await withSpan('window', counts, () => this.#publish(first, batches, consumers), {
      root: true,
    })
  }

  async #publish(
    first: ProfileBatch,
    batches: readonly ProfileBatch[],
    consumers: readonly string[] | undefined,
  ): Promise<void> {
    // Beside the names, not after them: what is a process now may be none when they are there.
    const finding = this.#resourcesOf(batches)
    // The batches of a window share their frames, and so their names.
    const names = await this.#namesOf(first)
    const found = await finding
    for (const [index, batch] of batches.entries()) {
      const named = withFindings(batch, { names, resources: found[index] ?? NO_RESOURCES })
      await this.#options.observe(named)
      this.#router.publishProfiles(named, consumers)
    }
  }

  /** Waits until the lanes have taken what was published: for a source that can wait, so that nothing is dropped. */
  async settle(limit: Milliseconds): Promise<void> {
    await this.#router.drain(limit)
  }

  /** What has become of every consumer's batches until now. */
  results(): ReadonlyMap<string, ConsumerResult> {
    const lanes = this.#router.stats()
    return new Map(
      this.#started.map((consumer): [string, ConsumerResult] => [
        consumer.name,
        { lane: laneOf(lanes, consumer.name), outcome: consumer.outcome() },
      ]),
    )
  }

  /** Drains the lanes and stops the consumers. Never rejects, and does its work once. */
  stop(): Promise<RunEnd> {
    this.#end ??= withSpan('stop', {}, () => this.#stop(), { root: true })
    return this.#end
  }

  async #stop(): Promise<RunEnd> {
    // Each by itself: what one consumer waits for takes nothing of another's time.
    await Promise.all(
      this.#started.map(async (consumer) => {
        await this.#router.drain(this.#options.limits.drain(), consumer.name)
        await this.#stopConsumer(consumer)
      }),
    )
    const consumers = this.results()
    for (const [name, { lane, outcome }] of consumers) {
      this.#judge(name, lane)
      this.#problems.push(...lossesOf(name, outcome))
    }
    return { consumers, problems: this.#problems, remarks: [] }
  }

  #judge(name: string, lane: LaneStats): void {
    const missing = lane.failed + lane.dropped
    if (missing === 0) return
    const why = lane.lastError === undefined ? '' : `: ${lane.lastError}`
    const problem = `${name} did not take ${missing} of ${missing + lane.delivered} samples${why}`
    this.#problems.push(problem.endsWith('.') ? problem : `${problem}.`)
  }

  async #stopConsumer(consumer: Consumer): Promise<void> {
    const { name } = consumer
    const limit = Math.round(this.#options.limits.stop())
    try {
      const stopped = withSpan(`stop ${name}`, {}, async () => consumer.stop())
      await settledWithin(stopped, limit, `did not stop within ${limit} ms`)
    } catch (error) {
      this.#problems.push(`${name}: ${messageOf(error)}`)
    }
  }

  async #namesOf(batch: ProfileBatch): Promise<FrameNames> {
    const { limits, log, symbolizer } = this.#options
    if (symbolizer === undefined) return NO_NAMES
    const { signal, clear } = limitedSignal(limits)
    const counts = { 'sonde.stacks': batch.stacks.length, 'sonde.frames': batch.stacks.frames.length }
    try {
      return await withSpan('name', counts, () => orAborted(symbolizer.name(batch, signal), signal))
    } catch (error) {
      log('warn', 'a window has no names', { reason: messageOf(error), window: batch.window.sequence })
      return NO_NAMES
    } finally {
      clear()
    }
  }

  /** For each batch; none where nobody asks. */
  async #resourcesOf(batches: readonly ProfileBatch[]): Promise<readonly SampleResources[]> {
    const { log, resources } = this.#options
    if (resources === undefined) return []
    try {
      return await Promise.all(batches.map((batch) => resources.find(batch)))
    } catch (error) {
      const window = batches[0]?.window.sequence
      log('warn', 'nobody knows whom the samples of a window belong to', {
        reason: messageOf(error),
        window,
      })
      return []
    }
  }
}

/** `files: 188 samples did not fit into maxProfileBytes.` */
function lossesOf(name: string, { lost, delivery }: ConsumerOutcome): string[] {
  return Object.entries(CONSUMER_LOSSES).flatMap(([reason, what]) => {
    const samples = lost[reason as keyof ConsumerLosses] ?? 0
    const error = reason === 'not_sent' ? delivery?.trouble?.error : undefined
    return samples === 0
      ? []
      : [`${name}: ${samples} samples ${what}${error === undefined ? '' : `: ${error}`}.`]
  })
}

function laneOf(lanes: ReadonlyMap<string, LaneStats>, name: string): LaneStats {
  const lane = lanes.get(name)
  if (lane === undefined) throw new Error(`${name} has no lane`)
  return lane
}
