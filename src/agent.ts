// The composition root: what is asked for in, a running agent out. The only one who builds, starts and stops the rooms.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProcessResourceFinder } from './attribution/resource-finder.ts'
import { systemClock } from './base/clock.ts'
import { once } from './base/once.ts'
import { Releases } from './base/releases.ts'
import { settledWithin } from './base/settled-within.ts'
import { StopDeadline } from './base/stop-deadline.ts'
import { WorkerClient, workerEntry } from './base/worker-client.ts'
import { lockDataDirectory } from './config/data-directory.ts'
import type { Consumer } from './core/consumer.ts'
import type { ConsumerContext } from './core/consumer-context.ts'
import { AgentError, messageOf } from './core/errors.ts'
import { type FlightRecorderOptions, longestWindow } from './core/flight-recorder.ts'
import type { HostInfo } from './core/host.ts'
import type { Plugin } from './core/plugin.ts'
import type { ProfileBatch } from './core/profile.ts'
import type { CollectionState, ProfileCollection } from './core/profile-collection.ts'
import type { SampleFilter } from './core/sample-filter.ts'
import type { ServicePolicy } from './core/service-policy.ts'
import { type ConfigurationStatus, STATUS_SOCKET, type Status } from './core/status.ts'
import type { RunEnd } from './core/summary.ts'
import { DEFAULT_SYMBOL_POLICY, type SymbolPolicy } from './core/symbol-policy.ts'
import { type Milliseconds, milliseconds } from './core/units.ts'
import type { NativeAddon, NativeCommand, NativeRecording } from './native/binding.ts'
import { loadAddon } from './native/load.ts'
import { FlightRecorder } from './router/flight-recorder.ts'
import { fixedLimits, LIVE_LIMITS, limitsBy, type PipelineLimits, REPLAY_LIMITS } from './router/limits.ts'
import { Pipeline, type PipelineOptions } from './router/pipeline.ts'
import { readCapabilities } from './sampler/capabilities.ts'
import { type Children, leaveNothingTo, lockDown } from './sampler/capability-drop.ts'
import { prepareCommand } from './sampler/command.ts'
import { readHost } from './sampler/host.ts'
import type { LiveSource } from './sampler/live-source.ts'
import type { SamplingRequest } from './sampler/plan.ts'
import { ProfileSessions, type SharedRequest } from './sampler/profile-sessions.ts'
import { Sampling } from './sampler/sampling.ts'
import { StatusBook, type StatusFacts } from './server/status-book.ts'
import { openSymbolizer } from './symbols/open.ts'
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
  /** What exporters read their standard variables from. */
  readonly environment: ConsumerContext['environment']
  readonly version: string
}

/** One request, sampled from start to stop. */
export type RequestedSampling = SamplingRequest & {
  readonly window: Milliseconds
  /** Sampling ends after it, to the millisecond; whoever starts the agent stops it. Undefined: never. */
  readonly duration: Milliseconds | undefined
}

/** What configurations ask for, which `setCollections` changes. */
export interface CollectedSampling extends SharedRequest {
  readonly collections: readonly ProfileCollection[]
  /** Those that a collection may name. */
  readonly consumerNames: readonly string[]
}

export interface AgentOptions extends OutputOptions {
  readonly sampling: RequestedSampling | CollectedSampling
  /** Where the collections come from, for the status. */
  readonly configuration?: () => ConfigurationStatus
  /** Whether the data directory is this agent's alone: what cannot be sent waits there, and `sonde status` asks there. */
  readonly lockDirectory: boolean
  /** Which programs this process starts from now on; what they get of its capabilities is settled for good. */
  readonly children: Children
  /** Whether every capability is dropped, for good, once sampling has begun. */
  readonly lockDown: boolean
  /** Called when nothing more than without capabilities may be done. A throw ends the start. */
  readonly onLockedDown?: () => void
  /** Windows wait in memory until `rotate`, or the end; absent: consumers get each as it closes. */
  readonly flightRecorder?: FlightRecorderOptions | undefined
  /** From `stop()` until everything is over; absent: as long as a command's files take. */
  readonly stopWithin?: Milliseconds
  /** Called when the target may run: its first instruction is sampled. A throw ends the start. */
  readonly onSampling?: () => void
}

export interface ReplayRunOptions extends OutputOptions {
  /** A perf.data file; `-` is standard input. */
  readonly file: string
  readonly signal: AbortSignal
  /** Where the files may be that its stacks are unwound by; absent: where `symbols` says. */
  readonly recordedFiles?: RecordedFiles
}

/** What of a policy says where the files of a recording may be. */
export type RecordedFiles = Pick<SymbolPolicy, 'debugDirectories' | 'recorded'>

export interface Agent {
  /** What was chosen or left out, in a sentence each. */
  readonly notices: readonly string[]
  /** Resolves when the target has gone; rejects when sampling broke. */
  readonly ended: Promise<void>
  progress(): { readonly taken: number; readonly lost: number }
  /** Other samples are wanted from now on: takes effect within a second, without a gap. Returns what it names in vain. */
  setFilter(filter: SampleFilter): readonly string[]
  /**
   * From now on these are sampled, of an agent that was started with collections. Resolves with what became of each, by
   * `collectionKey`; one that cannot be started leaves its predecessor running.
   */
  setCollections(collections: readonly ProfileCollection[]): Promise<ReadonlyMap<string, CollectionState>>
  /** What has become of them by now: what was started may have broken since. */
  collectionStates(collections: readonly ProfileCollection[]): ReadonlyMap<string, CollectionState>
  /**
   * What was sampled until now goes to the consumers, and those that write files finish them. Resolves when the consumers have
   * it before them.
   */
  rotate(): Promise<void>
  /** Into files, until now. */
  bytesWritten(): number
  /** Takes the last window, drains, closes files, releases everything. */
  stop(): Promise<RunEnd>
  /** For what its owner still does once it has stopped, of at most `usual`. */
  leftToStop(usual: Milliseconds): Milliseconds
}

/** Makes the process of a command that `onSampling` then starts. It gets no capabilities of ours. */
export function openCommand(argv: readonly string[]): NativeCommand {
  const addon = loadAddon()
  leaveNothingTo('commands', addon)
  return prepareCommand(addon, argv)
}

/** The consumers of these types; without a word every one that a configuration may name. */
export const loadConsumers = async (
  types?: readonly string[],
): Promise<readonly Plugin<Consumer, ConsumerContext>[]> =>
  (await import('./consumers/catalog.ts')).loadConsumers(types)

/** Spans of Sonde's own work go where the environment says, if it does. To be opened before what is to be seen. */
export { openTracing } from './tracing/open.ts'

export async function startAgent(options: AgentOptions): Promise<Agent> {
  const addon = loadAddon()
  const kept = leaveNothingTo(options.children, addon)
  const outputs = Promise.withResolvers<Pipeline | undefined>()
  const source = sourceOf(options, addon, outputs.promise)
  const release = releasesOf(options)
  const book = new StatusBook()
  const { version, dataDirectory, configuration } = options
  const about = { version, dataDirectory, pid: process.pid, startedAt: new Date() }
  let opened: Pipeline | undefined
  try {
    if (options.lockDirectory) release.add(await lockOf(options.dataDirectory, addon))
    release.add(() => source.stop())
    await source.begin(options.onSampling)
    const way = liveWay(options)
    const { flightRecorder: wanted } = options
    const flightRecorder = wanted && new FlightRecorder(wanted)
    const parts = { addon, release, way, flightRecorder }
    const { pipeline, symbolizer, remarks } = await openPipeline(
      { ...options, count: (batch) => book.add(batch) },
      parts,
    )
    opened = pipeline
    const locked = options.lockDown ? await lockedDown(options, { addon, symbolizer, source }) : []
    outputs.resolve(pipeline)
    const running: Running = { source, pipeline, release, way }
    if (options.lockDirectory) {
      await offerStatus(options, running, () =>
        book.status({
          ...about,
          sessions: source.sessions(),
          filter: source.filter(),
          sampler: source.status(),
          configuration: configuration?.() ?? null,
          flightRecorder: flightRecorder?.status() ?? null,
          ...nowOf(running),
        }),
      )
    }
    return {
      notices: [...kept, ...source.notices, ...locked],
      ended: source.ended,
      progress: () => source.progress(),
      setFilter: (wanted) => source.setFilter(wanted),
      setCollections: async (collections) =>
        source instanceof ProfileSessions ? source.apply(collections) : new Map(),
      collectionStates: (collections) =>
        source instanceof ProfileSessions ? source.states(collections) : new Map(),
      bytesWritten: () => bytesIn(pipeline.results()),
      async rotate() {
        await source.cut()
        await pipeline.rotate()
      },
      stop: once(async () => {
        const end = await stopAgent(running)
        return { ...end, remarks: [...end.remarks, ...remarks()] }
      }),
      leftToStop: (usual) => milliseconds(way.stopping.leftOfAll(usual)),
    }
  } catch (error) {
    outputs.resolve(undefined)
    await opened?.stop()
    await release.all()
    throw error
  }
}

/** Windows wait for the pipeline: sampling begins before what names and takes them is loaded. */
function sourceOf(
  { sampling, symbols, log, flightRecorder }: AgentOptions,
  addon: NativeAddon,
  outputs: Promise<Pipeline | undefined>,
): LiveSource {
  let known: HostInfo | undefined
  const host = (): HostInfo => {
    known ??= readHost(addon.kernelFacts())
    return known
  }
  const shared = {
    namesJavaScript: symbols === undefined || symbols.sources.includes('v8'),
    clock: systemClock,
    host,
    emit: async (batches: readonly ProfileBatch[], consumers?: readonly string[]): Promise<void> => {
      await (await outputs)?.publish(batches, consumers)
    },
  }
  const longest = flightRecorder && longestWindow(flightRecorder)
  if (!('collections' in sampling)) {
    const { window: wanted, duration, ...request } = sampling
    const window = milliseconds(Math.min(wanted, longest ?? wanted))
    return new Sampling(addon, { ...shared, request, window, duration })
  }
  const { collections, consumerNames, ...common } = sampling
  return new ProfileSessions(addon, {
    ...shared,
    shared: common,
    longestWindow: longest,
    collections,
    consumerNames,
    log,
  })
}

/** Sends a recorded file through the same names, lanes and consumers as live windows. */
export async function replayFile(options: ReplayRunOptions): Promise<RunEnd> {
  const { openReplay } = await import('./sampler/open-replay.ts')
  const replay = await openReplay(options.file, options.signal)
  const release = releasesOf(options)
  release.add(() => replay.close())
  try {
    const way = replayWay()
    const addon = loadAddon()
    const kept = leaveNothingTo('helpers', addon)
    const { pipeline, remarks } = await openPipeline(options, { addon, release, way })
    await replay.run({
      signal: options.signal,
      openUnwinder: (host) => addon.openRecordedUnwinder(recordingOf(host, options, addon)),
      async emit(batches) {
        await pipeline.publish(batches)
        await pipeline.settle(REPLAY_LIMITS.drain)
      },
    })
    way.stopping.begin()
    const end = await pipeline.stop()
    const problems = [...replay.damage, ...end.problems]
    return { ...end, problems, remarks: [...kept, ...replay.problems, ...remarks()] }
  } finally {
    await release.all()
  }
}

/** Where what a file's stacks are unwound by may be. */
function recordingOf(
  { arch, kernel }: HostInfo,
  { recordedFiles, symbols }: ReplayRunOptions,
  addon: NativeAddon,
): NativeRecording {
  const { debugDirectories, recorded }: RecordedFiles = recordedFiles ?? symbols ?? DEFAULT_SYMBOL_POLICY
  return {
    machine: arch,
    sameKernel:
      kernel !== undefined && kernel.buildId !== '' && kernel.buildId === addon.kernelFacts().buildId,
    root: recorded?.symfs ?? '',
    buildIdCaches: recorded?.buildIdCaches ?? [],
    debugDirectories,
  }
}

/** What will not be permitted later is read before; what then stops working is said. */
async function lockedDown(
  { onLockedDown }: AgentOptions,
  { addon, symbolizer, source }: LockedParts,
): Promise<readonly string[]> {
  await symbolizer?.readKernelNames()
  const status = readFileSync('/proc/self/status', 'utf8')
  const notice = lockDown(addon, status)
  // Who had none loses nothing.
  if (source instanceof ProfileSessions && readCapabilities(status).size > 0) source.lockDown()
  try {
    onLockedDown?.()
  } catch (error) {
    throw new AgentError('LOCK_DOWN.REFUSED', `Locked down: ${messageOf(error)}`, { cause: error })
  }
  return [notice]
}

interface LockedParts {
  readonly addon: NativeAddon
  readonly symbolizer: NativeSymbolizer | undefined
  readonly source: LiveSource
}

interface Running {
  readonly source: LiveSource
  readonly pipeline: Pipeline
  readonly release: Releases
  readonly way: Way
}

async function stopAgent({ source, pipeline, release, way }: Running): Promise<RunEnd> {
  const { limits, stopping } = way
  stopping.begin()
  const problems: string[] = []
  const noting = (who: string) => (error: unknown) => problems.push(`${who}: ${messageOf(error)}`)
  // Its last window goes through the pipeline, so it stops first.
  const last = 'did not hand over its last window in time'
  await settledWithin(source.stop(), limits.source(), last).catch(noting('sampler'))
  const end = await pipeline.stop()
  await settledWithin(release.all(), limits.release(), 'not everything was released in time').catch(
    noting('agent'),
  )
  return { ...end, problems: [...problems, ...end.problems] }
}

/** How a source's windows are treated. */
interface Way {
  readonly trust: Trust
  readonly limits: PipelineLimits
  readonly stopping: StopDeadline
  readonly spoolDirectory: string | undefined
  readonly sourceWaits: boolean
}

/** For what comes after the last consumer: closing files, releasing, leaving; at most a quarter of the time there is. */
const STOP_MARGIN_MS = 1_000

function liveWay({ stopWithin, lockDirectory, dataDirectory }: AgentOptions): Way {
  const total = stopWithin ?? LIVE_LIMITS.stop
  const stopping = new StopDeadline({ total, margin: Math.min(STOP_MARGIN_MS, total / 4) }, systemClock)
  return {
    trust: 'live',
    limits: stopWithin === undefined ? fixedLimits(LIVE_LIMITS) : limitsBy(stopping, LIVE_LIMITS),
    stopping,
    spoolDirectory: lockDirectory ? join(dataDirectory, 'spool') : undefined,
    sourceWaits: false,
  }
}

function replayWay(): Way {
  const times = { total: REPLAY_LIMITS.stop, margin: STOP_MARGIN_MS }
  return {
    trust: 'local-build-id',
    limits: fixedLimits(REPLAY_LIMITS),
    stopping: new StopDeadline(times, systemClock),
    spoolDirectory: undefined,
    sourceWaits: true,
  }
}

const bytesIn = (results: ReturnType<Pipeline['results']>): number =>
  [...results.values()]
    .filter(({ outcome }) => outcome.delivery === undefined)
    .reduce((sum, { outcome }) => sum + outcome.bytes + (outcome.open?.bytes ?? 0), 0)

const nowOf = ({ pipeline, way }: Running): Pick<StatusFacts, 'results' | 'state'> => ({
  results: pipeline.results(),
  state: way.stopping.by === undefined ? 'running' : 'stopping',
})

/** An agent that cannot be asked samples on. */
async function offerStatus(
  { dataDirectory, log }: AgentOptions,
  { release }: Running,
  status: () => Status,
): Promise<void> {
  try {
    const { serveStatus } = await import('./server/status-server.ts')
    const server = await serveStatus({ path: join(dataDirectory, STATUS_SOCKET), status })
    release.add(() => server.close())
  } catch (error) {
    log('warn', messageOf(error))
  }
}

interface Parts {
  readonly addon: NativeAddon
  readonly release: Releases
  readonly way: Way
  readonly flightRecorder?: FlightRecorder | undefined
}

interface OpenPipeline {
  readonly pipeline: Pipeline
  /** Undefined where nobody looks at names. */
  readonly symbolizer: NativeSymbolizer | undefined
  /** What stayed without names, and why. */
  readonly remarks: () => readonly string[]
}

async function openPipeline(
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
    encodeSamples: addon.encodeSamples,
    encoder: new RemoteEncoder(worker),
  }
}

async function symbolizerOf(
  policy: SymbolPolicy,
  dataDirectory: string,
  { addon, release, way }: Parts,
): Promise<NativeSymbolizer> {
  const { trust, limits } = way
  const symbolizer = await openSymbolizer({ policy, addon, trust, limit: limits.naming, dataDirectory })
  release.add(() => symbolizer.close())
  return symbolizer
}

const releasesOf = ({ log }: OutputOptions): Releases =>
  new Releases((error) => log('warn', `while releasing: ${messageOf(error)}`))

async function lockOf(directory: string, addon: NativeAddon): Promise<() => void> {
  const lock = await lockDataDirectory(directory, (fd) => addon.tryLock(fd))
  return () => lock.release()
}
