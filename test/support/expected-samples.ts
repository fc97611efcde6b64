// What profiles have to say of windows, straight from their batches: without the code that aggregates.

import type { WindowSource } from '../../src/core/encoder.ts'
import type { Image } from '../../src/core/process.ts'
import { type Frame, ownFunctions, type ProfileBatch, type SessionInfo } from '../../src/core/profile.ts'
import type { ProcessResource } from '../../src/core/resource.ts'
import { namesOf } from '../../src/core/symbolizer.ts'
import { batchesOf } from '../../src/core/window-view.ts'

export interface ExpectedFunction {
  readonly function: string
  readonly file: string
  readonly line: number
}

export interface ExpectedFrame {
  readonly kind: Frame['kind']
  /** Innermost first. */
  readonly functions: readonly ExpectedFunction[]
  /** Of native frames. */
  readonly image: Image | undefined
  /** As it is looked up: return addresses lie behind their calls. */
  readonly address: bigint
  /** '' where no runtime speaks of it. */
  readonly language: string
}

export interface ExpectedSample {
  readonly session: SessionInfo
  readonly resource: ProcessResource
  /** Leaf first. */
  readonly stack: readonly ExpectedFrame[]
  readonly pid: number
  readonly tid: number
  readonly cpu: number
  readonly comm: string
  readonly value: bigint
  /** Unix, ns. */
  readonly time: bigint
}

export const expectedSamples = (windows: readonly WindowSource[]): ExpectedSample[] =>
  windows.flatMap(({ buffer, sessions, names, resources }) =>
    batchesOf(buffer, sessions, { names }).flatMap((batch) => {
      const found = resources?.get(batch.session.id)
      return samplesOf({ ...batch, resources: found ?? batch.resources })
    }),
  )

function samplesOf(batch: ProfileBatch): ExpectedSample[] {
  const { session, samples, stacks, strings, resources, window } = batch
  const frames = Array.from({ length: stacks.frames.length }, (_, frame) => frameOf(batch, frame))
  return Array.from({ length: samples.length }, (_, index) => {
    const [from, to] = [0, 1].map((step) => stacks.offsets[(samples.stack[index] ?? 0) + step])
    return {
      session,
      resource: resources.table[resources.ofSample[index] ?? 0] as ProcessResource,
      stack: Array.from(stacks.frameIndices.subarray(from, to), (frame) => frames[frame] as ExpectedFrame),
      pid: samples.pid[index] ?? 0,
      tid: samples.tid[index] ?? 0,
      cpu: samples.cpu[index] ?? 0,
      comm: strings.at(samples.comm[index] ?? 0),
      value: samples.value[index] ?? 0n,
      time: (samples.time[index] ?? 0n) + window.unixStart - window.start,
    }
  })
}

function frameOf(batch: ProfileBatch, index: number): ExpectedFrame {
  const frame = batch.stacks.frames.at(index)
  const ofSymbols = namesOf(batch.names, index)
  const own = ownFunctions(frame)
  const said = frame.kind === 'reason' ? [{ function: frame.text, file: '', line: 0 }] : own
  const functions = (ofSymbols.length > 0 ? ofSymbols : said).map(({ function: name, file, line }) => ({
    ...{ function: name, file, line },
  }))
  return {
    kind: frame.kind,
    functions,
    image: frame.kind === 'native' ? imageOf(batch, frame.mapping) : undefined,
    address: lookedUp(frame),
    language: own[0]?.language ?? '',
  }
}

const imageOf = ({ processes }: ProfileBatch, mapping: number): Image =>
  processes.images.at(processes.mappings.at(mapping).image)

function lookedUp(frame: Frame): bigint {
  if (frame.kind !== 'native' && frame.kind !== 'kernel') return 0n
  const address: bigint = frame.kind === 'native' ? frame.svma : frame.avma
  return frame.returnAddress && address > 0n ? address - 1n : address
}

/** What is in each key's group, as texts in order: two sides are equal where these are. */
export function grouped<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => unknown,
): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const key = JSON.stringify(keyOf(item), (_, value: unknown) =>
      typeof value === 'bigint' ? `${value}` : value,
    )
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

export const sorted = (record: Readonly<Record<string, unknown>>): readonly (readonly [string, unknown])[] =>
  Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1))

export const bigSum = (values: readonly bigint[]): bigint =>
  values.reduce((total, value) => total + value, 0n)
