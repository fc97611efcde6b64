// Where batches go, live and replayed: named, then to the consumers.

import type { ProcessResourceFinder } from './attribution/resource-finder.ts'
import { systemClock } from './base/clock.ts'
import { Releases } from './base/releases.ts'
import type { StopDeadline } from './base/stop-deadline.ts'
import { WorkerClient, workerEntry } from './base/worker-client.ts'
import type { Consumer } from './core/consumer.ts'
import type { ConsumerContext } from './core/consumer-context.ts'
import { messageOf } from './core/errors.ts'
import type { Plugin } from './core/plugin.ts'
import type { ProfileBatch } from './core/profile.ts'
import type { ServicePolicy } from './core/service-policy.ts'
import type { SymbolPolicy } from './core/symbol-policy.ts'
import type { NativeAddon } from './native/binding.ts'
import type { FlightRecorder } from './router/flight-recorder.ts'
import type { PipelineLimits } from './router/limits.ts'
import { Pipeline, type PipelineOptions } from './router/pipeline.ts'
import { openSymbolizer } from './symbols/open.ts'
import type { NativeSymbolizer } from './symbols/symbolizer.ts'
import type { RecordingPlace, Trust } from './symbols/trust.ts'

/** Builds consumers once there is a context. */
export type ConsumerBuilder = (context: ConsumerContext) => Consumer

export interface OutputOptions {
  /** Asked for after sampling has begun, so that what consumers need is loaded meanwhile. */
  readonly consumers: () => Promise<readonly ConsumerBuilder[]>
  /** Where names come from; undefined: nobody looks at them. */
  readonly symbols: SymbolPolicy | undefined
  /** How services are named, for consumers that want to know whom samples belong to. */
  readonly services: ServicePolicy
  readonly dataDirectory: string
  /** Sees every batch before the consumers do. */
  readonly observe: (batch: ProfileBatch) => void | Promise<void>
  readonly log: ConsumerContext['log']
  /** What exporters read their standard variables from. */
  readonly environment: ConsumerContext['environment']
  readonly version: string
}

/** The consumers of these types; without a word every one that a configuration may name. */
export const loadConsumers = async (
  types?: readonly string[],
): Promise<readonly Plugin<Consumer, ConsumerContext>[]> =>
  (await import('./consumers/catalog.ts')).loadConsumers(types)

/** How a source's windows are treated. */
export interface Way {
  readonly trust: Trust
  /** Of a recording that is a file here. */
  readonly place?: RecordingPlace | undefined
  readonly limits: PipelineLimits
  readonly stopping: StopDeadline
  readonly spoolDirectory: string | undefined
  readonly sourceWaits: boolean
}

/** For what comes after the last consumer: closing files, releasing, leaving; at most a quarter of the time there is. */
export const STOP_MARGIN_MS = 1_000

export interface Parts {
  readonly addon: NativeAddon
  readonly release: Releases
  readonly way: Way
  readonly flightRecorder?: FlightRecorder | undefined
}

export interface OpenPipeline {
  readonly pipeline: Pipeline
  /** Undefined where nobody looks at names. */
  readonly symbolizer: NativeSymbolizer | undefined
  /** What stayed without names, and why. */
  readonly remarks: () => readonly string[]
}

export async function openPipeline(
  options: OutputOptions & Pick<PipelineOptions, 'count'>,
  parts: Parts,
): Promise<OpenPipeline> {
  const builders = await options.consumers()
  const context = await consumerContext(options, parts)
  const symbolizer = options.symbols && (await symbolizerOf(options.symbols, options.dataDirectory, parts))
  const consumers = builders.map((build) => build(context))
  const wanted = consumers.some(({ wantsResources }) => wantsResources === true)
  const resources = wanted ? await openResourceFinder(options.services, parts.way) : undefined
  const pipeline = new Pipeline({
    consumers,
    symbolizer,
    resources,
    observe: options.observe,
    ...(options.count === undefined ? {} : { count: options.count }),
    flightRecorder: parts.flightRecorder,
    log: options.log,
    limits: parts.way.limits,
  })
  await pipeline.start()
  const remarks = () => [...(symbolizer?.problems() ?? []), ...(resources?.remarks() ?? [])]
  return { pipeline, symbolizer, remarks }
}

/** The processes of a recording are not this machine's: only its own table is asked about them. */
async function openResourceFinder(services: ServicePolicy, way: Way): Promise<ProcessResourceFinder> {
  const { createResourceFinder } = await import('./attribution/resource-finder.ts')
  if (way.trust !== 'live') return createResourceFinder(services, undefined)
  const { ProcFiles } = await import('./attribution/proc-files.ts')
  return createResourceFinder(services, {
    files: new ProcFiles(),
    clock: systemClock,
    limit: way.limits.naming,
  })
}

async function consumerContext(
  { dataDirectory, log, environment, version }: OutputOptions,
  { addon, release, way }: Parts,
): Promise<ConsumerContext> {
  const { RemoteEncoder } = await import('./formats/remote-encoder.ts')
  const worker = new WorkerClient(workerEntry(import.meta.url, 'worker'))
  release.add(() => worker.close())
  return {
    version,
    dataDirectory,
    spoolDirectory: way.spoolDirectory,
    sourceWaits: way.sourceWaits,
    environment,
    stopBy: () => way.stopping.by,
    log,
    tryLock: (fd) => addon.tryLock(fd),
    clockOffset: (clock) => addon.clockOffset(clock),
    encodeSamples: addon.encodeSamples,
    encoder: new RemoteEncoder(worker),
  }
}

async function symbolizerOf(
  policy: SymbolPolicy,
  dataDirectory: string,
  { addon, release, way }: Parts,
): Promise<NativeSymbolizer> {
  const { trust, place, limits } = way
  const symbolizer = await openSymbolizer({
    policy,
    addon,
    trust,
    place,
    limit: limits.naming,
    dataDirectory,
  })
  release.add(() => symbolizer.close())
  return symbolizer
}

export const releasesOf = ({ log }: OutputOptions): Releases =>
  new Releases((error) => log('warn', `while releasing: ${messageOf(error)}`))
