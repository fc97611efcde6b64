// One request, as it is sampled: planned for this machine, then a sampler of its own.

import type { Clock } from '../base/clock.ts'
import type { HostInfo } from '../core/host.ts'
import type { ProfileBatch, SessionInfo } from '../core/profile.ts'
import type { SampleFilter } from '../core/sample-filter.ts'
import type { SamplerStatus } from '../core/status.ts'
import type { Milliseconds } from '../core/units.ts'
import type { NativeAddon } from '../native/binding.ts'
import { CgroupChanges } from './cgroup-changes.ts'
import { cpuNews } from './cpu-changes.ts'
import { locateCgroups } from './filter-cgroups.ts'
import type { LiveSource } from './live-source.ts'
import { planSampling, type SamplingPlan, type SamplingRequest } from './plan.ts'
import { Sampler } from './sampler.ts'

export interface SamplingOptions {
  readonly request: SamplingRequest
  readonly window: Milliseconds
  /** Sampling ends after it, to the millisecond; undefined: when it is stopped. */
  readonly duration: Milliseconds | undefined
  /** Whether memory of processes that run V8 is read, for the names of their functions. */
  readonly namesJavaScript: boolean
  readonly clock: Clock
  readonly host: () => HostInfo
  /** Whether it takes samples from `resume` on only. */
  readonly beginsPaused?: boolean
  /** Takes the batches of a window; the next one closes when it has resolved. */
  readonly emit: (batches: readonly ProfileBatch[]) => Promise<void>
  /** What happens while it samples, in a sentence. */
  readonly say: (text: string) => void
}

export class Sampling implements LiveSource {
  readonly sampler: Sampler
  readonly #plan: SamplingPlan
  readonly #host: () => HostInfo
  readonly #say: (text: string) => void
  #sessions: readonly SessionInfo[] = []
  readonly #beginsPaused: boolean
  #cpuProblems: readonly string[] = []
  readonly #cgroups = new CgroupChanges()
  #filter: SampleFilter

  /** @throws AgentError that says what this machine lacks, or does not allow */
  constructor(addon: NativeAddon, { request, host, say, beginsPaused = false, ...options }: SamplingOptions) {
    const plan = planSampling(request)
    const { ways, target, cgroups, filter } = plan
    this.#plan = plan
    this.#host = host
    this.#beginsPaused = beginsPaused
    this.#say = say
    this.#filter = request.filter
    this.sampler = new Sampler(addon, {
      ...options,
      ways,
      target,
      cgroups,
      filter,
      sessions: () => this.sessions(),
    })
  }

  async begin(onSampling?: () => void): Promise<void> {
    this.beginNow(onSampling)
  }

  /** Who looks at the host later loses nothing: windows tell of their sessions when they close. */
  beginNow(onSampling?: () => void): void {
    this.sampler.open()
    this.sampler.begin({ paused: this.#beginsPaused })
    onSampling?.()
    if (this.sampler.way !== undefined) this.#sessions = this.#plan.describe(this.#host(), this.sampler.way)
  }

  /** Another name or version of what asked for it, from the next window on. */
  renameConfig(config: NonNullable<SessionInfo['config']>): void {
    this.#sessions = this.#sessions.map((session) => ({ ...session, config }))
  }

  get notices(): readonly string[] {
    return [...this.#plan.notices, ...this.sampler.notices]
  }

  get ended(): Promise<void> {
    return this.sampler.ended
  }

  /** With the CPUs that are online now. */
  sessions(): readonly SessionInfo[] {
    const cpus = this.sampler.cpus()
    const { sessions, said } = cpuNews(this.#sessions, cpus, this.#cpuProblems)
    for (const text of [...said, ...this.#cgroups.look(this.sampler.cgroups())]) this.#say(text)
    this.#sessions = sessions
    this.#cpuProblems = cpus.problems
    return sessions
  }

  status(): SamplerStatus {
    return this.sampler.status()
  }

  progress(): { readonly taken: number; readonly lost: number } {
    return this.sampler.progress()
  }

  filter(): SampleFilter {
    return this.#filter
  }

  setFilter(wanted: SampleFilter): readonly string[] {
    const { filter, notices } = locateCgroups(wanted, 'awaited')
    this.sampler.setFilter(filter)
    this.#cgroups.begin()
    this.#filter = wanted
    return notices
  }

  pause(): Promise<void> {
    return this.sampler.pause()
  }

  resume(): Promise<void> {
    return this.sampler.resume()
  }

  cut(): Promise<void> {
    return this.sampler.cut()
  }

  stop(): Promise<void> {
    return this.sampler.stop()
  }
}
