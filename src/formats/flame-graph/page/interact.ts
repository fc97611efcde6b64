import { linesAbout, showFacts, showLegend, showPath } from './describe.ts'
import { showHottest } from './hottest.ts'
import { element, type PageState, readGraph, readPageData, textOf } from './model.ts'
import { askPaint, colourOf, frameAt, layOut, paint } from './paint.ts'
import { search } from './search.ts'

/** Where the page begins. */
export function startPage(): void {
  const data = readPageData()
  const first = data.events[0]
  const context = (element('graph') as HTMLCanvasElement).getContext('2d')
  if (first === undefined || context === null) throw new Error('nothing to draw, or nothing to draw with')
  const { kinds, labels } = data
  const state: PageState = {
    data,
    colours: labels.text.map((text, label) => colourOf(kinds[labels.kind[label]!] ?? '', text)),
    context,
    graph: readGraph(data, first),
    zoom: 0,
    selected: -1,
    over: -1,
    icicle: false,
    found: undefined,
    drawn: [],
    paintAsked: false,
  }
  offerEvents(state)
  listenToTools(state)
  listenToPointer(state)
  listenToKeys(state)
  new ResizeObserver(() => layOut(state)).observe(element('stage'))
  element('stage').addEventListener('scroll', () => askPaint(state))
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => askPaint(state))
  showEvent(state, 0)
  openToScripts(state)
}

export function offerEvents(state: PageState): void {
  const choice = element('event') as HTMLSelectElement
  choice.append(...state.data.events.map((event, index) => new Option(event.name, String(index))))
  choice.disabled = state.data.events.length < 2
  choice.addEventListener('change', () => showEvent(state, Number(choice.value)))
}

export function showEvent(state: PageState, index: number): void {
  const event = state.data.events[index]
  if (event === undefined) return
  state.graph = readGraph(state.data, event)
  state.selected = -1
  state.over = -1
  showFacts(state)
  showLegend(state)
  if (!element('hottest').hidden) showHottest(state, (text) => searchExactly(state, text))
  search(state, (element('search') as HTMLInputElement).value)
  zoomTo(state, 0)
}

export function zoomTo(state: PageState, node: number): void {
  state.zoom = node
  state.selected = node === 0 ? -1 : node
  ;(element('reset') as HTMLButtonElement).disabled = node === 0
  document.body.dataset.zoom = textOf(state, node)
  showPath(state, (step) => zoomTo(state, step))
  describeTo('status', state, node)
  layOut(state)
}

export function describeTo(id: string, state: PageState, node: number): void {
  const lines = linesAbout(state, node)
  element(id).textContent = lines.join(' · ')
  if (id === 'status')
    element('graph').setAttribute(
      'aria-label',
      `Flame graph of ${state.graph.event.name}: ${lines.join(', ')}`,
    )
}

export function searchExactly(state: PageState, text: string): void {
  const field = element('search') as HTMLInputElement
  field.value = `^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`
  search(state, field.value)
}

export function listenToTools(state: PageState): void {
  const field = element('search') as HTMLInputElement
  field.addEventListener('input', () => search(state, field.value))
  element('reset').addEventListener('click', () => zoomTo(state, 0))
  element('flip').addEventListener('click', () => flip(state))
  const opener = element('hottest-open')
  opener.addEventListener('click', () => {
    const panel = element('hottest')
    panel.hidden = !panel.hidden
    opener.setAttribute('aria-expanded', String(!panel.hidden))
    if (!panel.hidden) showHottest(state, (text) => searchExactly(state, text))
  })
}

export function flip(state: PageState): void {
  state.icicle = !state.icicle
  element('flip').setAttribute('aria-pressed', String(state.icicle))
  element('flip').textContent = state.icicle ? 'Flame' : 'Icicle'
  layOut(state)
}

export function listenToPointer(state: PageState): void {
  const canvas = element('graph')
  canvas.addEventListener('mousemove', (event) => {
    const node = frameAt(state, event.offsetX, event.offsetY)
    if (node !== state.over) askPaint(state)
    state.over = node
    canvas.classList.toggle('over', node >= 0)
    if (node >= 0) showTip(state, node, event)
    else element('tip').hidden = true
  })
  canvas.addEventListener('mouseleave', () => {
    state.over = -1
    element('tip').hidden = true
    askPaint(state)
  })
  canvas.addEventListener('click', (event) => {
    const node = frameAt(state, event.offsetX, event.offsetY)
    element('tip').hidden = true
    if (node >= 0) zoomTo(state, node)
  })
}

export function showTip(state: PageState, node: number, at: MouseEvent): void {
  const tip = element('tip')
  const [name, ...facts] = linesAbout(state, node)
  const heading = document.createElement('b')
  heading.textContent = name ?? ''
  const lines = facts.map((fact) => {
    const line = document.createElement('span')
    line.textContent = fact
    return line
  })
  tip.replaceChildren(heading, ...lines)
  tip.hidden = false
  const right = Math.max(8, window.innerWidth - tip.offsetWidth - 8)
  const below = at.clientY + 18 + tip.offsetHeight < window.innerHeight
  tip.style.left = `${Math.min(at.clientX + 12, right)}px`
  tip.style.top = `${below ? at.clientY + 18 : Math.max(8, at.clientY - tip.offsetHeight - 10)}px`
}

export function listenToKeys(state: PageState): void {
  const field = element('search') as HTMLInputElement
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'Escape') {
      if (field.value !== '') {
        field.value = ''
        search(state, '')
      } else zoomTo(state, 0)
      field.blur()
      return
    }
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return
    if (event.key === '/') {
      event.preventDefault()
      field.select()
      field.focus()
    } else if (event.key === 'i') flip(state)
    else if (event.target === element('graph')) moveByKey(state, event)
  })
}

/** Arrows move from frame to frame, Enter zooms. */
export function moveByKey(state: PageState, event: KeyboardEvent): void {
  const { graph } = state
  const from = state.selected < 0 ? state.zoom : state.selected
  const outwards = state.icicle ? 'ArrowDown' : 'ArrowUp'
  const inwards = state.icicle ? 'ArrowUp' : 'ArrowDown'
  let to = from
  if (event.key === 'Enter') {
    zoomTo(state, from)
    return
  }
  if (event.key === outwards) to = from + 1 < graph.end[from]! ? heaviestChild(state, from) : from
  else if (event.key === inwards) to = Math.max(graph.parent[from]!, 0)
  else if (event.key === 'ArrowRight') to = sibling(state, from, 1)
  else if (event.key === 'ArrowLeft') to = sibling(state, from, -1)
  else return
  event.preventDefault()
  state.selected = to
  describeTo('status', state, to)
  paint(state)
}

export function childrenOf(state: PageState, node: number): number[] {
  const { graph } = state
  const children = []
  for (let child = node + 1; child < graph.end[node]!; child = graph.end[child]!) children.push(child)
  return children
}

export function heaviestChild(state: PageState, node: number): number {
  const { weight } = state.graph
  return childrenOf(state, node).reduce(
    (best, child) => (weight[child]! > weight[best]! ? child : best),
    node + 1,
  )
}

export function sibling(state: PageState, node: number, step: number): number {
  const parent = state.graph.parent[node]!
  if (parent < 0) return node
  const siblings = childrenOf(state, parent)
  return siblings[siblings.indexOf(node) + step] ?? node
}

/** `window.sondeFlameGraph`: the page for scripts and tests, in the words a person would use. */
export function openToScripts(state: PageState): void {
  const api = {
    /** What is on the canvas now: text and place of every frame that is wide enough to point at. */
    frames: () => {
      paint(state)
      return state.drawn.map((frame) => ({ ...frame, text: textOf(state, frame.node) }))
    },
    search: (expression: string) => {
      ;(element('search') as HTMLInputElement).value = expression
      return search(state, expression)
    },
    /** Zooms to the first frame of that name; false where there is none. */
    zoom: (text: string) => {
      const label = state.data.labels.text.indexOf(text)
      const node = state.graph.label.indexOf(label)
      if (node >= 0) zoomTo(state, node)
      return node >= 0
    },
    reset: () => zoomTo(state, 0),
  }
  Object.assign(window, { sondeFlameGraph: api })
}
