import { spellShare } from './describe.ts'
import { element, type Graph, type PageState } from './model.ts'

export interface HotFunction {
  readonly label: number
  readonly self: number
  readonly total: number
}

/** Functions by their own weight. Under recursion a function's total counts once. */
export function hottestOf(graph: Graph, labelCount: number, limit: number): HotFunction[] {
  const self = new Float64Array(labelCount)
  const total = new Float64Array(labelCount)
  const onPath = new Uint32Array(labelCount)
  const open: number[] = []
  for (let node = 1; node < graph.length; node++) {
    while (open.length > 0 && graph.end[open[open.length - 1]!]! <= node) onPath[graph.label[open.pop()!]!]!--
    const label = graph.label[node]!
    self[label]! += graph.selfWeight[node]!
    if (onPath[label] === 0) total[label]! += graph.weight[node]!
    onPath[label]!++
    open.push(node)
  }
  const labels = Array.from(self, (_, label) => label).filter((label) => self[label]! > 0)
  labels.sort((a, b) => self[b]! - self[a]! || total[b]! - total[a]!)
  return labels.slice(0, limit).map((label) => ({ label, self: self[label]!, total: total[label]! }))
}

export function showHottest(state: PageState, searchFor: (text: string) => void): void {
  const { data, graph } = state
  const rows = hottestOf(graph, data.labels.text.length, 50).map(({ label, self, total }) => {
    const row = document.createElement('tr')
    const cells = [self, total].map((weight) => {
      const cell = document.createElement('td')
      cell.textContent = spellShare(weight, graph.weight[0]!)
      return cell
    })
    const name = document.createElement('td')
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = data.labels.text[label] ?? ''
    button.addEventListener('click', () => searchFor(data.labels.text[label] ?? ''))
    name.append(button)
    const module = document.createElement('td')
    module.textContent = data.modules[data.labels.module[label]!] ?? ''
    row.append(...cells, name, module)
    return row
  })
  element('hottest-rows').replaceChildren(...rows)
}
