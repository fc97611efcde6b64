// Two profiles in one flame graph: as wide as in the one, coloured by what has grown and what has shrunk.

import { foldedText } from '../folded/folded.ts'
import type { FrameLabel } from '../profile/frame-text.ts'
import { LABEL_KINDS } from '../profile/frame-text.ts'
import { TextWriter } from '../text-writer.ts'
import { writePage } from './flame-graph.ts'
import { json, LabelColumns } from './page-data.ts'

/** The figures of the earlier one, then of the later one. */
export type Pair = readonly [before: number, after: number]

export interface ComparedStack {
  /** The thread first, then root to leaf. */
  readonly labels: readonly FrameLabel[]
  readonly samples: Pair
  readonly weights: Pair
}

export interface ComparedEvent {
  readonly name: string
  readonly unit: 'nanoseconds' | 'count'
  /** `1,234 samples, 12.3 s` of each. */
  readonly figures: readonly [before: string, after: string]
  readonly stacks: readonly ComparedStack[]
}

export interface ComparedProfiles {
  /** File names. */
  readonly names: readonly [before: string, after: string]
  readonly events: readonly ComparedEvent[]
}

/** Of each event two graphs to choose from: with the widths of the later profile, and with those of the earlier one. */
export function encodeDifference({ names, events }: ComparedProfiles): Uint8Array<ArrayBuffer> {
  const out = new TextWriter()
  const title = `${names[0]} → ${names[1]}`
  writePage(out, title, () => {
    const labels = new LabelColumns()
    out.write(`{"host":${json(title)},"kinds":${json(LABEL_KINDS)},"events":[`)
    for (const [index, event] of events.entries()) {
      const tree = treeOf(event.stacks)
      if (index > 0) out.write(',')
      writeEvent(out, { event, tree, labels, names, shown: 1 })
      out.write(',')
      writeEvent(out, { event, tree, labels, names, shown: 0 })
    }
    out.write(`],"modules":${json(labels.modules)},"labels":${json(labels)}}`)
  })
  return out.bytes()
}

/** One line per stack that either has, root first, with the samples of both, as difffolded.pl writes them. */
export function encodeFoldedDifference(stacks: readonly ComparedStack[]): Uint8Array<ArrayBuffer> {
  const out = new TextWriter()
  const sums = new Map<string, [number, number]>()
  for (const { labels, samples } of stacks) {
    const path = labels.map(({ text }) => foldedText(text)).join(';')
    const [before, after] = sums.get(path) ?? [0, 0]
    sums.set(path, [before + samples[0], after + samples[1]])
  }
  for (const [path, [before, after]] of [...sums].sort(([a], [b]) => (a < b ? -1 : 1)))
    out.write(`${path} ${before} ${after}\n`)
  return out.bytes()
}

interface Node {
  readonly label: FrameLabel
  readonly level: number
  readonly children: Map<string, Node>
  samples: [number, number]
  weights: [number, number]
}

const newNode = (label: FrameLabel, level: number): Node => ({
  label,
  level,
  children: new Map(),
  samples: [0, 0],
  weights: [0, 0],
})

/** In preorder, siblings by text. */
function treeOf(stacks: readonly ComparedStack[]): readonly Node[] {
  const root = newNode({ text: '', module: '', kind: 'thread' }, -1)
  for (const { labels, samples, weights } of stacks) {
    let at = root
    for (const label of labels) {
      const key = `${label.text}\0${label.module}`
      const next = at.children.get(key) ?? newNode(label, at.level + 1)
      at.children.set(key, next)
      at = next
    }
    at.samples = [at.samples[0] + samples[0], at.samples[1] + samples[1]]
    at.weights = [at.weights[0] + weights[0], at.weights[1] + weights[1]]
  }
  const order: Node[] = []
  const open = sorted(root)
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    order.push(node)
    open.push(...sorted(node))
  }
  return order
}

/** The first to be visited stands last. */
const sorted = ({ children }: Node): Node[] =>
  [...children.entries()].sort(([a], [b]) => (a < b ? 1 : -1)).map(([, node]) => node)

interface WrittenEvent {
  readonly event: ComparedEvent
  readonly tree: readonly Node[]
  readonly labels: LabelColumns
  readonly names: ComparedProfiles['names']
  /** Whose widths. */
  readonly shown: 0 | 1
}

function writeEvent(out: TextWriter, { event, tree, labels, names, shown }: WrittenEvent): void {
  const hidden = shown === 0 ? 1 : 0
  const own = names[shown]
  const facts = {
    name: `${event.name}, widths of ${own}`,
    unit: event.unit,
    rate: '',
    start: 0,
    seconds: 0,
    facts: `${names[0]}: ${event.figures[0]} · ${names[1]}: ${event.figures[1]}`,
    samples: tree.reduce((sum, { samples }) => sum + samples[shown], 0),
    losses: [],
  }
  const column = (of: (node: Node) => number): string => `[${tree.map(of).join(',')}]`
  out.write(`${json(facts).slice(0, -1)},"level":${column(({ level }) => level)}`)
  out.write(`,"label":${column(({ label }) => labels.number(label))}`)
  out.write(`,"self":${column(({ samples }) => samples[shown])}`)
  out.write(`,"value":${column(({ weights }) => weights[shown])}`)
  const other = { name: names[hidden], isBefore: hidden === 0 }
  out.write(`,"other":${json(other).slice(0, -1)},"value":${column(({ weights }) => weights[hidden])}}}`)
}
