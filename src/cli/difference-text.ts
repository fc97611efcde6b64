import { type ComparedRow, growthOf } from './difference.ts'
import type { Grouping } from './profile-table.ts'
import { printable, type Style, shortened } from './terminal.ts'

export interface DifferenceTextOptions {
  readonly by: Grouping
  readonly top: number
  readonly width: number
  readonly style: Style
}

const MODULE_ROOM = 24

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`
const points = (growth: number): string => `${growth < 0 ? '−' : '+'}${(100 * Math.abs(growth)).toFixed(2)}`

/** The rows that have changed most, with a head line. */
export function differenceText(rows: readonly ComparedRow[], options: DifferenceTextOptions): string {
  const { by, top, style } = options
  const shown = rows.slice(0, top)
  const hasTotals = by === 'function'
  const figures = ({ self, total }: ComparedRow): string[] => {
    const own = [percent(self[0]), percent(self[1]), points(growthOf(self))]
    return hasTotals ? [...own, percent(total[0]), percent(total[1]), points(growthOf(total))] : own
  }
  const line = (cells: readonly string[], name: string): string =>
    `${cells.map((cell) => cell.padStart(10)).join('')}  ${name}`.trimEnd()
  const titles = hasTotals
    ? ['self A', 'self B', 'change', 'total A', 'total B', 'change']
    : ['A', 'B', 'change']
  const room = Math.max(20, options.width - 10 * titles.length - 2)
  const head = style.dim(line(titles, by))
  return [head, ...shown.map((row) => line(figures(row), nameOf(row, by, room)))].join('\n')
}

function nameOf({ labels }: ComparedRow, by: Grouping, room: number): string {
  if (by === 'stack') return shortened(printable(labels.map(({ name }) => name).join(';')), room)
  const [label] = labels
  const name = label?.name || '[unknown]'
  if (!label?.module) return shortened(printable(name), room)
  const module = shortened(printable(label.module), MODULE_ROOM)
  return `${shortened(printable(name), Math.max(20, room - module.length - 2))}  ${module}`
}
