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
import type { FlightRecorderStatus } from '../core/status.ts'
import type { ConsumerResult, RunEnd } from '../core/summary.ts'
import { type FrameNames, NO_NAMES, type Symbolizer } from '../core/symbolizer.ts'
import { withSpan } from '../core/tracing.ts'
import { type Milliseconds, milliseconds } from '../core/units.ts'
import type { FlightRecorder, HeldWindow } from './flight-recorder.ts'
import { limitedSignal, type PipelineLimits } from './limits.ts'
import { createMetricsRouter } from './metrics-router.ts'

export interface PipelineOptions {
  readonly consumers: readonly Consumer[]
  /** Undefined where nobody looks at names. */
  readonly symbolizer: Symbolizer | undefined
  /** Absent where nobody asks whom samples belong to. */
  readonly resources?: ResourceFinder | undefined
  /** Sees every batch that consumers get, named, before the lanes. */
  readonly observe: (batch: ProfileBatch) => void | Promise<void>
  /** Sees every batch when it comes, also those that no consumer gets in the end. */
  readonly count?: (batch: ProfileBatch) => void
  /** Holds the windows until they are asked for; absent: consumers get them at once. */
  readonly flightRecorder?: FlightRecorder | undefined
  readonly log: ConsumerContext['log']
  readonly limits: PipelineLimits
}

/** For everything that the flight recorder holds. */
const RELEASE_LIMIT = milliseconds(30_000)

export class Pipeline {
  readonly #options: PipelineOptions
  readonly #router: MetricsRouter
  readonly #problems: string[] = []
  readonly #started: Consumer[] = []
  #turn: Promise<void> = Promise.resolve()
  #releasing: Promise<void> = Promise.resolve()
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
    const named = batches.map((batch, index) =>
      withFindings(batch, { names, resources: found[index] ?? NO_RESOURCES }),
    )
    for (const batch of named) this.#options.count?.(batch)
    const { flightRecorder } = this.#options
    if (flightRecorder === undefined) await this.#handOver({ batches: named, consumers })
    else flightRecorder.hold({ batches: named, consumers })
  }

  async #handOver({ batches, consumers }: HeldWindow): Promise<void> {
    for (const batch of batches) {
      await this.#options.observe(batch)
      this.#router.publishProfiles(batch, consumers)
    }
  }

  /**
   * What the flight recorder holds goes to the consumers, and those that write files finish them: what comes next goes into
   * new ones. Resolves when the lanes have it.
   */
  async rotate(): Promise<void> {
    await this.#turn
    await this.#release(RELEASE_LIMIT)
    this.#router.rotate()
  }

  /** One window at a time, so that lanes do not overflow; beyond the limit they have to take what comes. */
  #release(limit: Milliseconds): Promise<void> {
    const { flightRecorder } = this.#options
    if (flightRecorder === undefined) return Promise.resolve()
    flightRecorder.want()
    this.#releasing = this.#releasing.then(async () => {
      const endsAt = performance.now() + limit
      for (let window = flightRecorder.next(); window !== undefined; window = flightRecorder.next()) {
        await this.#handOver(window)
        await this.#router.idle(milliseconds(Math.max(0, endsAt - performance.now())))
      }
    })
    return this.#releasing
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
    await this.#release(this.#options.limits.drain())
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
    const recorder = this.#options.flightRecorder?.status()
    this.#problems.push(...(recorder?.lost.memory_full === undefined ? [] : [noRoom(recorder)]))
    return {
      consumers,
      problems: this.#problems,
      remarks: recorder === undefined ? [] : [forgotten(recorder)],
    }
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

const noRoom = ({ lost, maxBytes }: FlightRecorderStatus): string =>
  `The flight recorder lost ${lost.memory_full} samples of its last seconds: they did not fit into ${maxBytes} bytes. Raise maxBytes, or keep less.`

const forgotten = ({ overwritten, keepSeconds }: FlightRecorderStatus): string =>
  `flight recorder: ${overwritten} older samples were overwritten; the last ${keepSeconds} s before each time that they were asked for are written`

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
