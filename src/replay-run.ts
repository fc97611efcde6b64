// Recorded files in, what consumers make of them out.

import { statSync } from 'node:fs'
import { hostname } from 'node:os'
import { systemClock } from './base/clock.ts'
import { StopDeadline } from './base/stop-deadline.ts'
import type { HostInfo } from './core/host.ts'
import type { RecordingSelection } from './core/recording-selection.ts'
import type { RunEnd } from './core/summary.ts'
import { DEFAULT_SYMBOL_POLICY, type SymbolPolicy } from './core/symbol-policy.ts'
import type { NativeAddon, NativeRecording } from './native/binding.ts'
import { loadAddon } from './native/load.ts'
import { type OutputOptions, openPipeline, releasesOf, STOP_MARGIN_MS, type Way } from './open-pipeline.ts'
import { fixedLimits, REPLAY_LIMITS, SERVED_REPLAY_LIMITS } from './router/limits.ts'
import { leaveNothingTo } from './sampler/capability-drop.ts'
import { inodesSeenHere, type RecordingPlace } from './symbols/trust.ts'

export interface ReplayRunOptions extends OutputOptions {
  /** perf.data files of one machine; `-` is standard input. */
  readonly files: readonly string[]
  readonly selection?: RecordingSelection
  /** Whether a consumer makes perf.data of it again: what it has no place for is a remark then. */
  readonly rewrites?: boolean
  readonly signal: AbortSignal
  /** Where the files may be that its stacks are unwound by; absent: where `symbols` says. */
  readonly recordedFiles?: RecordedFiles
}

/** What of a policy says where the files of a recording may be. */
export type RecordedFiles = Pick<SymbolPolicy, 'debugDirectories' | 'recorded'>

/** Sends recorded files through the same names, lanes and consumers as live windows. */
export async function replayFile(options: ReplayRunOptions): Promise<RunEnd> {
  const { openReplay } = await import('./sampler/open-replay.ts')
  const replay = await openReplay(options.files, options)
  const release = releasesOf(options)
  release.add(() => replay.close())
  try {
    const way = replayWay(options)
    const addon = loadAddon()
    const kept = leaveNothingTo('helpers', addon)
    const { pipeline, symbolizer, remarks } = await openPipeline(options, { addon, release, way })
    const [session] = replay.sessions
    if (session !== undefined) await symbolizer?.checkNamedKernel(session.host)
    await replay.run({
      signal: options.signal,
      openUnwinder: (host) =>
        addon.openRecordedUnwinder(recordingOf(host, { ...options, place: way.place }, addon)),
      async emit(batches) {
        await pipeline.publish(batches)
        await pipeline.settle(REPLAY_LIMITS.drain)
      },
    })
    way.stopping.begin()
    const end = await pipeline.stop()
    const problems = [...replay.damage, ...end.problems]
    const leftOut = options.rewrites === true && replay.notWritten.length > 0
    const rewriting = leftOut ? [`Left out of the new file: ${replay.notWritten.join(', ')}`] : []
    return { ...end, problems, remarks: [...kept, ...replay.problems, ...rewriting, ...remarks()] }
  } finally {
    await release.all()
  }
}

/** Where what a file's stacks are unwound by may be. */
function recordingOf(
  host: HostInfo,
  {
    recordedFiles,
    symbols,
    place,
  }: Pick<ReplayRunOptions, 'recordedFiles' | 'symbols'> & { readonly place: RecordingPlace | undefined },
  addon: NativeAddon,
): NativeRecording {
  const { arch, kernel } = host
  const seenHere = inodesSeenHere(host, place)
  const { debugDirectories, recorded }: RecordedFiles = recordedFiles ?? symbols ?? DEFAULT_SYMBOL_POLICY
  return {
    machine: arch,
    sameKernel:
      kernel !== undefined && kernel.buildId !== '' && kernel.buildId === addon.kernelFacts().buildId,
    root: recorded?.symfs ?? '',
    buildIdCaches: recorded?.buildIdCaches ?? [],
    debugDirectories,
    ...(seenHere !== undefined && { seenHere }),
  }
}

function replayWay({ files, symbols }: ReplayRunOptions): Way {
  const times = { total: REPLAY_LIMITS.stop, margin: STOP_MARGIN_MS }
  return {
    trust: 'local-build-id',
    place: placeOf(files),
    limits: fixedLimits(symbols?.debuginfod === undefined ? REPLAY_LIMITS : SERVED_REPLAY_LIMITS),
    stopping: new StopDeadline(times, systemClock),
    spoolDirectory: undefined,
    sourceWaits: true,
  }
}

/** A recording was over when its file was last written to, the first of several with the oldest. A pipe has no such time. */
function placeOf(files: readonly string[]): RecordingPlace | undefined {
  let until: bigint | undefined
  for (const file of files) {
    const status = statSync(file, { bigint: true, throwIfNoEntry: false })
    if (!status?.isFile()) return undefined
    if (until === undefined || status.mtimeNs < until) until = status.mtimeNs
  }
  return until === undefined ? undefined : { hostname: hostname(), until }
}
