/// <reference lib="dom" />
// This folder runs in the browser. The page gets the source text of its functions (script.ts), so a function may use
// other functions of this folder and nothing else of a module: no constants, no classes, no imports but types.

import type { PageData, PageEvent } from '../page-data.ts'

/** One event's call tree with sums. Node 0 is everything; nodes in preorder. */
export interface Graph {
  readonly event: PageEvent
  readonly length: number
  /** Index into the page's labels. */
  readonly label: Uint32Array
  /** Distance from node 0: the row in which it is drawn. */
  readonly row: Uint32Array
  /** -1 for node 0. */
  readonly parent: Int32Array
  /** Index behind the node's subtree. */
  readonly end: Uint32Array
  /** Weight to the left of the node, in the event's unit. */
  readonly start: Float64Array
  readonly weight: Float64Array
  readonly selfWeight: Float64Array
  readonly samples: Float64Array
  /** Undefined where it is of one recording. */
  readonly comparison: Comparison | undefined
}

/** Of two recordings, as shares of all: they may have been of different lengths. */
export interface Comparison {
  /** What each node has in the other recording. */
  readonly otherShare: Float64Array
  /** How much what ends in the node has grown from the earlier to the later recording. */
  readonly growth: Float64Array
  readonly mostGrowth: number
}

export interface DrawnFrame {
  readonly node: number
  /** CSS pixels from the canvas's corner. */
  readonly x: number
  readonly y: number
  readonly width: number
}

export interface PageState {
  readonly data: PageData
  readonly colours: readonly string[]
  readonly context: CanvasRenderingContext2D
  graph: Graph
  zoom: number
  /** Node that the keyboard is at. */
  selected: number
  /** Node under the pointer, -1 where none is. */
  over: number
  /** False: root at the bottom. */
  icicle: boolean
  /** Per label 1 where the search finds it; undefined while nothing is searched for. */
  found: Uint8Array | undefined
  drawn: DrawnFrame[]
  paintAsked: boolean
}

export function rowHeight(): number {
  return 20
}

/** Adds the label of node 0, which no profile has. */
export function readPageData(): PageData {
  const data = JSON.parse(element('profile').textContent ?? '')
  data.labels.text.push('all')
  data.labels.module.push(data.modules.push('') - 1)
  data.labels.kind.push(data.kinds.indexOf('thread'))
  return data
}

export function element(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no element ${id}`)
  return found
}

export function readGraph(data: PageData, event: PageEvent): Graph {
  const length = event.level.length + 1
  const { row, parent, end } = shapeOf(event.level)
  const label = new Uint32Array(length)
  label[0] = data.labels.text.length - 1
  label.set(event.label, 1)
  const samples = new Float64Array(length)
  samples.set(event.self, 1)
  const selfWeight = new Float64Array(length)
  const { value } = event
  selfWeight.set(typeof value === 'number' ? event.self.map((count) => count * value) : value, 1)
  const weight = selfWeight.slice()
  for (let node = length - 1; node > 0; node--) {
    const above = parent[node]!
    samples[above]! += samples[node]!
    weight[above]! += weight[node]!
  }
  return {
    event,
    length,
    label,
    row,
    parent,
    end,
    start: startsOf(parent, weight),
    weight,
    selfWeight,
    samples,
    comparison: comparisonOf(event, parent, { weight, selfWeight }),
  }
}

export function comparisonOf(
  { other }: PageEvent,
  parent: Int32Array,
  { weight, selfWeight }: Pick<Graph, 'weight' | 'selfWeight'>,
): Comparison | undefined {
  if (other === undefined) return undefined
  const otherSelf = new Float64Array(weight.length)
  otherSelf.set(other.value, 1)
  const otherShare = otherSelf.slice()
  for (let node = weight.length - 1; node > 0; node--) otherShare[parent[node]!]! += otherShare[node]!
  const otherTotal = otherShare[0]! || 1
  const total = weight[0]! || 1
  const growth = selfWeight.map((self, node) => {
    const more = self / total - otherSelf[node]! / otherTotal
    return other.isBefore ? more : -more
  })
  const mostGrowth = growth.reduce((most, each) => Math.max(most, Math.abs(each)), 0)
  return { otherShare: otherShare.map((each) => each / otherTotal), growth, mostGrowth }
}

export function shapeOf(level: readonly number[]): Pick<Graph, 'row' | 'parent' | 'end'> {
  const length = level.length + 1
  const row = new Uint32Array(length)
  const parent = new Int32Array(length).fill(-1)
  const end = new Uint32Array(length).fill(length)
  const open = [0]
  for (let node = 1; node < length; node++) {
    row[node] = level[node - 1]! + 1
    while (open.length > row[node]!) end[open.pop()!] = node
    parent[node] = open[open.length - 1]!
    open.push(node)
  }
  return { row, parent, end }
}

/** Children stand side by side from their parent's left edge; what is left at its right is the parent's own. */
export function startsOf(parent: Int32Array, weight: Float64Array): Float64Array {
  const start = new Float64Array(weight.length)
  const next = new Float64Array(weight.length)
  for (let node = 1; node < weight.length; node++) {
    const above = parent[node]!
    start[node] = next[above]!
    next[node] = next[above]!
    next[above]! += weight[node]!
  }
  return start
}

/** The number of rows from node 0 to the deepest one below `node`. */
export function rowsThrough(graph: Graph, node: number): number {
  let deepest = 0
  for (let below = node; below < graph.end[node]!; below++) deepest = Math.max(deepest, graph.row[below]!)
  return deepest + 1
}

export function textOf(state: PageState, node: number): string {
  return state.data.labels.text[state.graph.label[node]!] ?? ''
}

export function kindOf(state: PageState, node: number): string {
  return state.data.kinds[state.data.labels.kind[state.graph.label[node]!]!] ?? ''
}

export function moduleOf(state: PageState, node: number): string {
  return state.data.modules[state.data.labels.module[state.graph.label[node]!]!] ?? ''
}

/** From node 0 to `node`, both included. */
export function pathTo(graph: Graph, node: number): number[] {
  const path = [node]
  for (let above = graph.parent[node]!; above >= 0; above = graph.parent[above]!) path.unshift(above)
  return path
}
