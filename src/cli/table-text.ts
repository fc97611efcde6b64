// A profile as a table for the terminal.

import type { Grouping, ProfileTable, Row } from './profile-table.ts'
import { duration, integer, printable, type Style, shortened } from './terminal.ts'

export interface TableOptions {
  readonly by: Grouping
  readonly top: number
  readonly width: number
  readonly style: Style
}

/** The rows, with a head line. */
export function tableText(table: ProfileTable, options: TableOptions): string {
  const rows = table.top(options.top)
  switch (options.by) {
    case 'function':
      return functionTable(rows, table, options)
    case 'comm':
    case 'cgroup':
    case 'pid':
      return plainTable(rows, table, options, options.by)
    case 'stack':
      return stackList(rows, table, options)
  }
}

/** `12.5 s` for clocks, `1,234` for counts. */
export const weightText = (weight: number, unit: 'nanoseconds' | 'count'): string =>
  unit === 'nanoseconds' ? duration(weight / 1e9) : integer(weight)

const percent = (part: number, whole: number): string =>
  `${whole === 0 ? '0.0' : ((100 * part) / whole).toFixed(1)} %`

function functionTable(rows: readonly Row[], table: ProfileTable, { style, width }: TableOptions): string {
  const modules = Math.min(24, Math.max(6, ...rows.map(({ labels }) => labels[0]?.module.length ?? 0)))
  const names = Math.max(20, width - 8 - 8 - 10 - modules - 8)
  const line = (cells: readonly [string, string, string, string, string]): string =>
    `${cells[0].padStart(8)}${cells[1].padStart(9)}${cells[2].padStart(10)}  ${cells[3].padEnd(names)}  ${cells[4]}`.trimEnd()
  const head = style.dim(line(['self', 'total', 'samples', 'function', 'module']))
  return [
    head,
    ...rows.map(({ labels, self, total, samples }) =>
      line([
        percent(self, table.weight),
        percent(total, table.weight),
        integer(samples),
        shortened(printable(labels[0]?.name ?? ''), names),
        shortened(printable(labels[0]?.module ?? ''), modules),
      ]),
    ),
  ].join('\n')
}

type PlainGrouping = Extract<Grouping, 'comm' | 'cgroup' | 'pid'>

const TITLES: Readonly<Record<PlainGrouping, string>> = {
  comm: 'thread name',
  cgroup: 'cgroup',
  pid: '    pid  name',
}

function plainTable(
  rows: readonly Row[],
  table: ProfileTable,
  { style }: TableOptions,
  by: PlainGrouping,
): string {
  const line = (share: string, samples: string, name: string): string =>
    `${share.padStart(8)}${samples.padStart(10)}  ${name}`
  const nameOf = ({ labels }: Row): string => {
    const [label] = labels
    return by === 'pid' ? `${(label?.name ?? '').padStart(7)}  ${label?.module ?? ''}` : (label?.name ?? '')
  }
  return [
    style.dim(line('share', 'samples', TITLES[by])),
    ...rows.map((row) => line(percent(row.self, table.weight), integer(row.samples), printable(nameOf(row)))),
  ].join('\n')
}

function stackList(rows: readonly Row[], table: ProfileTable, { style, width }: TableOptions): string {
  return rows
    .map((row) => {
      const [thread, ...frames] = row.labels
      const head = style.bold(
        `${percent(row.self, table.weight)}  ${integer(row.samples)}  ${printable(thread?.name ?? '')}`,
      )
      const lines = frames.map(({ name, module }) => {
        const where = module === '' ? '' : style.dim(`  ${printable(module)}`)
        return `    ${shortened(printable(name), width - 30)}${where}`
      })
      return [head, ...lines].join('\n')
    })
    .join('\n\n')
}
