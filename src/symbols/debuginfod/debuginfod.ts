// Debug files, and executables of recordings, that this machine lacks, from debuginfod servers (elfutils: debuginfod(8), "Webapi"), in the background.

import { type Clock, systemClock } from '../../base/clock.ts'
import { messageOf } from '../../core/errors.ts'
import type { DebuginfodPolicy } from '../../core/symbol-policy.ts'
import { buildIdOf } from './build-id.ts'
import { type Artifact, type ArtifactOf, DebugFileStore, isBuildId } from './debug-file-store.ts'
import { download } from './download.ts'
import { RateLimit } from './rate-limit.ts'

/** Images that wait to be asked for; a machine has a few hundred. */
const MAX_WAITING = 1000
/** Images that are remembered as asked for or present. */
const MAX_SETTLED = 10_000
const MISSING_MS = 24 * 3_600_000
/** After which a file whose fetching failed may be asked for again. */
const RETRY_MS = 600_000
const FIRST_BACKOFF_MS = 60_000
const LONGEST_BACKOFF_MS = 3_600_000
/** How often a file's use is noted on disk. */
const TOUCH_MS = 3_600_000

export interface DebuginfodOptions {
  readonly policy: DebuginfodPolicy & { readonly cacheDirectory: string }
  /** Told once for each reason why there are no files. */
  readonly report: (problem: string) => void
  readonly clock?: Clock
}

/** Figures since the start. */
export interface DebuginfodStats {
  /** Requests that were sent. */
  readonly asked: number
  readonly received: number
  readonly missing: number
  readonly failed: number
  /** Images that found no place in the queue. */
  readonly dropped: number
}

interface Server {
  readonly url: string
  failures: number
  /** Of the clock; before it the server is left alone. */
  restingUntil: number
}

/** Fetches one file at a time; nobody waits for it. */
export class Debuginfod {
  readonly #policy: DebuginfodOptions['policy']
  readonly #report: (problem: string) => void
  readonly #clock: Clock
  readonly #store: DebugFileStore
  readonly #rate: RateLimit
  readonly #servers: readonly Server[]
  readonly #stopped = new AbortController()
  /** By what and of which build. */
  readonly #waiting = new Map<string, ArtifactOf>()
  /** What is not to be asked for before a time of the clock. */
  readonly #settled = new Map<string, number>()
  readonly #touched = new Map<string, number>()
  readonly #stats = { asked: 0, received: 0, missing: 0, failed: 0, dropped: 0 }
  #running: Promise<void> | undefined
  #opened: Promise<void> | undefined

  constructor({ policy, report, clock = systemClock }: DebuginfodOptions) {
    this.#policy = policy
    this.#report = report
    this.#clock = clock
    this.#rate = new RateLimit(policy.perMinute, clock)
    this.#servers = policy.urls.map((url) => ({ url, failures: 0, restingUntil: 0 }))
    this.#store = new DebugFileStore({
      directory: policy.cacheDirectory,
      maxBytes: policy.maxCacheBytes,
      missingMs: MISSING_MS,
    })
  }

  /** Images that lack names, or are lacking, by build id; returns at once. */
  want(buildIds: Iterable<string>, artifact: Artifact = 'debuginfo'): void {
    if (this.#stopped.signal.aborted) return
    for (const buildId of buildIds) {
      const key = keyOf({ buildId, artifact })
      const known = (this.#settled.get(key) ?? 0) > this.#clock.now()
      if (known || !isBuildId(buildId)) continue
      if (this.#waiting.size < MAX_WAITING) this.#waiting.set(key, { buildId, artifact })
      else this.#stats.dropped++
    }
    if (this.#waiting.size > 0) this.#running ??= this.#run().finally(() => (this.#running = undefined))
  }

  /** Images that are being named, by build id: files of theirs are kept before others. Returns at once. */
  used(buildIds: Iterable<string>): void {
    const now = this.#clock.now()
    for (const buildId of buildIds) {
      if (now < (this.#touched.get(buildId) ?? 0) || !isBuildId(buildId)) continue
      remember(this.#touched, buildId, now + TOUCH_MS)
      // Without it the file only goes sooner.
      this.#store.touch({ buildId, artifact: 'debuginfo' }).catch(() => undefined)
    }
  }

  stats(): DebuginfodStats {
    return { ...this.#stats }
  }

  /** Resolves when nothing is waiting or under way. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** Ends what is under way. Safe twice. */
  close(): void {
    this.#stopped.abort()
    this.#waiting.clear()
  }

  async #run(): Promise<void> {
    try {
      this.#opened ??= this.#store.open()
      await this.#opened
      for (const [key, wanted] of this.#waiting) {
        this.#waiting.delete(key)
        await this.#settle(wanted)
        if (this.#stopped.signal.aborted) return
      }
    } catch (error) {
      // The disk: nothing can be kept, and asking servers would be of no use.
      this.#report(`debuginfod: ${messageOf(error)}`)
      this.close()
    }
  }

  async #settle(wanted: ArtifactOf): Promise<void> {
    switch (await this.#store.state(wanted)) {
      case 'present':
      case 'missing':
        return this.#remember(wanted, RETRY_MS)
      case 'unknown':
        return this.#remember(wanted, (await this.#fetch(wanted)) ? MISSING_MS : RETRY_MS)
    }
  }

  /** Whether the question is answered. */
  async #fetch(wanted: ArtifactOf): Promise<boolean> {
    let missing = 0
    for (const server of this.#servers) {
      if (server.restingUntil > this.#clock.now()) continue
      await this.#rate.wait(this.#stopped.signal)
      if (this.#stopped.signal.aborted) return false
      this.#stats.asked++
      const answer = await this.#ask(server, wanted)
      if (answer === 'received') return true
      if (answer === 'missing') missing++
    }
    if (missing < this.#servers.length) return false
    this.#stats.missing++
    await this.#store.keepMissing(wanted)
    return true
  }

  async #ask(server: Server, wanted: ArtifactOf): Promise<'received' | 'missing' | 'failed'> {
    const { buildId, artifact } = wanted
    const path = await this.#store.receivePath(wanted)
    const url = new URL(`${server.url.replace(/\/+$/, '')}/buildid/${buildId}/${artifact}`)
    const limits = { timeoutMs: this.#policy.timeout, maxBytes: this.#policy.maxFileBytes }
    const answer = await download(url, path, limits, this.#stopped.signal)
    switch (answer.outcome) {
      case 'received':
        return await this.#takeIn(server, wanted, path)
      case 'missing':
        server.failures = 0
        return 'missing'
      case 'refused':
        await this.#store.discard(wanted)
        this.#report(`debuginfod: the file of build id ${buildId} is left out: ${answer.reason}`)
        return 'missing'
      case 'failed':
        await this.#store.discard(wanted)
        this.#rest(server, answer.reason)
        return 'failed'
    }
  }

  /** What came is believed only where its own build id says so. */
  async #takeIn(server: Server, wanted: ArtifactOf, path: string): Promise<'received' | 'failed'> {
    if ((await buildIdOf(path)) !== wanted.buildId) {
      await this.#store.discard(wanted)
      this.#rest(server, 'what it sent is not of the build id that was asked for')
      return 'failed'
    }
    server.failures = 0
    await this.#store.keep(wanted)
    this.#stats.received++
    return 'received'
  }

  #rest(server: Server, reason: string): void {
    if (this.#stopped.signal.aborted) return
    this.#stats.failed++
    const wait = Math.min(FIRST_BACKOFF_MS * 2 ** server.failures++, LONGEST_BACKOFF_MS)
    server.restingUntil = this.#clock.now() + wait
    this.#report(`debuginfod: ${new URL(server.url).host}: ${reason}`)
  }

  #remember(wanted: ArtifactOf, forMs: number): void {
    remember(this.#settled, keyOf(wanted), this.#clock.now() + forMs)
  }
}

const keyOf = ({ buildId, artifact }: ArtifactOf): string => `${artifact}/${buildId}`

/** The entry made longest ago goes where there are too many. */
function remember(map: Map<string, number>, key: string, value: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= MAX_SETTLED) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
