import { existsSync } from 'node:fs'
import { type RecordedFiles, replayFile } from '../agent.ts'
import { AgentError, UsageError } from '../core/errors.ts'
import type { ProfileBatch, SessionInfo } from '../core/profile.ts'
import { DEFAULT_SERVICE_POLICY } from '../core/service-policy.ts'
import type { RunEnd } from '../core/summary.ts'
import type { SymbolPolicy } from '../core/symbol-policy.ts'
import { profileFormatOf } from '../formats/profile/file-names.ts'
import { positiveInteger } from './arguments.ts'
import { IN_RINGS, lossText, say, sayRemarks } from './closing.ts'
import type { Command } from './command.ts'
import { DONE, FAILURE } from './exit-codes.ts'
import { openLog } from './log.ts'
import { type Option, type ParsedOptions, parseOptions } from './options.ts'
import { GROUPINGS, type Grouping, ProfileTable } from './profile-table.ts'
import { stackTables } from './stack-table.ts'
import { StackTally } from './stack-tally.ts'
import { completeShare, samplesWithUserPart } from './stack-text.ts'
import { RECORDED_OPTIONS, recordedSymbolPolicyOf, SYMBOL_OPTIONS } from './symbol-options.ts'
import { type TableOptions, tableText, weightText } from './table-text.ts'
import { Tally } from './tally.ts'
import { counted, integer, printable, styleFor } from './terminal.ts'
import { VERSION } from './version.ts'

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
    if (profileFormatOf(file) !== 'pprof') return reportPerfData(file, table, recordedSymbolPolicyOf(options))
    await reportPprof(file, table)
    return DONE
  },
}

async function reportStacks(file: string, options: ParsedOptions): Promise<number> {
  if (options.has('by')) throw new UsageError('Either --stacks or --by, not both.')
  if (profileFormatOf(file) === 'pprof')
    throw new UsageError(`${file}: pprof does not say how far a stack can be trusted; perf.data does.`)
  const processes = positiveInteger(options.value('top') ?? '20', '--top')
  const tally = new StackTally()
  const end = await replayInto(file, {
    symbols: undefined,
    recordedFiles: recordedSymbolPolicyOf(options),
    observe: (batch) => tally.add(batch),
  })
  const stacks = tally.summary(processes)
  const out = process.stdout
  const style = styleFor(out)
  const samples = counted(samplesWithUserPart(stacks), 'sample')
  const kernel = stacks.kernel > 0 ? `, and ${integer(stacks.kernel)} without a user part` : ''
  out.write(
    `${style.bold(`${printable(file)}: stacks`)}, ${samples}, ${completeShare(stacks)} complete${kernel}\n\n`,
  )
  const tables = stackTables(stacks, { width: out.columns ?? 100, style })
  if (tables !== '') out.write(`${tables}\n\n`)
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
  if (file === STANDARD_INPUT || existsSync(file)) return file
  throw new AgentError(
    'REPORT.UNREADABLE',
    `There is no file ${file}. Name another, or make one: sonde record -- CMD.`,
  )
}

function sayWhatIsRead(error: unknown): never {
  if (!(error instanceof AgentError) || error.code !== 'PERF_DATA.OTHER_FORMAT') throw error
  throw new AgentError(
    'REPORT.UNREADABLE',
    `${error.message}\nreport reads perf.data, and pprof by the name FILE.pb.gz.`,
    { cause: error },
  )
}

function groupingOf(text: string | undefined): Grouping {
  const grouping = GROUPINGS.find((each) => each === (text ?? 'function'))
  if (grouping !== undefined) return grouping
  throw new UsageError(`--by ${text}: expected ${GROUPINGS.join(', ')}.`)
}

const STANDARD_INPUT = '-'

interface Section {
  readonly event: string
  readonly unit: 'nanoseconds' | 'count'
  readonly table: ProfileTable
  /** What the head line ends with. */
  readonly note: string
}

async function reportPprof(file: string, options: TableOptions): Promise<void> {
  const { readPprof } = await import('./pprof-file.ts')
  const { event, unit, groups } = readPprof(file)
  const table = new ProfileTable(options.by)
  for (const group of groups) table.add(group)
  print(file, [{ event, unit, table, note: '' }], options)
}

async function reportPerfData(file: string, options: TableOptions, symbols: SymbolPolicy): Promise<number> {
  const tables = new Map<
    string,
    { readonly table: ProfileTable; readonly tally: Tally; readonly batch: ProfileBatch }
  >()
  const end = await replayInto(file, {
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
  print(file, sections, options)
  return sayEnd(end)
}

/** `, configuration NAME version V`; nothing where none asked for it. */
function configText({ config }: SessionInfo): string {
  if (config === null) return ''
  const version = config.version === '' ? '' : ` version ${config.version}`
  return `, configuration ${printable(config.name + version)}`
}

/** Sends a perf.data file past `observe`. */
async function replayInto(
  file: string,
  {
    symbols,
    recordedFiles,
    observe,
  }: {
    readonly symbols: SymbolPolicy | undefined
    readonly recordedFiles?: RecordedFiles
    readonly observe: (batch: ProfileBatch) => void | Promise<void>
  },
): Promise<RunEnd> {
  const log = openLog('warn')
  const end = await replayFile({
    file,
    signal: new AbortController().signal,
    consumers: async () => [],
    environment: {},
    symbols,
    ...(recordedFiles !== undefined && { recordedFiles }),
    services: DEFAULT_SERVICE_POLICY,
    dataDirectory: process.cwd(),
    observe,
    log: log.write,
    version: VERSION,
  }).catch(sayWhatIsRead)
  await log.flush()
  return end
}

function print(file: string, sections: readonly Section[], options: TableOptions): void {
  const sampled = sections.filter(({ table }) => table.samples > 0)
  if (sampled.length === 0) process.stdout.write(`${printable(file)} has no samples.\n`)
  for (const { event, unit, table, note } of sampled) {
    const title = options.style.bold(`${printable(file)}: ${printable(event)}`)
    const figures = `${counted(table.samples, 'sample')}, ${weightText(table.weight, unit)}${note}`
    process.stdout.write(`${title}, ${figures}\n\n${tableText(table, options)}\n\n`)
  }
}
