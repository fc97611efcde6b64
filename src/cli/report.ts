import { UsageError } from '../core/errors.ts'
import type { ProfileBatch, SessionInfo } from '../core/profile.ts'
import type { RecordingSelection } from '../core/recording-selection.ts'
import type { RunEnd } from '../core/summary.ts'
import type { SymbolPolicy } from '../core/symbol-policy.ts'
import { profileFormatOf } from '../formats/profile/file-names.ts'
import { positiveInteger } from './arguments.ts'
import { IN_RINGS, lossText, say, sayRemarks } from './closing.ts'
import type { Command } from './command.ts'
import { DONE, FAILURE } from './exit-codes.ts'
import { type Option, type ParsedOptions, parseOptions } from './options.ts'
import { PAGER_OPTION, showPaged } from './pager.ts'
import { GROUPINGS, type Grouping, ProfileTable } from './profile-table.ts'
import { checkExists, readRecording } from './read-recording.ts'
import { refuseSelection, SELECTION_OPTIONS, selectionOf } from './selection-options.ts'
import { stackTables } from './stack-table.ts'
import { StackTally } from './stack-tally.ts'
import { completeShare, samplesWithUserPart } from './stack-text.ts'
import { RECORDED_OPTIONS, recordedSymbolPolicyOf, SYMBOL_OPTIONS } from './symbol-options.ts'
import { type TableOptions, tableText, weightText } from './table-text.ts'
import { Tally } from './tally.ts'
import { counted, integer, printable, styleFor } from './terminal.ts'

const OPTIONS: readonly Option[] = [
  { long: 'top', value: 'N', help: 'Rows to show (default 20)' },
  {
    long: 'by',
    value: 'WHAT',
    help: 'Adds samples up by function (default), comm (thread name), pid, cgroup or stack',
  },
  {
    long: 'stacks',
    help: 'Instead: how far the stacks can be trusted, per language and process, and why some end early',
  },
  ...SELECTION_OPTIONS,
  PAGER_OPTION,
  ...SYMBOL_OPTIONS,
  ...RECORDED_OPTIONS,
]

export const report: Command = {
  name: 'report',
  summary: 'Show a profile as a table: perf.data of Sonde or perf, or pprof',
  usage: [
    'report [FILE] [--top N] [--by function|comm|pid|cgroup|stack]',
    'report --stacks [FILE] [--top N]',
  ],
  description: [
    'FILE is perf.data unless another is named; FILE.pb.gz is pprof, and - what perf record -o - pipes in. self: samples that end in the function; total: samples that it is part of.',
  ],
  options: OPTIONS,
  examples: [
    ['sonde report', 'the hottest functions of perf.data'],
    ['perf record -o - -a -g -- sleep 5 | sonde report -', 'what perf records, without a file'],
    ['sonde report --by comm', 'which threads they were'],
    ['sonde report --by cgroup', 'which containers and services'],
    ['sonde report profile.pb.gz --by stack --top 5', 'the five hottest stacks'],
    ['sonde report --stacks', 'the share of stacks that reach their root'],
  ],
  async run(argv) {
    const options = parseOptions(argv, OPTIONS)
    const file = fileOf(options)
    if (options.has('stacks')) return reportStacks(file, options)
    const table: TableOptions = {
      by: groupingOf(options.value('by')),
      top: positiveInteger(options.value('top') ?? '20', '--top'),
      width: process.stdout.columns ?? 100,
      style: styleFor(process.stdout),
    }
    const selection = selectionOf(options)
    const isPprof = profileFormatOf(file) === 'pprof'
    if (isPprof) refuseSelection(file, options)
    const { text, end } = isPprof
      ? await reportPprof(file, table)
      : await reportPerfData(file, table, { symbols: recordedSymbolPolicyOf(options), selection })
    const selects = SELECTION_OPTIONS.some(({ long }) => options.has(long))
    const nothing = `${printable(file)} has no samples${selects ? ' of what was asked for' : ''}.\n`
    await showPaged(text === '' ? nothing : text, options)
    return end === undefined ? DONE : sayEnd(end)
  },
}

async function reportStacks(file: string, options: ParsedOptions): Promise<number> {
  if (options.has('by')) throw new UsageError('Either --stacks or --by, not both.')
  if (profileFormatOf(file) === 'pprof')
    throw new UsageError(`${file}: pprof does not say how far a stack can be trusted; perf.data does.`)
  const processes = positiveInteger(options.value('top') ?? '20', '--top')
  const tally = new StackTally()
  const end = await readRecording(file, {
    symbols: undefined,
    recordedFiles: recordedSymbolPolicyOf(options),
    selection: selectionOf(options),
    observe: (batch) => tally.add(batch),
  })
  const stacks = tally.summary(processes)
  const out = process.stdout
  const style = styleFor(out)
  const samples = counted(samplesWithUserPart(stacks), 'sample')
  const kernel = stacks.kernel > 0 ? `, and ${integer(stacks.kernel)} without a user part` : ''
  const title = style.bold(`${printable(file)}: stacks`)
  const tables = stackTables(stacks, { width: out.columns ?? 100, style })
  const head = `${title}, ${samples}, ${completeShare(stacks)} complete${kernel}`
  await showPaged(`${[head, tables].filter((part) => part !== '').join('\n\n')}\n\n`, options)
  return sayEnd(end)
}

/** What could not be read is a failure, though the rest was shown. */
function sayEnd({ problems, remarks }: RunEnd): number {
  for (const problem of problems) say('report', problem)
  sayRemarks('report', remarks)
  return problems.length > 0 ? FAILURE : DONE
}

function fileOf({ positionals }: ParsedOptions): string {
  const [file = 'perf.data', ...more] = positionals
  if (more.length > 0) throw new UsageError(`One file at a time; '${more[0]}' is another.`)
  checkExists(file)
  return file
}

function groupingOf(text: string | undefined): Grouping {
  const grouping = GROUPINGS.find((each) => each === (text ?? 'function'))
  if (grouping !== undefined) return grouping
  throw new UsageError(`--by ${text}: expected ${GROUPINGS.join(', ')}.`)
}

interface Section {
  readonly event: string
  readonly unit: 'nanoseconds' | 'count'
  readonly table: ProfileTable
  /** What the head line ends with. */
  readonly note: string
}

interface Report {
  readonly text: string
  /** Of the recording; pprof has nothing to say of itself. */
  readonly end: RunEnd | undefined
}

async function reportPprof(file: string, options: TableOptions): Promise<Report> {
  const { readPprof } = await import('./pprof-file.ts')
  const { event, unit, groups } = readPprof(file)
  const table = new ProfileTable(options.by)
  for (const group of groups) table.add(group)
  return { text: reportText(file, [{ event, unit, table, note: '' }], options), end: undefined }
}

async function reportPerfData(
  file: string,
  options: TableOptions,
  { symbols, selection }: { readonly symbols: SymbolPolicy; readonly selection: RecordingSelection },
): Promise<Report> {
  const tables = new Map<
    string,
    { readonly table: ProfileTable; readonly tally: Tally; readonly batch: ProfileBatch }
  >()
  const end = await readRecording(file, {
    selection,
    symbols: options.by === 'function' || options.by === 'stack' ? symbols : undefined,
    async observe(batch) {
      const { name } = batch.session.event
      const entry = tables.get(name) ?? { table: new ProfileTable(options.by), tally: new Tally(), batch }
      tables.set(name, entry)
      await entry.table.addBatch(batch)
      await entry.tally.add(batch)
    },
  })
  const sections = [...tables.values()].map(({ table, tally, batch }): Section => {
    const { name, unit } = batch.session.event
    const config = configText(batch.session)
    return { event: name, unit, table, note: `, ${lossText(tally.lost, IN_RINGS)}${config}` }
  })
  return { text: reportText(file, sections, options), end }
}

/** `, configuration NAME version V`; nothing where none asked for it. */
function configText({ config }: SessionInfo): string {
  if (config === null) return ''
  const version = config.version === '' ? '' : ` version ${config.version}`
  return `, configuration ${printable(config.name + version)}`
}

function reportText(file: string, sections: readonly Section[], options: TableOptions): string {
  const sampled = sections.filter(({ table }) => table.samples > 0)
  return sampled
    .map(({ event, unit, table, note }) => {
      const title = options.style.bold(`${printable(file)}: ${printable(event)}`)
      const figures = `${counted(table.samples, 'sample')}, ${weightText(table.weight, unit)}${note}`
      return `${title}, ${figures}\n\n${tableText(table, options)}\n\n`
    })
    .join('')
}
