// Firefox Profiler's processed format, version 70: src/types/profile.ts and docs-developer/CHANGELOG-formats.md of
// github.com/firefox-devtools/profiler.

import type { SessionInfo } from '../../core/profile.ts'
import { periodOf } from '../../core/units.ts'
import { type SessionProfile, titleOf } from '../profile/profile-aggregate.ts'
import type { ThreadEvent } from '../profile/timeline.ts'
import { TextWriter } from '../text-writer.ts'
import { CATEGORIES, OTHER } from './categories.ts'
import { MARKER_SCHEMA, type Marker, samplingMarkers, threadMarkers } from './markers.ts'
import { SharedTables } from './shared-tables.ts'
import { type SampledThread, threadsOf } from './threads.ts'

const PROCESSED_VERSION = 70
/** Of Gecko's own format, at the same time. */
const GECKO_VERSION = 36
const INSTANT = 0
const INTERVAL = 1
/** Values of a column that become text at once. */
const PIECE = 4096

/**
 * One document. Each thread is a track, with the event's name where there are several events. Samples of clock events weigh
 * milliseconds of CPU time; those of others what they counted.
 */
export function encodeFirefoxProfile(profiles: readonly SessionProfile[]): Uint8Array<ArrayBuffer> {
  const [first] = profiles
  const out = new TextWriter()
  if (first === undefined) throw new Error('a profile without sessions')
  const document = new Document(out, profiles, first)
  document.write()
  return out.bytes()
}

class Document {
  readonly #out: TextWriter
  readonly #profiles: readonly SessionProfile[]
  readonly #first: SessionProfile
  readonly #shared: SharedTables
  /** Unix ns; all times are counted from here. */
  readonly #start: bigint
  readonly #end: bigint

  constructor(out: TextWriter, profiles: readonly SessionProfile[], first: SessionProfile) {
    this.#out = out
    this.#profiles = profiles
    this.#first = first
    this.#shared = new SharedTables(first.dictionary, first.session.host.arch)
    let [start, end] = [first.unixStart, first.unixStart + first.duration]
    for (const { unixStart, duration } of profiles) {
      if (unixStart < start) start = unixStart
      if (unixStart + duration > end) end = unixStart + duration
    }
    this.#start = start
    this.#end = end
  }

  write(): void {
    this.#out.write(`{"meta":${JSON.stringify(this.#meta())},"threads":[`)
    this.#writeThreads()
    this.#out.write(`],"libs":${JSON.stringify(this.#shared.libraries)},"pages":[],"shared":{`)
    this.#writeShared()
    this.#out.write('}}\n')
  }

  #meta(): Readonly<Record<string, unknown>> {
    const { host, commandLine } = this.#first.session
    return {
      interval: intervalOf(this.#first.session),
      startTime: Number(this.#start) / 1e6,
      profilingStartTime: 0,
      profilingEndTime: this.#ms(this.#end),
      processType: 0,
      product: titleOf(this.#profiles),
      importedFrom: 'Sonde',
      stackwalk: 1,
      debug: false,
      version: GECKO_VERSION,
      preprocessedProfileVersion: PROCESSED_VERSION,
      symbolicated: true,
      categories: CATEGORIES,
      markerSchema: MARKER_SCHEMA,
      sampleUnits: { time: 'ms', eventDelay: 'ms', threadCPUDelta: 'ns' },
      usesOnlyOneStackType: true,
      sourceCodeIsNotOnSearchfox: true,
      platform: 'Linux',
      oscpu: `Linux ${host.osRelease} ${host.arch}`,
      abi: host.arch,
      CPUName: host.cpuDescription,
      logicalCPUs: host.cpusOnline,
      mainMemory: Number(host.totalMemoryKb) * 1024,
      arguments: commandLine.join(' '),
      extra: [{ label: 'Sampling', entries: this.#figures() }],
    }
  }

  #figures(): readonly unknown[] {
    const entry = (label: string, value: number) => ({ label, format: 'integer', value })
    const dropped = this.#first.timeline?.dropped ?? 0
    return [
      ...this.#profiles.flatMap(({ session, samples, losses }) => {
        const { name } = session.event
        const lost = [...losses].map(([reason, count]) => entry(`${name}: ${reason}`, count))
        return [entry(`${name}: samples`, samples), ...lost]
      }),
      ...(dropped > 0 ? [entry('markers that found no room', dropped)] : []),
    ]
  }

  #writeThreads(): void {
    const timeline = this.#first.timeline
    const lives = livesOf(timeline?.threads ?? [])
    const markers = threadMarkers(timeline?.threads ?? [])
    let separator = ''
    for (const [index, profile] of this.#profiles.entries()) {
      for (const thread of threadsOf(profile)) {
        const key = `${thread.pid}/${thread.tid}`
        this.#out.write(separator)
        // A thread is there once per event; what happened to it is told once.
        const told = index === 0 || !this.#isIn(this.#profiles[0]!, thread) ? markers.get(key) : undefined
        const life = lives.get(key)
        const ofProcess = lives.get(`${thread.pid}/${thread.pid}`)
        this.#writeThread(thread, { markers: told ?? [], life, ofProcess, event: index })
        separator = ','
      }
    }
    const sampling = samplingMarkers(timeline?.sampling ?? [], this.#profiles)
    if (sampling.length === 0) return
    this.#out.write(separator)
    this.#writeSamplingThread(sampling)
  }

  readonly #threadsOfFirst = new Set<string>()

  #isIn(profile: SessionProfile, { pid, tid }: SampledThread): boolean {
    if (this.#threadsOfFirst.size === 0) {
      for (let row = 0; row < profile.rows.length; row++) {
        const each = profile.rows.at(row)
        this.#threadsOfFirst.add(`${each.pid}/${each.tid}`)
      }
    }
    return this.#threadsOfFirst.has(`${pid}/${tid}`)
  }

  #writeThread(thread: SampledThread, { markers, life, ofProcess, event }: ThreadContext): void {
    const { profile, pid, tid, comm, processName, times, stacks, weights } = thread
    const { event: info } = profile.session
    const name = this.#profiles.length > 1 ? `${comm || '[unknown]'} (${info.name})` : comm || '[unknown]'
    this.#writeHead({
      pid: String(pid),
      tid: event === 0 ? tid : `${tid} ${info.name}`,
      name,
      processName: processName || comm,
      isMainThread: event === 0 && pid === tid,
      processStartupTime: ofProcess?.from === undefined ? 0 : this.#ms(ofProcess.from),
      processShutdownTime: ofProcess?.until === undefined ? null : this.#ms(ofProcess.until),
      registerTime: this.#ms(life?.from ?? times[0] ?? this.#start),
      unregisterTime: life?.until === undefined ? null : this.#ms(life.until),
    })
    this.#out.write(',"samples":{')
    this.#column('time', times, (time) => this.#ms(time))
    this.#column('stack', stacks, (stack) => this.#shared.stack(stack))
    if (info.unit === 'nanoseconds') {
      this.#column('weight', weights, (weight) => Number(weight) / 1e6)
      this.#column('threadCPUDelta', weights, Number)
      this.#out.write('"weightType":"tracing-ms",')
    } else {
      this.#column('weight', weights, Number)
      this.#out.write('"weightType":"samples",')
    }
    this.#out.write(`"length":${times.length}}`)
    this.#writeMarkers(markers)
    this.#out.write('}')
  }

  #writeSamplingThread(markers: readonly Marker[]): void {
    this.#writeHead({
      pid: 'sampling',
      tid: 'sampling',
      name: 'Sampling',
      processName: 'Sampling',
      isMainThread: true,
      registerTime: 0,
      unregisterTime: null,
    })
    this.#out.write(',"samples":{"time":[],"stack":[],"weight":null,"weightType":"samples","length":0}')
    this.#writeMarkers(markers)
    this.#out.write('}')
  }

  /** Leaves the object open. */
  #writeHead(head: Readonly<Record<string, unknown>>): void {
    const text = JSON.stringify({
      processType: 'default',
      processStartupTime: 0,
      processShutdownTime: null,
      pausedRanges: [],
      showMarkersInTimeline: true,
      ...head,
    })
    this.#out.write(text.slice(0, -1))
  }

  #writeMarkers(markers: readonly Marker[]): void {
    this.#out.write(',"markers":{')
    this.#column('name', markers, ({ name }) => this.#shared.string(name))
    this.#column('startTime', markers, ({ from }) => this.#ms(from))
    this.#column('endTime', markers, ({ until }) => (until === undefined ? null : this.#ms(until)))
    this.#column('phase', markers, ({ until }) => (until === undefined ? INSTANT : INTERVAL))
    this.#column('category', markers, () => OTHER)
    this.#column('data', markers, ({ data }) => JSON.stringify(data))
    this.#out.write(`"length":${markers.length}}`)
  }

  /** With a comma behind it: `length` is last. */
  #column<Value>(
    name: string,
    values: ArrayLike<Value>,
    text: (value: Value) => number | string | null,
  ): void {
    this.#out.write(`"${name}":[`)
    for (let from = 0; from < values.length; from += PIECE) {
      const until = Math.min(values.length, from + PIECE)
      const piece = Array.from({ length: until - from }, (_, index) => String(text(values[from + index]!)))
      this.#out.write((from > 0 ? ',' : '') + piece.join(','))
    }
    this.#out.write('],')
  }

  #writeShared(): void {
    let open = ''
    for (const [path, values] of this.#shared.columns()) {
      const [table = '', column] = path.split('.')
      if (table !== open)
        this.#out.write(`${open === '' ? '' : '},'}${column === undefined ? '' : `"${table}":{`}`)
      else this.#out.write(',')
      if (typeof values === 'number') this.#out.write(`"${column}":${values}`)
      else this.#writeArray(column ?? table, [...values])
      open = table
    }
  }

  #writeArray(name: string, values: readonly unknown[]): void {
    this.#out.write(`"${name}":[`)
    for (let from = 0; from < values.length; from += PIECE) {
      const piece = JSON.stringify(values.slice(from, from + PIECE)).slice(1, -1)
      this.#out.write((from > 0 ? ',' : '') + piece)
    }
    this.#out.write(']')
  }

  /** Milliseconds since the start, to the nanosecond. */
  #ms(unix: bigint): number {
    return Number(unix - this.#start) / 1e6
  }
}

interface ThreadContext {
  readonly markers: readonly Marker[]
  readonly life: Life | undefined
  readonly ofProcess: Life | undefined
  /** Number of the session among those of the profile. */
  readonly event: number
}

interface Life {
  from: bigint | undefined
  until: bigint | undefined
}

/** When threads began and ended, by `pid/tid`, as far as that was seen. */
function livesOf(events: readonly ThreadEvent[]): ReadonlyMap<string, Life> {
  const lives = new Map<string, Life>()
  for (const { kind, time, pid, tid } of events) {
    const key = `${pid}/${tid}`
    const life = lives.get(key) ?? { from: undefined, until: undefined }
    lives.set(key, life)
    if (kind === 'fork') life.from ??= time
    if (kind === 'exit') life.until = time
  }
  return lives
}

/** Milliseconds between samples of a busy thread. */
function intervalOf({ rate, event }: SessionInfo): number {
  if (rate.by === 'frequency') return Number(periodOf(rate.hertz)) / 1e6
  return event.unit === 'nanoseconds' && rate.period > 0n ? Number(rate.period) / 1e6 : 1
}
