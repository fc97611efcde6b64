import { spellShare } from './describe.ts'
import { element, type Graph, type PageState } from './model.ts'
import { askPaint } from './paint.ts'

/** Marks the labels that the expression finds. Lower case finds either case. Returns false where it is no expression. */
export function search(state: PageState, expression: string): boolean {
  const matched = element('matched')
  matched.classList.remove('problem')
  element('search').removeAttribute('aria-invalid')
  state.found = undefined
  delete document.body.dataset.matched
  matched.textContent = ''
  askPaint(state)
  if (expression === '') return true
  const pattern = patternOf(expression)
  if (pattern === undefined) {
    matched.classList.add('problem')
    matched.textContent = 'not a regular expression'
    element('search').setAttribute('aria-invalid', 'true')
    return false
  }
  const found = Uint8Array.from(state.data.labels.text, (text) => (pattern.test(text) ? 1 : 0))
  found[found.length - 1] = 0
  state.found = found
  const share = spellShare(weightOfFound(state.graph, found), state.graph.weight[0]!)
  matched.textContent = `${share} matched`
  document.body.dataset.matched = share
  return true
}

export function patternOf(expression: string): RegExp | undefined {
  try {
    return new RegExp(expression, /[A-Z]/.test(expression) ? 'u' : 'iu')
  } catch {
    try {
      // What people paste (`foo\-bar`, `operator[]`) need not be a strict expression.
      return new RegExp(expression, /[A-Z]/.test(expression) ? '' : 'i')
    } catch {
      return undefined
    }
  }
}

/** A found frame below a found frame is not counted again. */
export function weightOfFound(graph: Graph, found: Uint8Array): number {
  let weight = 0
  let node = 0
  while (node < graph.length) {
    const isFound = found[graph.label[node]!] === 1
    if (isFound) weight += graph.weight[node]!
    node = isFound ? graph.end[node]! : node + 1
  }
  return weight
}
