// Many windows become one profile: samples that are alike are counted, whatever window they came in.

import type { ProfileAdded, ProfileLimits, SampleLabel, WindowSource } from '../../core/encoder.ts'
import { type ProfileBatch, type SessionInfo, sessionTitle } from '../../core/profile.ts'
import type { ProcessResource, SampleResources } from '../../core/resource.ts'
import { SampleCgroups } from '../../core/sample-cgroups.ts'
import { batchesOf } from '../../core/window-view.ts'
import { Dictionary } from './dictionary.ts'
import { ProcessNames } from './process-names.ts'
import { ResourceTable } from './resource-table.ts'
import { ROW_WORDS, RowTable } from './row-table.ts'
import { SampleTimes } from './sample-times.ts'
import { MemoryBudget, NO_ROOM } from './sequence-table.ts'
import { Timeline } from './timeline.ts'
import { WindowTranslation } from './window-translation.ts'

/** One session's part of a profile, as the formats read it. */
export interface SessionProfile {
  readonly session: SessionInfo
  /** Unix time of the first window's start, ns. */
  readonly unixStart: bigint
  /** From the first window's start to the last one's end, ns. */
  readonly duration: bigint
  readonly samples: number
  /** Sum of the samples' periods, in the event's unit. */
  readonly value: bigint
  /** Samples lost, by reason; `table_full` includes those that this profile had no room for. */
  readonly losses: ReadonlyMap<string, number>
  /** Some samples were left out in favour of others, which weigh more. */
  readonly thinned: boolean
  readonly rows: RowTable
  readonly dictionary: Dictionary
  /** What the rows' resources are; [0] is the unknown one. */
  readonly resources: readonly ProcessResource[]
  /** When each sample was taken, where that was asked for. */
  readonly times: SampleTimes | undefined
  /** What happened meanwhile, of all sessions, where that was asked for. */
  readonly timeline: Timeline | undefined
}

/** What a person calls it: `cpu-clock, page-faults on node-1`. */
export function titleOf(profiles: readonly SessionProfile[]): string {
  const events = profiles.map(({ session }) => sessionTitle(session)).join(', ')
  return `${events} on ${profiles[0]?.session.host.hostname || 'an unnamed host'}`
}

interface OpenSession extends SessionProfile {
  readonly start: bigint
  duration: bigint
  samples: number
  value: bigint
  thinned: boolean
  readonly losses: Map<string, number>
}

/** The number of ''. */
const NO_TEXT = 0

/** Where a batch's samples go. */
interface Target {
  readonly open: OpenSession
  readonly batch: ProfileBatch
  readonly translation: WindowTranslation
  /** By the batch's own numbers. */
  readonly resources: SampleResources | undefined
  /** Where they are to be told apart, and can be. */
  readonly cgroups: SampleCgroups | undefined
}

export class ProfileAggregate {
  readonly #tells: ReadonlySet<SampleLabel>
  readonly #budget: MemoryBudget
  readonly #dictionary: Dictionary
  readonly #resources: ResourceTable
  readonly #sessions = new Map<number, OpenSession>()
  readonly #timeline: Timeline | undefined

  constructor(limits: ProfileLimits) {
    this.#tells = new Set(limits.labels)
    this.#budget = new MemoryBudget(limits.maxBytes)
    this.#dictionary = new Dictionary(this.#budget)
    this.#resources = new ResourceTable(this.#budget)
    this.#timeline = this.#tells.has('timeline') ? new Timeline(this.#budget) : undefined
  }

  /** Bytes that the tables take. */
  get bytes(): number {
    return this.#budget.taken
  }

  session(id: number): SessionProfile | undefined {
    return this.#sessions.get(id)
  }

  add(window: WindowSource): ProfileAdded {
    let kept = 0
    let tableFull = 0
    for (const batch of batchesOf(window.buffer, window.sessions, { names: window.names })) {
      const open = this.#open(batch)
      this.#timeline?.add(batch)
      open.duration = batch.window.end - open.start
      for (const { reason, count } of batch.losses) addTo(open.losses, reason, count)
      if (batch.leftOut.some(({ reason }) => reason === 'sampled_out')) open.thinned = true
      const keptOfBatch = this.#addSamples({
        open,
        batch,
        translation: new WindowTranslation(this.#dictionary, batch),
        resources: window.resources?.get(batch.session.id),
        cgroups: this.#cgroupsOf(batch),
      })
      kept += keptOfBatch
      tableFull += batch.samples.length - keptOfBatch
      addTo(open.losses, 'table_full', batch.samples.length - keptOfBatch)
    }
    return { kept, tableFull }
  }

  #open(batch: ProfileBatch): OpenSession {
    const { session, window } = batch
    const known = this.#sessions.get(session.id)
    if (known !== undefined) return known
    const open: OpenSession = {
      session,
      start: window.start,
      unixStart: window.unixStart,
      duration: 0n,
      samples: 0,
      value: 0n,
      losses: new Map(),
      thinned: false,
      rows: new RowTable(this.#budget),
      dictionary: this.#dictionary,
      resources: this.#resources.rows,
      timeline: this.#timeline,
      times: this.#tells.has('time') ? new SampleTimes(this.#budget) : undefined,
    }
    this.#sessions.set(session.id, open)
    return open
  }

  /** Returns how many samples were kept. */
  #addSamples(target: Target): number {
    const { open, batch } = target
    const { samples } = batch
    const processNames = new ProcessNames(batch.processes)
    const unixOffset = batch.window.unixStart - batch.window.start
    const key = new Uint32Array(ROW_WORDS)
    let kept = 0
    for (let sample = 0; sample < samples.length; sample++) {
      if (!this.#keyOf(target, processNames, sample, key)) continue
      const value = samples.value[sample] as bigint
      if (open.times?.hasRoom() === false) continue
      const row = open.rows.add(key, value)
      if (row === NO_ROOM) continue
      open.times?.add(row, (samples.time[sample] as bigint) + unixOffset, value)
      open.value += value
      kept++
    }
    open.samples += kept
    return kept
  }

  /** Fills `key` as RowTable wants it; false when there is no room. */
  #keyOf(
    { batch, translation, resources, cgroups }: Target,
    processNames: ProcessNames,
    sample: number,
    key: Uint32Array,
  ): boolean {
    const { samples } = batch
    const pid = samples.pid[sample] as number
    const stack = translation.stack(samples.stack[sample] as number)
    const comm = translation.string(samples.comm[sample] as number)
    const processName = this.#dictionary.addString(processNames.at(pid, samples.time[sample] as bigint))
    const resource = this.#resourceOf(resources, sample)
    const cgroup = cgroups === undefined ? NO_TEXT : this.#dictionary.addString(cgroups.pathOf(sample))
    if (stack === NO_ROOM || comm === NO_ROOM || processName === NO_ROOM) return false
    if (resource === NO_ROOM || cgroup === NO_ROOM) return false
    key[0] = stack
    key[1] = pid
    key[2] = samples.tid[sample] as number
    key[3] = comm
    key[4] = processName
    key[5] = this.#tells.has('cpu') ? (samples.cpu[sample] as number) + 1 : 0
    key[6] = resource
    key[7] = cgroup
    return true
  }

  #cgroupsOf(batch: ProfileBatch): SampleCgroups | undefined {
    const cgroups = new SampleCgroups(batch)
    return this.#tells.has('cgroup') && cgroups.areKnown ? cgroups : undefined
  }

  #resourceOf(resources: SampleResources | undefined, sample: number): number {
    if (resources === undefined || !this.#tells.has('resource')) return 0
    return this.#resources.number(resources.table, resources.ofSample[sample] ?? 0)
  }
}

function addTo(counts: Map<string, number>, reason: string, count: number): void {
  if (count > 0) counts.set(reason, (counts.get(reason) ?? 0) + count)
}
