import { writeFileSync } from 'node:fs'
import { UsageError } from '../core/errors.ts'
import type { RecordingSelection } from '../core/recording-selection.ts'
import type { SymbolPolicy } from '../core/symbol-policy.ts'
import {
  type ComparedEvent,
  encodeDifference,
  encodeFoldedDifference,
} from '../formats/flame-graph/difference.ts'
import { profileFormatOf, withLabel } from '../formats/profile/file-names.ts'
import { positiveInteger } from './arguments.ts'
import { say, sayRemarks } from './closing.ts'
import type { Command } from './command.ts'
import { ComparedStacks, differenceOf } from './difference.ts'
import { differenceText } from './difference-text.ts'
import { DONE, FAILURE } from './exit-codes.ts'
import { type Option, type ParsedOptions, parseOptions } from './options.ts'
import { checkPlaces, type Output, outputsOf } from './outputs.ts'
import { PAGER_OPTION, showPaged } from './pager.ts'
import { type Grouping, groupsOf, ProfileTable, type SampleGroup } from './profile-table.ts'
import { checkExists, readRecording } from './read-recording.ts'
import { refuseSelection, SELECTION_OPTIONS, selectionOf } from './selection-options.ts'
import { RECORDED_OPTIONS, recordedSymbolPolicyOf, SYMBOL_OPTIONS } from './symbol-options.ts'
import { weightText } from './table-text.ts'
import { counted, integer, printable, styleFor } from './terminal.ts'

const GROUPINGS = ['function', 'comm', 'cgroup', 'stack'] as const satisfies readonly Grouping[]

const OPTIONS: readonly Option[] = [
  { long: 'top', value: 'N', help: 'Rows to show (default 20)' },
  { long: 'by', value: 'WHAT', help: `Compares by ${GROUPINGS.join(', ')} (default function)` },
  {
    long: 'output',
    short: 'o',
    value: 'FILE',
    multiple: true,
    help: 'FILE.html: a flame graph of both, red where B has more, blue where it has less; FILE.folded: each stack with the samples of both',
  },
  ...SELECTION_OPTIONS,
  ...SYMBOL_OPTIONS,
  ...RECORDED_OPTIONS,
  PAGER_OPTION,
]

export const diff: Command = {
  name: 'diff',
  summary: 'Compare two profiles: perf.data or pprof',
  usage: ['diff A B [--by function|comm|cgroup|stack] [--top N] [-o FILE.html]'],
  description: [
    'A is before, B after. Figures are shares of each, so that recordings of different lengths compare; what changed most\n' +
      'comes first. self: samples that end in the function; total: samples that it is part of; change: percentage points.',
  ],
  options: OPTIONS,
  examples: [
    ['sonde diff old.data new.data', 'what got slower and faster'],
    ['sonde diff old.data new.data -o diff.html', 'as a flame graph'],
    ['sonde diff a.pb.gz b.data --by comm', 'which threads'],
  ],
  async run(argv) {
    const options = parseOptions(argv, OPTIONS)
    const files = filesOf(options)
    const outputs = drawingsOf(options)
    checkPlaces(outputs, undefined)
    const by = groupingOf(options.value('by'))
    const top = positiveInteger(options.value('top') ?? '20', '--top')
    let isWhole = true
    const wanted: Wanted = {
      by,
      symbols: recordedSymbolPolicyOf(options),
      selection: selectionOf(options),
      options,
      problem(text) {
        isWhole = false
        say('diff', text)
      },
    }
    const sides = [await sideOf(files[0], wanted), await sideOf(files[1], wanted)] as const
    const events = pairsOf(sides)
    const style = styleFor(process.stdout)
    const texts = events.map(({ name, tables }) => {
      const [before, after] = tables.map((table, side) => figuresOf(sides[side]!, table.name))
      const title = style.bold(printable(name))
      const head = `${title}\nA: ${printable(files[0])}, ${before}\nB: ${printable(files[1])}, ${after}`
      const text = differenceText(differenceOf(tables[0].table, tables[1].table), {
        by,
        top,
        width: process.stdout.columns ?? 100,
        style,
      })
      return `${head}\n\n${text}\n`
    })
    draw(outputs, { files, sides, events })
    await showPaged(texts.join('\n'), options)
    return isWhole ? DONE : FAILURE
  },
}

function filesOf({ positionals }: ParsedOptions): readonly [string, string] {
  const [before, after, ...more] = positionals
  if (before === undefined || after === undefined || more.length > 0)
    throw new UsageError('Two files are compared: sonde diff A B.')
  checkExists(before)
  checkExists(after)
  return [before, after]
}

function drawingsOf(options: ParsedOptions): readonly Output[] {
  const outputs = outputsOf(options.values('output'))
  const other = outputs.find(({ format }) => format !== 'html' && format !== 'folded')
  if (other === undefined) return outputs
  throw new UsageError(`-o ${other.path}: a comparison can be .html or .folded.`)
}

function groupingOf(text = 'function'): Grouping {
  const grouping = GROUPINGS.find((each) => each === text)
  if (grouping !== undefined) return grouping
  const why = text === 'pid' ? ' Process numbers of two recordings say nothing about each other.' : ''
  throw new UsageError(`--by ${text}: expected ${GROUPINGS.join(', ')}.${why}`)
}

interface SideEvent {
  readonly name: string
  readonly unit: 'nanoseconds' | 'count'
  readonly table: ProfileTable
  readonly groups: SampleGroup[]
}

/** By the names of events. */
type Side = ReadonlyMap<string, SideEvent>

interface Wanted {
  readonly by: Grouping
  readonly symbols: SymbolPolicy
  readonly selection: RecordingSelection
  readonly options: ParsedOptions
  /** Takes what of a file could not be read; the rest is compared. */
  problem(text: string): void
}

async function sideOf(file: string, wanted: Wanted): Promise<Side> {
  const side = new Map<string, SideEvent>()
  const draws = wanted.options.has('output')
  const eventOf = (name: string, unit: SideEvent['unit']): SideEvent => {
    const event = side.get(name) ?? { name, unit, table: new ProfileTable(wanted.by), groups: [] }
    side.set(name, event)
    return event
  }
  if (profileFormatOf(file) === 'pprof') {
    refuseSelection(file, wanted.options)
    const { readPprof } = await import('./pprof-file.ts')
    const { event: name, unit, groups } = readPprof(file)
    const event = eventOf(name, unit)
    for (const group of groups) event.table.add(group)
    if (draws) event.groups.push(...groups)
    return side
  }
  const needsNames = draws || wanted.by === 'function' || wanted.by === 'stack'
  const end = await readRecording(file, {
    symbols: needsNames ? wanted.symbols : undefined,
    selection: wanted.selection,
    async observe(batch) {
      const event = eventOf(batch.session.event.name, batch.session.event.unit)
      await event.table.addBatch(batch)
      if (draws) for await (const group of groupsOf(batch, 'stack')) event.groups.push(group)
    },
  })
  for (const problem of end.problems) wanted.problem(problem)
  sayRemarks('diff', end.remarks)
  return side
}

interface EventPair {
  readonly name: string
  readonly tables: readonly [SideEvent, SideEvent]
}

/** Events of one name, or the only ones there are. What the other file does not have is said. */
function pairsOf([before, after]: readonly [Side, Side]): readonly EventPair[] {
  const [[one], [other]] = [[...before.values()], [...after.values()]]
  if (one === undefined || other === undefined) throw new UsageError('One of the files has no samples.')
  if (before.size === 1 && after.size === 1) {
    const name = one.name === other.name ? one.name : `${one.name} (A), ${other.name} (B)`
    if (one.unit === other.unit) return [{ name, tables: [one, other] }]
  }
  const pairs = [...before.values()].flatMap((event): EventPair[] => {
    const same = after.get(event.name)
    return same === undefined ? [] : [{ name: event.name, tables: [event, same] }]
  })
  const isSampled = ({ tables: [a, b] }: EventPair): boolean => a.table.samples + b.table.samples > 0
  const alone = [...before.keys(), ...after.keys()].filter((name) => before.has(name) !== after.has(name))
  if (alone.length > 0) say('diff', `Only one of the files has ${alone.join(', ')}: left out`)
  const sampled = pairs.filter(isSampled)
  if (sampled.length === 0) throw new UsageError('The files have no samples of the same event.')
  return sampled
}

function figuresOf(side: Side, name: string): string {
  const { table, unit } = side.get(name)!
  return `${counted(table.samples, 'sample')}, ${weightText(table.weight, unit)}`
}

interface Compared {
  readonly files: readonly [string, string]
  readonly sides: readonly [Side, Side]
  readonly events: readonly EventPair[]
}

function draw(outputs: readonly Output[], { files, sides, events }: Compared): void {
  if (outputs.length === 0) return
  const compared = events.map(({ name, tables }): ComparedEvent => {
    const stacks = new ComparedStacks()
    for (const side of [0, 1] as const) for (const group of tables[side].groups) stacks.add(side, group)
    const figures = [figuresOf(sides[0], tables[0].name), figuresOf(sides[1], tables[1].name)] as const
    return { name, unit: tables[0].unit, figures, stacks: stacks.all() }
  })
  for (const { path, format } of outputs) {
    if (format === 'html') write(path, encodeDifference({ names: files, events: compared }))
    else
      for (const event of compared)
        write(compared.length > 1 ? withLabel(path, event.name) : path, encodeFoldedDifference(event.stacks))
  }
}

function write(path: string, bytes: Uint8Array): void {
  writeFileSync(path, bytes)
  say('diff', `Wrote ${path} (${integer(bytes.length)} bytes).`)
}
