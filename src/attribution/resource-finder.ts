// Whom the samples of a window belong to.

import type { Clock } from '../base/clock.ts'
import { inTurns } from '../base/turns.ts'
import type { ProcessTable } from '../core/process.ts'
import type { ProfileBatch } from '../core/profile.ts'
import type { ProcessResource, ResourceFinder, SampleResources } from '../core/resource.ts'
import { SampleCgroups } from '../core/sample-cgroups.ts'
import type { ServicePolicy } from '../core/service-policy.ts'
import type { Milliseconds } from '../core/units.ts'
import { containerIdOf } from './container-id.ts'
import { executableNameOf } from './executable.ts'
import { type Incarnation, Incarnations } from './incarnations.ts'
import { KnownProcesses, type Owner } from './known-processes.ts'
import type { ProcessFiles } from './process-files.ts'
import { ProcessReader } from './process-reader.ts'
import { type Living, WindowOwners } from './window-owners.ts'

export interface LiveProcessOptions {
  readonly files: ProcessFiles
  readonly clock: Clock
  /** For reading about one batch's processes; what is not read by then goes by the process table until the next window. */
  readonly limit: () => Milliseconds
}

export interface ProcessResourceFinder extends ResourceFinder {
  /** What services are named without, a sentence each. */
  remarks(): readonly string[]
}

/** @param live undefined for a recording: its processes are known by the process table alone */
export const createResourceFinder = (
  policy: ServicePolicy,
  live: LiveProcessOptions | undefined,
): ProcessResourceFinder => new Finder(policy, live)

/** What the windows of one source leave to its next ones. */
interface SourceHistory {
  readonly known: KnownProcesses
  /** Of its newest window. */
  readonly sequence: number
  readonly ended: ReadonlySet<number>
}

/** Sources run side by side are few; of more than that, the one whose last window is oldest begins anew. */
const MAX_SOURCES = 64

/** Batches of one window share it. */
interface CurrentWindow {
  readonly incarnations: Incarnations
  readonly owners: WindowOwners
}

/** Samples of these numbers are nobody's: the idle task, and what is already without a number when it ends. */
const NOBODY = [0, 0xffff_ffff]

/** Samples looked at between two looks at the clock, and processes. */
const SAMPLES = 2048
const PROCESSES = 8

class Finder implements ProcessResourceFinder {
  readonly #policy: ServicePolicy
  readonly #live: LiveProcessOptions | undefined
  readonly #reader: ProcessReader | undefined
  /** A window's table holds all of its buffer: it must not be kept for the table's sake. */
  readonly #windows = new WeakMap<ProcessTable, CurrentWindow>()
  /** By number; those whose windows came last stand last. Windows of different sources overlap, and tell of the same forks. */
  readonly #sources = new Map<number, SourceHistory>()
  #deadline = 0
  /** Batches are looked at one after another: what one learnt another does not read. */
  #before: Promise<unknown> = Promise.resolve()

  constructor(policy: ServicePolicy, live: LiveProcessOptions | undefined) {
    this.#policy = policy
    this.#live = live
    this.#reader = live && new ProcessReader(live.files, policy)
  }

  find(batch: ProfileBatch): Promise<SampleResources> {
    const found = this.#before.then(() => this.#find(batch))
    this.#before = found.catch(() => undefined)
    return found
  }

  remarks(): readonly string[] {
    return this.#reader?.remarks() ?? []
  }

  async #find(batch: ProfileBatch): Promise<SampleResources> {
    if (this.#live !== undefined) this.#deadline = this.#live.clock.now() + this.#live.limit()
    const { incarnations, owners } = await this.#windowOf(batch)
    const { ofSample, sampled } = await incarnationsOf(batch, incarnations)
    const rows = new ResourceRows(this.#policy)
    const rowOf = new Uint32Array(sampled.length)
    for await (const [from, to] of inTurns(sampled.length, PROCESSES)) {
      for (let index = from; index < to; index++) {
        const { incarnation, first, cgroupPath } = sampled[index] as SampledIncarnation
        if (incarnation === undefined) continue
        const owner = await owners.ownerOf(incarnation, { time: first, cgroupPath })
        rowOf[index] = rows.add(incarnation.pid, cgroupPath, owner)
      }
    }
    for await (const [from, to] of inTurns(ofSample.length, SAMPLES)) {
      for (let index = from; index < to; index++) ofSample[index] = rowOf[ofSample[index] ?? 0] ?? 0
    }
    return { table: rows.table, ofSample }
  }

  async #windowOf(batch: ProfileBatch): Promise<CurrentWindow> {
    const before = this.#windows.get(batch.processes)
    if (before !== undefined) return before
    const incarnations = await Incarnations.of(batch.processes)
    const known = this.#knownBy(batch, incarnations)
    const owners = new WindowOwners(incarnations, this.#policy, this.#living(known))
    const window = { incarnations, owners }
    this.#windows.set(batch.processes, window)
    return window
  }

  /** What earlier windows of the batch's source leave to this one. */
  #knownBy(
    { session, window: { sequence }, isLast }: ProfileBatch,
    incarnations: Incarnations,
  ): KnownProcesses {
    const { source } = session
    const last = this.#sources.get(source)
    const known = last?.known ?? new KnownProcesses()
    if (last !== undefined && sequence !== last.sequence + 1) known.forgetAll()
    known.beginWindow(incarnations, last?.ended ?? new Set())
    this.#sources.delete(source)
    if (!isLast) this.#sources.set(source, { known, sequence, ended: incarnations.ended })
    const [oldest] = this.#sources.keys()
    if (this.#sources.size > MAX_SOURCES && oldest !== undefined) this.#sources.delete(oldest)
    return known
  }

  #living(known: KnownProcesses): Living | undefined {
    const live = this.#live
    if (live === undefined || this.#reader === undefined) return undefined
    return {
      reader: this.#reader,
      known,
      slept: live.files.sleptFor(),
      // The limit shrinks when the agent stops.
      hasTime: () => live.clock.now() < this.#deadline && live.limit() > 0,
    }
  }
}

interface SampledIncarnation {
  readonly incarnation: Incarnation | undefined
  /** When its first sample was taken. */
  readonly first: bigint
  /** Of those samples; '' where it is not known. */
  readonly cgroupPath: string
}

interface SampledIncarnations {
  /** The first stands for nobody. */
  readonly sampled: readonly SampledIncarnation[]
  /** Index into `sampled`, one for each sample; shared memory, for it crosses to a worker. */
  readonly ofSample: Uint32Array
}

/** An incarnation that was moved to another cgroup is two. */
async function incarnationsOf(batch: ProfileBatch, incarnations: Incarnations): Promise<SampledIncarnations> {
  const { length, pid: pids, time: times } = batch.samples
  const cgroups = new SampleCgroups(batch)
  const ofSample = new Uint32Array(new SharedArrayBuffer(length * Uint32Array.BYTES_PER_ELEMENT))
  const sampled: SampledIncarnation[] = [{ incarnation: undefined, first: 0n, cgroupPath: '' }]
  const numbers = new Map<Incarnation, number[]>()
  for await (const [from, to] of inTurns(length, SAMPLES)) {
    for (let index = from; index < to; index++) {
      const pid = pids[index] ?? 0
      if (NOBODY.includes(pid)) continue
      const time = times[index] ?? 0n
      const incarnation = incarnations.at(pid, time)
      const cgroup = cgroups.of(index)
      const byCgroup = numbers.get(incarnation) ?? []
      if (byCgroup.length === 0) numbers.set(incarnation, byCgroup)
      byCgroup[cgroup] ??=
        sampled.push({ incarnation, first: time, cgroupPath: cgroups.paths[cgroup] ?? '' }) - 1
      ofSample[index] = byCgroup[cgroup]
    }
  }
  return { sampled, ofSample }
}

/** Equal resources are one row: a program that replaced itself by itself is not told apart. */
class ResourceRows {
  readonly table: ProcessResource[]
  readonly #rows = new Map<string, number>()

  constructor({ defaultName }: ServicePolicy) {
    const service = { name: defaultName, from: 'default' } as const
    this.table = [
      { pid: 0, service, executablePath: '', executableName: '', containerId: '', cgroupPath: '' },
    ]
  }

  /** The container is the one of the samples' cgroup, which is known of processes that are gone too. */
  add(pid: number, cgroupPath: string, owner: Owner): number {
    const { service, executablePath } = owner
    const executableName = executableNameOf(executablePath)
    const containerId = containerIdOf([cgroupPath]) || owner.containerId
    const key = JSON.stringify([pid, service.name, service.from, executablePath, containerId, cgroupPath])
    const resource = { pid, service, executablePath, executableName, containerId, cgroupPath }
    const row = this.#rows.get(key) ?? this.table.push(resource) - 1
    this.#rows.set(key, row)
    return row
  }
}
