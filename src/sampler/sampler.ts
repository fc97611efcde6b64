// The live source: closes a window of the native sampler on time and emits its batches.

import type { Clock } from '../base/clock.ts'
import type { Component } from '../core/component.ts'
import type { ProfileBatch, SessionInfo } from '../core/profile.ts'
import { EVERYTHING, type SampleFilter } from '../core/sample-filter.ts'
import type { SampledCgroupsStatus, SamplerStatus } from '../core/status.ts'
import { type Milliseconds, type MonotonicTime, monotonicTime } from '../core/units.ts'
import { batchesOf } from '../core/window-view.ts'
import type {
  NativeAddon,
  NativeCgroupHierarchy,
  NativeSampledCpus,
  NativeSampler,
  NativeTarget,
} from '../native/binding.ts'
import { captureStatus } from './capture-status.ts'
import { explained, explaining, isMemoryLockRefused, isNativeError, targetText } from './native-errors.ts'
import { nativeFilter } from './native-filter.ts'
import type { SamplingWay } from './plan.ts'
import { smallerRings } from './ring-size.ts'

export interface SamplerOptions {
  /** In the order in which they are tried. */
  readonly ways: readonly SamplingWay[]
  /** The same sessions as the batches show them; asked for when the first window closes. */
  readonly sessions: () => readonly SessionInfo[]
  readonly target: NativeTarget
  /** In which samples tell their cgroups; undefined: they do not. */
  readonly cgroups?: NativeCgroupHierarchy | undefined
  readonly window: Milliseconds
  /** When sampling ends although `stop` has not been called yet; undefined: never. */
  readonly duration: Milliseconds | undefined
  /** Whether memory of processes that run V8 is read, for the names of their functions. Default: true. */
  readonly namesJavaScript?: boolean
  /** Default: everything is wanted. */
  readonly filter?: SampleFilter
  /** Takes the batches of a window. The next window closes when it has resolved, so that slowness is bounded. */
  readonly emit: (batches: readonly ProfileBatch[]) => Promise<void>
  readonly clock: Clock
}

/** Bounds of one window; what exceeds them is counted as `table_full`. */
const MAX_SAMPLES_PER_WINDOW = 4_000_000
const MAX_STACK_BYTES_PER_WINDOW = 256 * 2 ** 20

/** On the clock of the samples, CLOCK_MONOTONIC. */
export const monotonicNow = (): MonotonicTime => monotonicTime(process.hrtime.bigint())

const smallerRingsNotice = (bytes: number, wanted: number): string =>
  `Rings of ${bytes / 1024} KiB for each CPU instead of ${wanted / 1024} KiB: more memory needs CAP_IPC_LOCK, or a higher kernel.perf_event_mlock_kb. Samples may be lost (ring_full).`

/** How often processes are asked whether they still live. */
const TARGET_CHECK_MS = 100

/**
 * Windows end at multiples of the window's length after the start. When closing one takes longer than that, the
 * boundaries that passed meanwhile are skipped: windows become longer, they never overlap and nothing falls between.
 */
export class Sampler implements Component {
  readonly name = 'sampler'
  readonly #addon: NativeAddon
  readonly #options: SamplerOptions
  /** Ends the wait for the window's end. */
  #wait = new AbortController()
  #isStopping = false
  /** Those that wait for what was sampled until they asked. */
  readonly #cuts: (() => void)[] = []
  readonly #ended = Promise.withResolvers<void>()
  readonly #notices: string[] = []
  #native: NativeSampler | undefined
  #way: SamplingWay | undefined
  #cgroups: SampledCgroupsStatus = { byKernel: false, refused: null, missing: [] }
  #total: Progress = { taken: 0, lost: 0 }
  #running: Promise<void> | undefined

  constructor(addon: NativeAddon, options: SamplerOptions) {
    this.#addon = addon
    this.#options = options
    this.#ended.promise.catch(() => undefined) // whoever waits hears it; nobody needs to
  }

  /** Resolves when the target has gone; rejects when sampling broke. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** What could not be had as it was planned, in a sentence each; complete when it is open. */
  get notices(): readonly string[] {
    return this.#notices
  }

  /** Opens the events, and from here on samples. */
  async start(): Promise<void> {
    this.open()
    this.begin()
  }

  /** The way that was taken; undefined before it is open. */
  get way(): SamplingWay | undefined {
    return this.#way
  }

  /** Opens the events without letting them count: what follows can be the target's first instruction. */
  open(): void {
    this.#native = explaining(`sample ${targetText(this.#options.target)}`, () => this.#openFirst())
  }

  /** The first way that works; why an earlier one did not is a notice. */
  #openFirst(): NativeSampler {
    const { ways } = this.#options
    for (const [place, way] of ways.entries()) {
      try {
        const native = this.#openNative(way)
        this.#way = way
        return native
      } catch (error) {
        const next = ways[place + 1]
        if (next === undefined || !isNativeError(error)) throw error
        this.#notices.push(
          `Sampling by ${next.backEnd}, because ${way.backEnd} failed: ${error.syscall} (${error.code}).`,
        )
      }
    }
    throw new Error('there is no way to sample')
  }

  #openNative(way: SamplingWay): NativeSampler {
    const { bytes, asked } = way.ring
    const sizes = asked ? [bytes] : [bytes, ...smallerRings(bytes)]
    for (const [place, size] of sizes.entries()) {
      try {
        const native = this.#openWith(way, size)
        if (size < bytes) this.#notices.push(smallerRingsNotice(size, bytes))
        return native
      } catch (error) {
        if (place + 1 === sizes.length || !isMemoryLockRefused(error)) throw error
      }
    }
    throw new Error('there is no size of a ring')
  }

  #openWith({ native, backEnd }: SamplingWay, ringBytes: number): NativeSampler {
    const { target, cgroups, duration, namesJavaScript = true, filter = EVERYTHING } = this.#options
    return this.#addon.openSampler({
      sessions: native,
      target,
      backEnd,
      ringBytes,
      maxSamplesPerWindow: MAX_SAMPLES_PER_WINDOW,
      maxStackBytesPerWindow: MAX_STACK_BYTES_PER_WINDOW,
      namesJavaScript,
      filter: nativeFilter(filter),
      ...(cgroups === undefined ? {} : { cgroups }),
      ...(duration === undefined ? {} : { durationMs: Math.round(duration) }),
    })
  }

  /** Samples are taken from here on, or where it begins paused from `resume` on. */
  begin({ paused = false }: { readonly paused?: boolean } = {}): void {
    const native = this.#native
    if (native === undefined || this.#running !== undefined) return
    try {
      native.start(paused)
    } catch (error) {
      native.close()
      this.#native = undefined
      throw explained(error, 'begin to sample')
    }
    this.#running = this.#run(native).then(this.#ended.resolve, this.#ended.reject)
  }

  /**
   * What was sampled before `time` is another sampler's: those samples are left out as `overlap`. To be called at once after
   * `begin`. Where one follows another: `next.beginAt(previous.endAt(monotonicNow()))`.
   */
  beginAt(time: MonotonicTime): void {
    explaining('begin to sample', () => this.#native?.keepFrom(time))
  }

  /**
   * Ends sampling, and leaves out as `overlap` what was sampled from `time` on; `stop` emits what was sampled before it.
   * Returns when it ends: after `time` only where a window has been closed meanwhile.
   */
  endAt(time: MonotonicTime): MonotonicTime {
    const native = this.#native
    if (native === undefined) return time
    return monotonicTime(explaining('end sampling', () => native.keepUntil(time)))
  }

  /** Other samples are wanted from now on; takes effect within a second. Once it has been stopped, nothing does. */
  setFilter(filter: SampleFilter): void {
    this.#native?.setFilter(nativeFilter(filter))
  }

  /** What takes the samples, and what it counted. */
  status(): SamplerStatus {
    return {
      backEnd: this.#way?.backEnd ?? 'perf',
      filterProblem: this.#native?.filterProblem() || null,
      cpuProblems: this.cpus().problems,
      cgroups: this.cgroups(),
      cpus: captureStatus(this.#native?.stats() ?? []),
    }
  }

  /** Which are sampled now, where whole CPUs are; none before and afterwards. */
  cpus(): NativeSampledCpus {
    return this.#native?.cpus() ?? { sampled: [], problems: [] }
  }

  /** Of those that the filter names; afterwards, as they were last. */
  cgroups(): SampledCgroupsStatus {
    const cgroups = this.#native?.cgroups()
    if (cgroups !== undefined) this.#cgroups = { ...cgroups, refused: cgroups.refused || null }
    return this.#cgroups
  }

  /** Samples read so far, and those that are known lost; afterwards, of all that there were. */
  progress(): Progress {
    return this.#native === undefined ? this.#total : progressOf(this.#native)
  }

  /** No samples are taken until `resume`; what does not come meanwhile is no loss. Resolves when what came before has been emitted. */
  async pause(): Promise<void> {
    explaining('pause', () => this.#native?.pause())
    // A pause shares no window with samples: what a CPU idles in it would be taken for theirs, and hide what they miss.
    await this.cut()
  }

  async resume(): Promise<void> {
    await this.cut()
    explaining('sample again', () => this.#native?.resume())
  }

  /** Closes the window now. Resolves when what was sampled until now has been emitted. */
  cut(): Promise<void> {
    if (this.#running === undefined) return Promise.resolve()
    const cut = Promise.withResolvers<void>()
    this.#cuts.push(cut.resolve)
    this.#wait.abort()
    // Where sampling has ended meanwhile, its last window is whoever stops it's.
    return Promise.race([cut.promise, this.#running])
  }

  /** Stops sampling, emits what was sampled until now as its last batches, and releases everything. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#wait.abort()
    await this.#running
    const native = this.#native
    this.#native = undefined
    if (native === undefined) return
    const last = await this.#takeLast(native)
    // Whoever takes it may be slow; events, rings and a thread are not held for so long.
    if (last !== undefined) await this.#emit(last, { isLast: true })
  }

  async #takeLast(native: NativeSampler): Promise<SharedArrayBuffer | undefined> {
    try {
      native.disable()
      return this.#running === undefined ? undefined : await takeWindow(native)
    } finally {
      this.#total = progressOf(native)
      native.close()
    }
  }

  async #run(native: NativeSampler): Promise<void> {
    const { clock, window } = this.#options
    const started = clock.now()
    for (;;) {
      const elapsed = clock.now() - started
      await this.#waitUntil(native, started + (Math.floor(elapsed / window) + 1) * window)
      if (this.#isStopping || native.targetGone()) return
      const cuts = this.#cuts.splice(0)
      await this.#emit(await takeWindow(native))
      for (const resolve of cuts) resolve()
    }
  }

  /** Returns at `end`, or before when the target has gone, somebody wants the window, or the sampler is stopped. */
  async #waitUntil(native: NativeSampler, end: number): Promise<void> {
    const { clock, target } = this.#options
    const step = target.kind === 'cpus' ? Number.POSITIVE_INFINITY : TARGET_CHECK_MS
    this.#wait = new AbortController()
    if (this.#isStopping || this.#cuts.length > 0) return
    for (let left = end - clock.now(); left > 0; left = end - clock.now()) {
      await clock.sleep(Math.min(left, step), this.#wait.signal)
      if (this.#wait.signal.aborted || native.targetGone()) return
    }
  }

  async #emit(buffer: SharedArrayBuffer, { isLast = false } = {}): Promise<void> {
    await this.#options.emit(batchesOf(buffer, this.#options.sessions(), { isLast }))
  }
}

async function takeWindow(native: NativeSampler): Promise<SharedArrayBuffer> {
  const buffer = new SharedArrayBuffer(await native.closeWindow())
  native.take(new Uint8Array(buffer))
  return buffer
}

interface Progress {
  readonly taken: number
  readonly lost: number
}

function progressOf(native: NativeSampler): Progress {
  const stats = native.stats()
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  return {
    taken: sum(stats.map((session) => session.taken)),
    lost: sum(stats.flatMap((session) => session.losses)),
  }
}
