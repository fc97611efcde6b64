import {
  type DrawnFrame,
  element,
  kindOf,
  type PageState,
  pathTo,
  rowHeight,
  rowsThrough,
  textOf,
} from './model.ts'

/** Light enough for dark text in either scheme; neighbours differ a little by name. */
export function colourOf(kind: string, text: string): string {
  let hash = 0
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  const part = (((hash ^ (hash >>> 15)) >>> 0) % 1000) / 1000
  const between = (from: number, to: number): string => (from + (to - from) * part).toFixed(1)
  switch (kind) {
    case 'user':
      return `hsl(${between(16, 38)} 92% ${between(63, 71)}%)`
    case 'inlined':
      return `hsl(${between(44, 54)} 90% ${between(67, 74)}%)`
    case 'jit':
      return `hsl(${between(95, 130)} 48% ${between(66, 73)}%)`
    case 'interpreted':
      return `hsl(${between(155, 175)} 48% ${between(64, 72)}%)`
    case 'kernel':
      return `hsl(${between(203, 224)} 72% ${between(71, 79)}%)`
    case 'unnamed':
      return `hsl(32 ${between(18, 26)}% ${between(72, 78)}%)`
    case 'reason':
      return `hsl(0 0% ${between(58, 63)}%)`
    default:
      return `hsl(${between(225, 255)} 16% ${between(80, 85)}%)`
  }
}

/** Paints soon, once, however often it is asked. */
export function askPaint(state: PageState): void {
  if (state.paintAsked) return
  state.paintAsked = true
  requestAnimationFrame(() => {
    state.paintAsked = false
    paint(state)
  })
}

export function paint(state: PageState): void {
  const { context } = state
  const canvas = context.canvas
  const stage = element('stage')
  const width = stage.clientWidth
  const height = stage.clientHeight
  const ratio = window.devicePixelRatio || 1
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.font = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif'
  context.textBaseline = 'middle'
  const frames = framesIn(state, width, height)
  state.drawn = frames.filter((frame) => frame.width >= 0.5)
  for (const frame of frames) paintFrame(state, frame)
  for (const frame of state.drawn) {
    if (frame.node === state.over || frame.node === state.selected) paintOutline(state, frame)
  }
  if (document.body.dataset.drawn === undefined) performance.mark('sonde:drawn')
  document.body.dataset.drawn = String(state.drawn.length)
}

/** Gives the scroll bar its length: the canvas is only as large as the window. */
export function layOut(state: PageState): void {
  const stage = element('stage')
  const rows = rowsThrough(state.graph, state.zoom)
  const height = rows * rowHeight() + 8
  element('extent').style.height = `${Math.max(0, height - stage.clientHeight)}px`
  stage.scrollTop = state.icicle ? 0 : stage.scrollHeight
  askPaint(state)
}

/** The frames of the visible rows. Of those narrower than a half pixel one stands for all in its pixel. */
export function framesIn(state: PageState, width: number, height: number): DrawnFrame[] {
  const { graph, zoom } = state
  const scale = graph.weight[zoom]! > 0 ? width / graph.weight[zoom]! : 0
  const scrolled = element('stage').scrollTop
  const bottom = Math.max(element('stage').scrollHeight, height) - rowHeight() - 4 - scrolled
  const top = (row: number): number =>
    state.icicle ? row * rowHeight() + 4 - scrolled : bottom - row * rowHeight()
  const visible = (y: number): boolean => y > -rowHeight() && y < height
  const frames: DrawnFrame[] = []
  for (const node of pathTo(graph, zoom).slice(0, -1)) {
    const y = top(graph.row[node]!)
    if (visible(y)) frames.push({ node, x: 0, y, width })
  }
  const lastDust = new Map<number, number>()
  let node = zoom
  while (node < graph.end[zoom]!) {
    const across = graph.weight[node]! * scale
    const row = graph.row[node]!
    const x = (graph.start[node]! - graph.start[zoom]!) * scale
    const dust = across < 0.5
    const y = top(row)
    if (visible(y) && !(dust && lastDust.get(row) === Math.floor(x)))
      frames.push({ node, x, y, width: across })
    if (dust) lastDust.set(row, Math.floor(x))
    node = dust ? graph.end[node]! : node + 1
  }
  return frames
}

export function paintFrame(state: PageState, { node, x, y, width }: DrawnFrame): void {
  const { context, graph, found } = state
  const label = graph.label[node]!
  const above = graph.row[node]! < graph.row[state.zoom]!
  const isFound = found !== undefined && found[label] === 1
  const faded = !isFound && (found !== undefined || above)
  context.globalAlpha = faded ? (found !== undefined ? 0.32 : 0.45) : 1
  context.fillStyle = isFound ? 'hsl(312 82% 74%)' : fillOf(state, node)
  const gap = width > 3 ? 1 : 0
  context.fillRect(x, y, Math.max(width - gap, 0.5), rowHeight() - 1)
  if (width < 22) return
  const text = fitted(context, textOf(state, node), width - 9)
  if (text === '') return
  context.globalAlpha = 1
  // Faded frames show the page behind them, so their text takes the page's colour.
  context.fillStyle = faded ? getComputedStyle(document.body).color : '#1d1d22'
  const { font } = context
  if (kindOf(state, node) === 'reason') context.font = `italic ${font}`
  context.fillText(text, x + 4, y + rowHeight() / 2)
  if (context.font !== font) context.font = font
}

/** Red has grown, blue has shrunk, the more the stronger. */
export function colourOfGrowth(growth: number, most: number): string {
  const part = most > 0 ? Math.abs(growth) / most : 0
  if (part < 0.001) return 'hsl(0 0% 90%)'
  const light = (88 - 32 * Math.sqrt(part)).toFixed(1)
  return growth > 0 ? `hsl(4 85% ${light}%)` : `hsl(215 80% ${light}%)`
}

export function fillOf(state: PageState, node: number): string {
  const { comparison, label } = state.graph
  if (comparison === undefined) return state.colours[label[node]!]!
  return colourOfGrowth(comparison.growth[node]!, comparison.mostGrowth)
}

export function paintOutline(state: PageState, { x, y, width }: DrawnFrame): void {
  const { context } = state
  context.globalAlpha = 1
  context.strokeStyle = getComputedStyle(document.body).color
  context.lineWidth = 1.5
  context.strokeRect(x + 0.75, y + 0.75, Math.max(width - 2.5, 1), rowHeight() - 2.5)
}

/** As much of the text as there is room for, with an ellipsis where something is missing; '' where nothing fits. */
export function fitted(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (context.measureText(text).width <= room) return text
  let fits = 0
  let tooLong = Math.min(text.length, Math.ceil(room / 3))
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1
    if (context.measureText(`${text.slice(0, middle)}…`).width <= room) fits = middle
    else tooLong = middle
  }
  return fits < 2 ? '' : `${text.slice(0, fits)}…`
}

export function frameAt(state: PageState, x: number, y: number): number {
  const frame = state.drawn.findLast(
    (candidate) =>
      x >= candidate.x &&
      x < candidate.x + candidate.width &&
      y >= candidate.y &&
      y < candidate.y + rowHeight(),
  )
  return frame === undefined ? -1 : frame.node
}
