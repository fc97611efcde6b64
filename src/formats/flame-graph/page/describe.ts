import { element, type Graph, kindOf, moduleOf, type PageState, pathTo, textOf } from './model.ts'
import { colourOfGrowth } from './paint.ts'

/** A weight in the unit of its event: `1.25 s`, `340 ms`, `1,024`. */
export function spellWeight(unit: string, weight: number): string {
  if (unit !== 'nanoseconds') return Math.round(weight).toLocaleString('en-US')
  if (weight >= 1e9) return `${(weight / 1e9).toLocaleString('en-US', { maximumFractionDigits: 2 })} s`
  if (weight >= 1e6) return `${(weight / 1e6).toLocaleString('en-US', { maximumFractionDigits: 1 })} ms`
  return `${(weight / 1e3).toLocaleString('en-US', { maximumFractionDigits: 1 })} µs`
}

export function spellShare(part: number, whole: number): string {
  return `${(whole > 0 ? (100 * part) / whole : 0).toFixed(2)}%`
}

export function spellKind(kind: string): string {
  switch (kind) {
    case 'user':
      return 'user code'
    case 'jit':
      return 'JIT code'
    case 'unnamed':
      return 'user code without a name'
    case 'reason':
      return 'incomplete stack'
    default:
      return kind
  }
}

/** The lines of the tooltip: name, where it is, how much. */
export function linesAbout(state: PageState, node: number): string[] {
  const { graph } = state
  const { unit } = graph.event
  const module = moduleOf(state, node)
  const kind = node === 0 ? 'all threads' : spellKind(kindOf(state, node))
  const weight = graph.weight[node]!
  const lines = [
    textOf(state, node),
    module === '' ? kind : `${kind} in ${module}`,
    `${spellShare(weight, graph.weight[0]!)} of all, ${spellAmount(graph, weight, graph.samples[node]!)}`,
  ]
  if (state.zoom !== 0 && graph.weight[state.zoom]! > 0 && node > state.zoom) {
    lines.push(`${spellShare(weight, graph.weight[state.zoom]!)} of ${textOf(state, state.zoom)}`)
  }
  if (graph.selfWeight[node]! > 0) {
    lines.push(
      `itself ${spellShare(graph.selfWeight[node]!, graph.weight[0]!)}, ${spellWeight(unit, graph.selfWeight[node]!)}`,
    )
  }
  const { other } = graph.event
  if (other !== undefined && graph.comparison !== undefined) {
    const share = weight / (graph.weight[0]! || 1)
    const otherShare = graph.comparison.otherShare[node]!
    const change = 100 * (other.isBefore ? share - otherShare : otherShare - share)
    lines.push(
      `${other.name}: ${spellShare(otherShare, 1)}; ${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(2)} points`,
    )
  }
  return lines
}

export function spellAmount(graph: Graph, weight: number, samples: number): string {
  const count = `${samples.toLocaleString('en-US')} ${samples === 1 ? 'sample' : 'samples'}`
  if (weight === samples) return count
  const amount = spellWeight(graph.event.unit, weight)
  return graph.event.unit === 'nanoseconds'
    ? `${count}, ${amount} CPU`
    : `${count}, ${amount} ${graph.event.name}`
}

/** The header's figures of the event shown. */
export function showFacts(state: PageState): void {
  const { graph, data } = state
  const { event } = graph
  element('host').textContent = data.host
  if (event.facts !== undefined) {
    element('facts').textContent = event.facts
    markTotals(state)
    return
  }
  const start = new Date(event.start).toISOString().replace('T', ' ').slice(0, 19)
  const parts = [
    `${start} UTC`,
    `${event.seconds.toLocaleString('en-US', { maximumFractionDigits: 1 })} s`,
    event.rate,
    spellAmount(graph, graph.weight[0]!, event.samples),
  ]
  element('facts').textContent = parts.join(' · ')
  showLosses(state)
  markTotals(state)
}

export function markTotals(state: PageState): void {
  const { event, length } = state.graph
  document.body.dataset.total = String(event.samples)
  document.body.dataset.nodes = String(length - 1)
}

export function showLosses(state: PageState): void {
  const { losses, samples } = state.graph.event
  const lost = losses.reduce((sum, [, count]) => sum + count, 0)
  const reasons = losses.map(
    ([reason, count]) => `${count.toLocaleString('en-US')} ${reason.replaceAll('_', ' ')}`,
  )
  const box = element('losses')
  box.hidden = lost === 0
  box.textContent = `${spellShare(lost, lost + samples)} of samples lost: ${reasons.join(', ')}`
  document.body.dataset.lost = String(lost)
}

/** The colours that the event has, each with its meaning. */
export function showLegend(state: PageState): void {
  const { data, graph } = state
  if (graph.comparison !== undefined) {
    const meanings = [
      [colourOfGrowth(1, 1), 'has grown'],
      [colourOfGrowth(-1, 1), 'has shrunk'],
      [colourOfGrowth(0, 1), 'as before'],
    ]
    element('legend').replaceChildren(...meanings.map(([colour = '', text = '']) => legendItem(colour, text)))
    return
  }
  const present = new Map<string, string>()
  for (let node = 1; node < graph.length; node++) {
    const kind = kindOf(state, node)
    if (!present.has(kind)) present.set(kind, state.colours[graph.label[node]!]!)
  }
  const items = data.kinds
    .filter((kind) => present.has(kind))
    .map((kind) => legendItem(present.get(kind) ?? '', spellKind(kind)))
  element('legend').replaceChildren(...items)
}

export function legendItem(colour: string, text: string): HTMLElement {
  const item = document.createElement('li')
  const chip = document.createElement('i')
  chip.style.background = colour
  item.append(chip, text)
  return item
}

/** The way from everything to the zoomed frame, each step a button. */
export function showPath(state: PageState, zoomTo: (node: number) => void): void {
  const steps = state.zoom === 0 ? [] : pathTo(state.graph, state.zoom)
  const buttons = steps.map((node) => {
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = textOf(state, node)
    button.addEventListener('click', () => zoomTo(node))
    if (node === state.zoom) button.setAttribute('aria-current', 'location')
    return button
  })
  const path = element('path')
  path.replaceChildren(...buttons)
  path.scrollLeft = path.scrollWidth
}
