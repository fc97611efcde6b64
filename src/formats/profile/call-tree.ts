// The samples of a session as one tree: what flame graphs draw and folded stacks spell out.

import type { Dictionary } from './dictionary.ts'
import { type FrameLabel, labelsOf, threadLabel } from './frame-text.ts'
import type { SessionProfile } from './profile-aggregate.ts'
import { MemoryBudget, SequenceTable } from './sequence-table.ts'
import { samplesStoodFor } from './stood-for.ts'

/**
 * Nodes in preorder, siblings by text; level 0 are the threads' names. A path of equal labels is one node, whichever
 * processes and addresses it came from.
 */
export interface CallTree {
  readonly labels: readonly FrameLabel[]
  readonly length: number
  readonly level: Uint32Array
  /** Index into `labels`. */
  readonly label: Uint32Array
  /** Samples whose stack ends in the node. */
  readonly samples: Float64Array
  /** Sum of their periods. */
  readonly values: BigUint64Array
}

/** @param spell changes labels before they are compared: what it makes equal becomes one node. */
export function callTreeOf(
  profile: SessionProfile,
  spell: (label: FrameLabel) => FrameLabel = (label) => label,
): CallTree {
  const labels = new Labels(profile.dictionary, spell)
  const nodes = new SequenceTable(new MemoryBudget(Number.POSITIVE_INFINITY))
  const ends = endsOf(profile, labels, nodes)
  const order = preorderOf(nodes, labels.all)
  return inOrder({ profile, labels: labels.all, nodes, ends, order })
}

/** Distinct labels, and which of them a frame stands for. */
class Labels {
  readonly all: FrameLabel[] = []
  readonly #dictionary: Dictionary
  readonly #spell: (label: FrameLabel) => FrameLabel
  readonly #numbers = new Map<string, number>()
  readonly #ofFrame: (readonly number[] | undefined)[]
  readonly #ofThread = new Map<number, number>()

  constructor(dictionary: Dictionary, spell: (label: FrameLabel) => FrameLabel) {
    this.#dictionary = dictionary
    this.#spell = spell
    this.#ofFrame = new Array(dictionary.frameCount)
  }

  /** Outermost first. */
  ofFrame(frame: number): readonly number[] {
    const known = this.#ofFrame[frame]
    if (known !== undefined) return known
    const numbers = labelsOf(this.#dictionary, frame).map((label) => this.#number(label))
    this.#ofFrame[frame] = numbers
    return numbers
  }

  ofThread(comm: number): number {
    const known = this.#ofThread.get(comm)
    if (known !== undefined) return known
    const number = this.#number(threadLabel(this.#dictionary.string(comm)))
    this.#ofThread.set(comm, number)
    return number
  }

  #number(unspelt: FrameLabel): number {
    const label = this.#spell(unspelt)
    const key = `${label.kind}\0${label.module}\0${label.text}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.all.push(label) - 1
    this.#numbers.set(key, number)
    return number
  }
}

/** The node in which each row's stack ends. A node is [parent + 1, label]; 0 stands for the tree's root. */
function endsOf({ rows, dictionary }: SessionProfile, labels: Labels, nodes: SequenceTable): Uint32Array {
  const ends = new Uint32Array(rows.length)
  const key = new Uint32Array(2)
  const child = (parent: number, label: number): number => {
    key[0] = parent
    key[1] = label
    return nodes.intern(key, 2) + 1
  }
  let stack = -1
  const endOfThread = new Map<number, number>()
  for (const row of rows.byStack()) {
    const { stack: stackOfRow, comm } = rows.at(row)
    if (stackOfRow !== stack) endOfThread.clear()
    stack = stackOfRow
    let node = endOfThread.get(comm)
    if (node === undefined) {
      node = child(0, labels.ofThread(comm))
      const { words } = dictionary.stacks
      for (let at = dictionary.stacks.end(stack) - 1; at >= dictionary.stacks.start(stack); at--) {
        for (const label of labels.ofFrame(words[at] as number)) node = child(node, label)
      }
      endOfThread.set(comm, node)
    }
    ends[row] = node - 1
  }
  return ends
}

/** Node numbers in preorder, siblings by text. */
function preorderOf(nodes: SequenceTable, labels: readonly FrameLabel[]): Uint32Array {
  const firstChild = new Int32Array(nodes.length + 1).fill(-1)
  const nextSibling = new Int32Array(nodes.length).fill(-1)
  // Each node is put before its elder siblings, so the last by text comes first here.
  for (const node of nodesByText(nodes, labels).reverse()) {
    const parent = nodes.word(node, 0)
    nextSibling[node] = firstChild[parent] as number
    firstChild[parent] = node
  }
  const order = new Uint32Array(nodes.length)
  let at = 0
  let node = firstChild[0] as number
  const behind: number[] = []
  while (node >= 0) {
    order[at++] = node
    if ((nextSibling[node] as number) >= 0) behind.push(nextSibling[node] as number)
    const child = firstChild[node + 1] as number
    node = child >= 0 ? child : (behind.pop() ?? -1)
  }
  return order
}

/** A counting sort: there are far fewer labels than nodes. */
function nodesByText(nodes: SequenceTable, labels: readonly FrameLabel[]): Uint32Array {
  const texts = labels.map((label) => `${label.text}\0${label.module}\0${label.kind}`)
  const byText = texts.map((_, label) => label).sort((a, b) => compare(texts[a] ?? '', texts[b] ?? ''))
  const places = new Uint32Array(labels.length)
  const counts = new Uint32Array(labels.length)
  for (let node = 0; node < nodes.length; node++) {
    const label = nodes.word(node, 1)
    counts[label] = (counts[label] as number) + 1
  }
  let place = 0
  for (const label of byText) {
    places[label] = place
    place += counts[label] as number
  }
  const sorted = new Uint32Array(nodes.length)
  for (let node = 0; node < nodes.length; node++) {
    const label = nodes.word(node, 1)
    const at = places[label] as number
    sorted[at] = node
    places[label] = at + 1
  }
  return sorted
}

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

function inOrder(parts: {
  readonly profile: SessionProfile
  readonly labels: readonly FrameLabel[]
  readonly nodes: SequenceTable
  readonly ends: Uint32Array
  readonly order: Uint32Array
}): CallTree {
  const { profile, labels, nodes, ends, order } = parts
  const level = new Uint32Array(order.length)
  const label = new Uint32Array(order.length)
  const place = new Uint32Array(order.length)
  order.forEach((node, at) => {
    const parent = nodes.word(node, 0)
    place[node] = at
    level[at] = parent === 0 ? 0 : (level[place[parent - 1] as number] as number) + 1
    label[at] = nodes.word(node, 1)
  })
  const samples = new Float64Array(order.length)
  const values = new BigUint64Array(order.length)
  const samplesOf = samplesStoodFor(profile)
  ends.forEach((node, row) => {
    const at = place[node] as number
    samples[at] = (samples[at] as number) + samplesOf(row)
    values[at] = (values[at] as bigint) + profile.rows.value(row)
  })
  return { labels, length: order.length, level, label, samples, values }
}
