// The composition root: what is asked for in, a running agent out. The only one who builds, starts and stops the rooms.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from './base/clock.ts'
import { once } from './base/once.ts'
import type { Releases } from './base/releases.ts'
import { settledWithin } from './base/settled-within.ts'
import { StopDeadline } from './base/stop-deadline.ts'
import { lockDataDirectory } from './config/data-directory.ts'
import { AgentError, messageOf } from './core/errors.ts'
import { type FlightRecorderOptions, longestWindow } from './core/flight-recorder.ts'
import type { HostInfo } from './core/host.ts'
import type { ProfileBatch } from './core/profile.ts'
import type { CollectionState, ProfileCollection } from './core/profile-collection.ts'
import type { SampleFilter } from './core/sample-filter.ts'
import { type ConfigurationStatus, STATUS_SOCKET, type Status } from './core/status.ts'
import type { RunEnd } from './core/summary.ts'
import { type Milliseconds, milliseconds } from './core/units.ts'
import type { NativeAddon, NativeCommand } from './native/binding.ts'
import { loadAddon } from './native/load.ts'
import { type OutputOptions, openPipeline, releasesOf, STOP_MARGIN_MS, type Way } from './open-pipeline.ts'
import { FlightRecorder } from './router/flight-recorder.ts'
import { fixedLimits, LIVE_LIMITS, limitsBy } from './router/limits.ts'
import type { Pipeline } from './router/pipeline.ts'
import { readCapabilities } from './sampler/capabilities.ts'
import { type Children, leaveNothingTo, lockDown } from './sampler/capability-drop.ts'
import { prepareCommand } from './sampler/command.ts'
import { readHost } from './sampler/host.ts'
import type { LiveSource } from './sampler/live-source.ts'
import type { SamplingRequest } from './sampler/plan.ts'
import { ProfileSessions, type SharedRequest } from './sampler/profile-sessions.ts'
import { Sampling } from './sampler/sampling.ts'
import { StatusBook, type StatusFacts } from './server/status-book.ts'
import type { NativeSymbolizer } from './symbols/symbolizer.ts'

/** One request, sampled from start to stop. */
export type RequestedSampling = SamplingRequest & {
  readonly window: Milliseconds
  /** Whether samples are taken from `resume` on only. */
  readonly beginsPaused?: boolean
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
  /** No samples are taken until `resume`; what does not come meanwhile is no loss. */
  pause(): Promise<void>
  resume(): Promise<void>
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
      pause: () => source.pause(),
      resume: () => source.resume(),
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
    const { window: wanted, duration, beginsPaused = false, ...request } = sampling
    const window = milliseconds(Math.min(wanted, longest ?? wanted))
    return new Sampling(addon, {
      ...shared,
      request,
      window,
      duration,
      beginsPaused,
      say: (text) => log('warn', text),
    })
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

async function lockOf(directory: string, addon: NativeAddon): Promise<() => void> {
  const lock = await lockDataDirectory(directory, (fd) => addon.tryLock(fd))
  return () => lock.release()
}
