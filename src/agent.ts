// The composition root: what is asked for in, a running agent out. The only one who builds, starts and stops the rooms.

import { join } from 'node:path'
import type { ProcessResourceFinder } from './attribution/resource-finder.ts'
import { systemClock } from './base/clock.ts'
import { once } from './base/once.ts'
import { Releases } from './base/releases.ts'
import { WorkerClient, workerEntry } from './base/worker-client.ts'
import { lockDataDirectory } from './config/data-directory.ts'
import type { Consumer } from './core/consumer.ts'
import type { ConsumerContext } from './core/consumer-context.ts'
import { messageOf } from './core/errors.ts'
import type { Plugin } from './core/plugin.ts'
import type { ProfileBatch, SessionInfo } from './core/profile.ts'
import type { ServicePolicy } from './core/service-policy.ts'
import type { RunEnd } from './core/summary.ts'
import { asksProcessesOnly, type SymbolPolicy } from './core/symbol-policy.ts'
import { type Milliseconds, milliseconds } from './core/units.ts'
import type { NativeAddon, NativeCommand } from './native/binding.ts'
import { loadAddon } from './native/load.ts'
import { Pipeline, type PipelineLimits } from './router/pipeline.ts'
import { prepareCommand } from './sampler/command.ts'
import { readHost } from './sampler/host.ts'
import { planSampling, type SamplingRequest } from './sampler/plan.ts'
import { Sampler } from './sampler/sampler.ts'
import type { NativeSymbolizer } from './symbols/symbolizer.ts'
import type { Trust } from './symbols/trust.ts'

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
  readonly version: string
}

export interface AgentOptions extends OutputOptions {
  readonly sampling: SamplingRequest & {
    readonly window: Milliseconds
    /** Sampling ends after it, to the millisecond; whoever starts the agent stops it. Undefined: never. */
    readonly duration: Milliseconds | undefined
  }
  /** Whether the data directory is this agent's alone. */
  readonly lockDirectory: boolean
  /** Called when the target may run: its first instruction is sampled. A throw ends the start. */
  readonly onSampling?: () => void
}

export interface ReplayRunOptions extends OutputOptions {
  /** A perf.data file. */
  readonly file: string
  readonly signal: AbortSignal
}

const LIVE_LIMITS: PipelineLimits = {
  naming: milliseconds(5_000),
  drain: milliseconds(10_000),
  stop: milliseconds(30_000),
}

/** A file waits: nothing is dropped, and large symbol tables may be read. */
const REPLAY_LIMITS: PipelineLimits = {
  naming: milliseconds(60_000),
  drain: milliseconds(60_000),
  stop: milliseconds(60_000),
}

export interface Agent {
  /** What was chosen or left out, in a sentence each. */
  readonly notices: readonly string[]
  /** Resolves when the target has gone; rejects when sampling broke. */
  readonly ended: Promise<void>
  progress(): { readonly taken: number; readonly lost: number }
  /** Takes the last window, drains, closes files, releases everything. */
  stop(): Promise<RunEnd>
}

/** Makes the process of a command that `onSampling` then starts. */
export const openCommand = (argv: readonly string[]): NativeCommand => prepareCommand(loadAddon(), argv)

/** Every plug-in that a configuration may name. */
export const loadConsumerCatalog = async (): Promise<readonly Plugin<Consumer, ConsumerContext>[]> =>
  (await import('./consumers/catalog.ts')).consumerCatalog

export async function startAgent(options: AgentOptions): Promise<Agent> {
  const addon = loadAddon()
  const plan = planSampling(options.sampling)
  const release = releasesOf(options)
  const outputs = Promise.withResolvers<Pipeline | undefined>()
  let sessions: readonly SessionInfo[] = []
  try {
    if (options.lockDirectory) release.add(await lockOf(options.dataDirectory, addon))
    const sampler = new Sampler(addon, {
      native: plan.native,
      sessions: () => sessions,
      target: plan.target,
      window: options.sampling.window,
      ring: plan.ring,
      duration: options.sampling.duration,
      namesJavaScript: options.symbols === undefined || options.symbols.sources.includes('v8'),
      clock: systemClock,
      emit: async (batches) => (await outputs.promise)?.publish(batches),
    })
    sampler.open()
    release.add(() => sampler.stop())
    sampler.begin()
    options.onSampling?.()
    sessions = plan.describe(readHost(addon.kernelFacts()))
    const way: Way = { trust: 'live', limits: LIVE_LIMITS }
    const { pipeline, remarks } = await openPipeline(options, { addon, release, way })
    outputs.resolve(pipeline)
    return {
      notices: [...plan.notices, ...sampler.notices],
      ended: sampler.ended,
      progress: () => sampler.progress(),
      stop: once(async () => ({ ...(await stopAgent(sampler, pipeline, release)), remarks: remarks() })),
    }
  } catch (error) {
    outputs.resolve(undefined)
    await release.all()
    throw error
  }
}

/** Sends a recorded file through the same names, lanes and consumers as live windows. */
export async function replayFile(options: ReplayRunOptions): Promise<RunEnd> {
  const { Replay } = await import('./sampler/replay.ts')
  const replay = Replay.open(options.file)
  const release = releasesOf(options)
  release.add(() => replay.close())
  try {
    const way: Way = { trust: 'local-build-id', limits: REPLAY_LIMITS }
    const { pipeline, remarks } = await openPipeline(options, { addon: loadAddon(), release, way })
    await replay.run({
      signal: options.signal,
      async emit(batches) {
        await pipeline.publish(batches)
        await pipeline.settle(REPLAY_LIMITS.drain)
      },
    })
    const end = await pipeline.stop()
    return { ...end, remarks: [...replay.problems, ...remarks()] }
  } finally {
    await release.all()
  }
}

async function stopAgent(sampler: Sampler, pipeline: Pipeline, release: Releases): Promise<RunEnd> {
  const problems: string[] = []
  // Its last window goes through the pipeline, so it stops first.
  await sampler.stop().catch((error: unknown) => problems.push(`sampler: ${messageOf(error)}`))
  const end = await pipeline.stop()
  await release.all()
  return { ...end, problems: [...problems, ...end.problems] }
}

/** How a source's windows are treated. */
interface Way {
  readonly trust: Trust
  readonly limits: PipelineLimits
}

interface Parts {
  readonly addon: NativeAddon
  readonly release: Releases
  readonly way: Way
}

interface OpenPipeline {
  readonly pipeline: Pipeline
  /** What stayed without names, and why. */
  readonly remarks: () => readonly string[]
}

async function openPipeline(options: OutputOptions, parts: Parts): Promise<OpenPipeline> {
  const builders = await options.consumers()
  const context = await consumerContext(options, parts)
  const symbolizer = options.symbols && (await openSymbolizer(options.symbols, options.dataDirectory, parts))
  const consumers = builders.map((build) => build(context))
  const wanted = consumers.some(({ wantsResources }) => wantsResources === true)
  const resources = wanted ? await openResourceFinder(options.services, parts.way) : undefined
  const pipeline = new Pipeline({
    consumers,
    symbolizer,
    resources,
    observe: options.observe,
    log: options.log,
    limits: parts.way.limits,
  })
  await pipeline.start()
  const remarks = () => [...(symbolizer?.problems() ?? []), ...(resources?.remarks() ?? [])]
  return { pipeline, remarks }
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
  { dataDirectory, log, version }: OutputOptions,
  { addon, release }: Parts,
): Promise<ConsumerContext> {
  const { RemoteEncoder } = await import('./formats/remote-encoder.ts')
  const worker = new WorkerClient(workerEntry(import.meta.url, 'worker'))
  release.add(() => worker.close())
  return {
    version,
    dataDirectory,
    spoolDirectory: undefined,
    environment: process.env,
    stopBy: () => undefined,
    log,
    tryLock: (fd) => addon.tryLock(fd),
    encodeSamples: addon.encodeSamples,
    encoder: new RemoteEncoder(worker),
  }
}

/** Symbol tables of a busy machine's programs fit; what does not is read again. */
const MAX_NAME_CACHE_BYTES = 16 * 2 ** 20

async function openSymbolizer(
  policy: SymbolPolicy,
  dataDirectory: string,
  { addon, release, way }: Parts,
): Promise<NativeSymbolizer> {
  const options = {
    addon,
    limitMs: way.limits.naming - 500, // its answer has to arrive in time
    maxCacheBytes: MAX_NAME_CACHE_BYTES,
    trust: way.trust,
    policy: withCacheDirectory(policy, dataDirectory),
  }
  const symbolizer = asksProcessesOnly(policy)
    ? (await import('./symbols/generated-code.ts')).createGeneratedCodeSymbolizer(options)
    : (await import('./symbols/symbolizer.ts')).createSymbolizer(options)
  release.add(() => symbolizer.close())
  return symbolizer
}

/** Debug files that servers gave are kept below the data directory, unless another place was configured. */
const withCacheDirectory = (policy: SymbolPolicy, dataDirectory: string): SymbolPolicy =>
  policy.debuginfod === undefined
    ? policy
    : {
        ...policy,
        debuginfod: {
          ...policy.debuginfod,
          cacheDirectory: policy.debuginfod.cacheDirectory ?? join(dataDirectory, 'debuginfod'),
        },
      }

const releasesOf = ({ log }: OutputOptions): Releases =>
  new Releases((error) => log('warn', `while releasing: ${messageOf(error)}`))

async function lockOf(directory: string, addon: NativeAddon): Promise<() => void> {
  const lock = await lockDataDirectory(directory, (fd) => addon.tryLock(fd))
  return () => lock.release()
}
