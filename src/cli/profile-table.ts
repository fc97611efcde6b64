// Adds samples up by function, thread name, process, cgroup or whole stack.

import { inTurns } from '../base/turns.ts'
import { type FunctionLabel, functionLabels } from '../core/frame-label.ts'
import { FRAME_KINDS, type ProfileBatch } from '../core/profile.ts'
import { SampleCgroups } from '../core/sample-cgroups.ts'
import { ProcessNames } from '../formats/profile/process-names.ts'
import { samplesPerStack, standsFor, weightPerStack } from './columns.ts'

export const GROUPINGS = ['function', 'comm', 'pid', 'cgroup', 'stack'] as const
export type Grouping = (typeof GROUPINGS)[number]

/** Samples that have everything in common that a table looks at. */
export interface SampleGroup {
  /** Leaf first. */
  readonly frames: readonly FunctionLabel[]
  /** The thread's name. */
  readonly comm: string
  readonly pid: number
  /** The process's name; '' where it is not known. */
  readonly process: string
  /** The path of its cgroup; '' where it is not known. */
  readonly cgroup: string
  readonly samples: number
  /** In the event's unit. Sums are for display: exact to 2^53. */
  readonly weight: number
}

export interface Row {
  labels: readonly FunctionLabel[]
  /** Samples and weight of what ends here; for everything but functions the same as `total`. */
  samples: number
  self: number
  total: number
}

/** Rows beyond are not told apart: nobody looks at them, and an agent lives long. */
const MAX_ROWS = 500_000
/** The process was gone before anybody could ask, or whoever recorded it did not. */
const UNKNOWN_CGROUP = '[unknown]'
const OTHERS: FunctionLabel = { name: '[others]', module: '' }

export class ProfileTable {
  readonly #by: Grouping
  readonly #maxRows: number
  readonly #rows = new Map<string, Row>()
  /** The same function stands in many stacks: its key is made once. */
  readonly #ofFunction = new WeakMap<FunctionLabel, Row>()
  samples = 0
  weight = 0

  constructor(by: Grouping, maxRows: number = MAX_ROWS) {
    this.#by = by
    this.#maxRows = maxRows
  }

  add(group: SampleGroup): void {
    this.samples += group.samples
    this.weight += group.weight
    switch (this.#by) {
      case 'function':
        this.#addFunctions(group)
        break
      case 'stack':
        this.#addWhole([{ name: group.comm, module: '' }, ...group.frames.toReversed()], group)
        break
      case 'comm':
        this.#addWhole([{ name: group.comm, module: '' }], group)
        break
      case 'cgroup':
        this.#addWhole([{ name: group.cgroup || UNKNOWN_CGROUP, module: '' }], group)
        break
      case 'pid':
        this.#addProcess(group)
        break
    }
  }

  async addBatch(batch: ProfileBatch): Promise<void> {
    for await (const group of groupsOf(batch, this.#by)) this.add(group)
  }

  rows(): readonly Row[] {
    return [...this.#rows.values()]
  }

  /** The heaviest rows by what ends in them. */
  top(count: number): readonly Row[] {
    return this.rows()
      .toSorted((a, b) => b.self - a.self || b.total - a.total)
      .slice(0, count)
  }

  #addFunctions(group: SampleGroup): void {
    const [leaf = OTHERS] = group.frames
    const own = this.#functionRow(leaf)
    own.samples += group.samples
    own.self += group.weight
    // A function that calls itself counts once.
    const rows = new Set(group.frames.map((frame) => this.#functionRow(frame)))
    for (const row of rows.add(own)) row.total += group.weight
  }

  #functionRow(label: FunctionLabel): Row {
    const row = this.#ofFunction.get(label) ?? this.#row([label])
    this.#ofFunction.set(label, row)
    return row
  }

  #addWhole(labels: readonly FunctionLabel[], group: SampleGroup): void {
    const row = this.#row(labels)
    row.samples += group.samples
    row.self += group.weight
    row.total += group.weight
  }

  /** A process that called exec goes by its newest name. */
  #addProcess(group: SampleGroup): void {
    const row = this.#row([{ name: String(group.pid), module: '' }])
    const name = group.process || row.labels[0]?.module || group.comm
    row.labels = [{ name: String(group.pid), module: name }]
    row.samples += group.samples
    row.self += group.weight
    row.total += group.weight
  }

  #row(labels: readonly FunctionLabel[]): Row {
    const key = rowKey(labels)
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    if (this.#rows.size >= this.#maxRows && labels[0] !== OTHERS) return this.#row([OTHERS])
    const row: Row = { labels, samples: 0, self: 0, total: 0 }
    this.#rows.set(key, row)
    return row
  }
}

/** Rows of equal labels are one. */
export const rowKey = (labels: readonly FunctionLabel[]): string =>
  labels.map(({ name, module }) => `${name}\0${module}`).join('\0')

const REASON = FRAME_KINDS.indexOf('reason')

/** The batch's samples in as few groups as the table tells apart. */
export async function* groupsOf(batch: ProfileBatch, by: Grouping): AsyncGenerator<SampleGroup> {
  switch (by) {
    case 'function':
      yield* groupsByStack(batch)
      break
    case 'comm':
    case 'stack':
      yield* groupsByThread(batch, by)
      break
    case 'cgroup':
      yield* groupsByCgroup(batch)
      break
    case 'pid':
      yield* groupsByProcess(batch)
      break
  }
}

const NOBODY = { comm: '', pid: 0, process: '', cgroup: '' } as const

async function* groupsByStack(batch: ProfileBatch): AsyncGenerator<SampleGroup> {
  const samples = samplesPerStack(batch)
  const weights = weightPerStack(batch)
  const framesOf = frameReader(batch)
  for await (const [from, to] of inTurns(batch.stacks.length, 8)) {
    for (let stack = from; stack < to; stack++) {
      const count = samples[stack] ?? 0
      if (count > 0) yield { ...NOBODY, frames: framesOf(stack), samples: count, weight: weights[stack] ?? 0 }
    }
  }
}

function* groupsByThread(batch: ProfileBatch, by: 'comm' | 'stack'): Generator<SampleGroup> {
  const { samples, strings } = batch
  const framesOf = frameReader(batch)
  const counted = standsFor(batch)
  const groups = new Map<string, { last: number; samples: number; weight: number }>()
  for (let index = 0; index < samples.length; index++) {
    const key = threadKey(batch, by, index)
    const group = groups.get(key) ?? { last: index, samples: 0, weight: 0 }
    groups.set(key, group)
    group.last = index
    group.samples += counted(index)
    group.weight += Number(samples.value[index] ?? 0n)
  }
  for (const { last, samples: count, weight } of groups.values()) {
    yield {
      ...NOBODY,
      frames: by === 'stack' ? framesOf(samples.stack[last] ?? 0) : [],
      comm: strings.at(samples.comm[last] ?? 0),
      samples: count,
      weight,
    }
  }
}

function* groupsByCgroup(batch: ProfileBatch): Generator<SampleGroup> {
  const cgroups = new SampleCgroups(batch)
  const counted = standsFor(batch)
  const counts: number[] = []
  const weights: number[] = []
  for (let index = 0; index < batch.samples.length; index++) {
    const cgroup = cgroups.of(index)
    counts[cgroup] = (counts[cgroup] ?? 0) + counted(index)
    weights[cgroup] = (weights[cgroup] ?? 0) + Number(batch.samples.value[index] ?? 0n)
  }
  for (const [number, cgroup] of cgroups.paths.entries()) {
    const samples = counts[number] ?? 0
    if (samples > 0) yield { ...NOBODY, frames: [], cgroup, samples, weight: weights[number] ?? 0 }
  }
}

/** A process bears the name of its main thread, whichever of its threads was sampled. */
function* groupsByProcess(batch: ProfileBatch): Generator<SampleGroup> {
  const { samples, strings, processes } = batch
  const counted = standsFor(batch)
  const names = new ProcessNames(processes)
  const groups = new Map<number, { comm: string; process: string; samples: number; weight: number }>()
  for (let index = 0; index < samples.length; index++) {
    const pid = samples.pid[index] ?? 0
    const comm = strings.at(samples.comm[index] ?? 0)
    const group = groups.get(pid) ?? { comm, process: '', samples: 0, weight: 0 }
    groups.set(pid, group)
    const name = names.at(pid, samples.time[index] ?? 0n)
    group.process = name || (samples.tid[index] === pid ? comm : group.process)
    group.samples += counted(index)
    group.weight += Number(samples.value[index] ?? 0n)
  }
  for (const [pid, group] of groups) yield { ...NOBODY, ...group, pid, frames: [] }
}

function threadKey({ samples }: ProfileBatch, by: 'comm' | 'stack', index: number): string {
  switch (by) {
    case 'comm':
      return `${samples.comm[index]}`
    case 'stack':
      return `${samples.comm[index]}/${samples.stack[index]}`
  }
}

/** Reads the frames of stacks, each distinct frame once. Reasons are no functions, unless nothing else is there. */
function frameReader(batch: ProfileBatch): (stack: number) => readonly FunctionLabel[] {
  const { stacks } = batch
  const labels: (readonly FunctionLabel[])[] = []
  const labelsOf = (frame: number): readonly FunctionLabel[] => {
    labels[frame] ??= functionLabels(batch, frame)
    return labels[frame]
  }
  return (stack) => {
    const frames = [...stacks.frameIndices.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])]
    const code = frames.filter((frame) => stacks.frames.kind[frame] !== REASON)
    return (code.length > 0 ? code : frames).flatMap(labelsOf)
  }
}
