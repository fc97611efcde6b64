// The profile as the page embeds it: JSON whose columns are as short as JSON allows.

import { sessionTitle } from '../../core/profile.ts'
import { type CallTree, callTreeOf } from '../profile/call-tree.ts'
import { type FrameLabel, LABEL_KINDS, type LabelKind } from '../profile/frame-text.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import type { TextWriter } from '../text-writer.ts'

export interface PageData {
  readonly host: string
  readonly kinds: readonly LabelKind[]
  readonly modules: readonly string[]
  /** Columns over the distinct labels of all events. */
  readonly labels: {
    readonly text: readonly string[]
    /** Index into `modules`. */
    readonly module: readonly number[]
    /** Index into `kinds`. */
    readonly kind: readonly number[]
  }
  readonly events: readonly PageEvent[]
}

export interface PageEvent {
  readonly name: string
  readonly unit: 'nanoseconds' | 'count'
  /** `99 Hz`, `period 1000`. */
  readonly rate: string
  /** Unix milliseconds of the first window's start. */
  readonly start: number
  readonly seconds: number
  readonly samples: number
  readonly losses: readonly (readonly [reason: string, samples: number])[]
  /** Nodes in preorder; level 0 are threads. */
  readonly level: readonly number[]
  readonly label: readonly number[]
  /** Samples whose stack ends in the node. */
  readonly self: readonly number[]
  /** In place of the figures of a recording, where it is two. */
  readonly facts?: string
  /** Of two recordings: what the other one has. */
  readonly other?: OtherRecording
  /** What they stand for in `unit`; a single number where every sample stands for the same. */
  readonly value: readonly number[] | number
}

export interface OtherRecording {
  /** Of each node, as PageEvent.value. */
  readonly value: readonly number[]
  readonly name: string
  /** Whether it was before. */
  readonly isBefore: boolean
}

/** Writes the JSON of a PageData. No `<` is left in it, so that nothing in a name can end the script element. */
export function writePageData(out: TextWriter, profiles: readonly SessionProfile[]): void {
  const labels = new LabelColumns()
  out.write(
    `{"host":${json(profiles[0]?.session.host.hostname ?? '')},"kinds":${json(LABEL_KINDS)},"events":[`,
  )
  profiles.forEach((profile, index) => {
    if (index > 0) out.write(',')
    writeEvent(out, profile, labels)
  })
  out.write(`],"modules":${json(labels.modules)},"labels":${json(labels)}}`)
}

/** JSON without `<`. */
export const json = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c')

export class LabelColumns {
  readonly text: string[] = []
  readonly module: number[] = []
  readonly kind: number[] = []
  readonly #modules = new Map<string, number>()
  readonly #numbers = new Map<string, number>()

  get modules(): string[] {
    return [...this.#modules.keys()]
  }

  number({ text, module, kind }: FrameLabel): number {
    const key = `${kind}\0${module}\0${text}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    if (!this.#modules.has(module)) this.#modules.set(module, this.#modules.size)
    const number = this.text.push(text) - 1
    this.module.push(this.#modules.get(module) ?? 0)
    this.kind.push(LABEL_KINDS.indexOf(kind))
    this.#numbers.set(key, number)
    return number
  }
}

function writeEvent(out: TextWriter, profile: SessionProfile, labels: LabelColumns): void {
  const { event, rate } = profile.session
  const tree = callTreeOf(profile)
  const numbers = tree.labels.map((label) => labels.number(label))
  const facts = {
    name: sessionTitle(profile.session),
    unit: event.unit,
    rate: rate.by === 'frequency' ? `${rate.hertz} Hz` : `period ${rate.period}`,
    start: Number(profile.unixStart / 1_000_000n),
    seconds: Number(profile.duration) / 1e9,
    samples: tree.samples.reduce((sum, samples) => sum + samples, 0),
    losses: [...profile.losses],
  }
  out.write(`${json(facts).slice(0, -1)},"level":[${tree.level.join(',')}]`)
  out.write(`,"label":[${tree.label.map((label) => numbers[label] as number).join(',')}]`)
  out.write(`,"self":[${tree.samples.join(',')}]`)
  const perSample = valuePerSample(tree)
  out.write(`,"value":${perSample ?? `[${tree.values.join(',')}]`}}`)
}

/** Undefined where samples stand for different amounts. */
function valuePerSample(tree: CallTree): bigint | undefined {
  let perSample: bigint | undefined
  for (let node = 0; node < tree.length; node++) {
    const samples = BigInt(tree.samples[node] as number)
    if (samples === 0n) continue
    const value = tree.values[node] as bigint
    perSample ??= value / samples
    if (perSample * samples !== value) return undefined
  }
  return perSample ?? 1n
}
