import { type Agent, type AgentOptions, loadConsumers, openTracing, startAgent } from '../agent.ts'
import { systemClock } from '../base/clock.ts'
import { parseAgentConfig } from '../config/agent-config.ts'
import { type ConfigText, readConfig } from '../config/config-file.ts'
import { ConfigDirectory } from '../config/config-directory.ts'
import { CONFIG_DIRECTORIES, configDirectory } from '../config/config-place.ts'
import { checkDataDirectory, chooseDataDirectory } from '../config/data-directory.ts'
import { readDocuments } from '../config/documents.ts'
import { UsageError } from '../core/errors.ts'
import { type ProfileBatch, type SessionInfo, sessionTitle } from '../core/profile.ts'
import { bothFilters, type SampleFilter } from '../core/sample-filter.ts'
import { filterText } from '../core/sample-match.ts'
import type { RunEnd } from '../core/summary.ts'
import { withSpan } from '../core/tracing.ts'
import { type Milliseconds, milliseconds } from '../core/units.ts'
import { checkEventName } from '../sampler/events.ts'
import { leftOutText, lossText, say, shortPath, writeSummary } from './closing.ts'
import type { Command } from './command.ts'
import {
  DURATION_OPTION,
  dataDirectoryOf,
  dataDirectoryOption,
  durationLimitOf,
  LOCK_DOWN_OPTION,
  logLevelOf,
  logLevelOption,
  SUMMARY_OPTION,
  summaryPathOf,
} from './common-options.ts'
import { DONE, FAILURE } from './exit-codes.ts'
import { checkRuleCount, FILTER_OPTIONS, filterOf } from './filter-options.ts'
import { FilterReload } from './filter-reload.ts'
import { Interrupt } from './interrupt.ts'
import { type Log, openLog } from './log.ts'
import { type Option, type ParsedOptions, parseOptions } from './options.ts'
import { checkPlaces } from './outputs.ts'
import { processStart } from './process-start.ts'
import { ProfileTable } from './profile-table.ts'
import { showProgress } from './progress.ts'
import { SENDING_OPTIONS, type Senders, senderBuilders, sendersOf, usableSenders } from './senders.ts'
import { sentText } from './sent-text.ts'
import { stackText } from './stack-text.ts'
import { summaryOf, writtenBy } from './summary.ts'
import { tableText } from './table-text.ts'
import { Tally } from './tally.ts'
import { bytes, counted, integer, printable, styleFor } from './terminal.ts'
import { VERSION } from './version.ts'
import { WatchedCollections } from './watched-collections.ts'

const OPTIONS: readonly Option[] = [
  {
    long: 'config',
    value: 'FILE',
    help: 'What is sampled and who gets it (default: config/agent.yaml of Sonde, which explains every key)',
  },
  {
    long: 'config-fs-path',
    value: 'DIR',
    help: `Directory of configurations, watched while it runs (default: ${CONFIG_DIRECTORIES.join(' or ')}, where it exists)`,
  },
  DURATION_OPTION,
  dataDirectoryOption('Holds everything the agent writes'),
  ...FILTER_OPTIONS,
  ...SENDING_OPTIONS,
  SUMMARY_OPTION,
  LOCK_DOWN_OPTION,
  logLevelOption('info'),
]

export const run: Command = {
  name: 'run',
  summary: 'Run the agent: profile the whole machine into files, without end or for a while',
  usage: ['run [--config FILE] [--duration D] [--data-directory DIR] [--summary FILE] [--lock-down]'],
  description: [
    'SIGINT and SIGTERM end it within 8 s (spec.shutdown.deadline): what was sampled is written or sent, and every file is\n' +
      'valid. A second signal ends it at once, unless it is the same within 0.3 s: under npm, Ctrl-C comes twice.\n' +
      'One agent at a time may use a data directory; sonde status asks it how it is doing.',
    'SIGHUP makes it read spec.sampler.filter of its configuration again, which says whose samples are wanted: the change takes\n' +
      'effect within a second, and sampling goes on. A file that is not valid changes nothing.',
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, or OTEL_EXPORTER_OTLP_ENDPOINT, is where spans of its own work go.',
  ],
  options: OPTIONS,
  examples: [
    ['sonde run --duration 30s', 'half a minute of the whole machine'],
    ['sonde run --config agent.yaml', 'what agent.yaml says'],
    ['sonde run --cgroup /kubepods.slice --exclude comm=stress', 'the pods, but for what is called stress'],
  ],
  async run(argv) {
    const options = parseOptions(argv, OPTIONS)
    const [stray] = options.positionals
    if (stray !== undefined)
      throw new UsageError(`sonde run takes no '${stray}'; to profile a command: sonde record -- CMD.`)
    const log = openLog(logLevelOf(options, 'info'))
    const interrupt = new Interrupt('reloads')
    try {
      return await runAgent(options, log, interrupt)
    } finally {
      interrupt.close()
      await log.flush()
    }
  },
}

/** What is counted while it runs. */
interface Counting {
  readonly tally: Tally
  readonly hottest: ProfileTable
  /** Whose functions they are: several configurations may sample the same event. */
  hottestOf: SessionInfo | undefined
  /** By performance.now(). */
  samplingSince: number
}

/** The agent lives long; the functions of a busy machine fit. */
const MAX_FUNCTIONS = 20_000

async function runAgent(options: ParsedOptions, log: Log, interrupt: Interrupt): Promise<number> {
  const limit = durationLimitOf(options)
  const summary = summaryPathOf(options)
  const dataDirectory = chooseDataDirectory(dataDirectoryOf(options))
  checkPlaces([], summary)
  const counting: Counting = {
    tally: new Tally(),
    hottest: new ProfileTable('function', MAX_FUNCTIONS),
    hottestOf: undefined,
    samplingSince: performance.now(),
  }
  const tracing = await openTracing({ environment: process.env, version: VERSION, log: log.write })
  let leftToStop: Agent['leftToStop'] = (usual) => usual
  let watched: WatchedCollections | undefined
  try {
    const opened = await openAgent({ options, limit, dataDirectory }, log, counting)
    watched = opened.watched
    leftToStop = opened.agent.leftToStop
    interrupt.onReload(() => void opened.reload.reload())
    return await untilStopped(opened, { counting, interrupt, limit, summary }, log)
  } finally {
    await watched?.close()
    await tracing.close(leftToStop(LAST_SPANS_LIMIT))
  }
}

/** For the spans of the end: whoever waits for the agent waits for its profiles. */
const LAST_SPANS_LIMIT = milliseconds(1_000)

interface RunParts {
  readonly counting: Counting
  readonly interrupt: Interrupt
  readonly limit: Milliseconds | undefined
  /** The file for the closing figures. */
  readonly summary: string | undefined
}

async function untilStopped({ agent, watched }: OpenAgent, parts: RunParts, log: Log): Promise<number> {
  const { counting, interrupt, limit, summary } = parts
  const endsAt = limit === undefined ? undefined : counting.samplingSince + limit
  for (const notice of agent.notices) log.write('info', notice)
  const hideProgress = showProgress({ name: 'run', figures: () => agent.progress(), endsAt })
  const failure = await untilEnd(agent, interrupt, endsAt)
  hideProgress()
  await watched?.close()
  const end = await agent.stop()
  tell(counting, end)
  writeSummary(summary, () =>
    summaryOf({
      tally: counting.tally,
      consumers: end.consumers,
      processStart: processStart(),
      now: new Date(),
    }),
  )
  if (failure !== undefined) throw failure
  return end.problems.length > 0 ? FAILURE : DONE
}

interface RunRequest {
  readonly options: ParsedOptions
  readonly limit: Milliseconds | undefined
  readonly dataDirectory: string
}

const configIn = ({ text, file }: ConfigText) =>
  withSpan('load config', {}, async () =>
    parseAgentConfig(text, file, { consumers: await loadConsumers(), checkEvent: checkEventName }),
  )

interface OpenAgent {
  readonly agent: Agent
  /** Undefined where no directory says what is sampled. */
  readonly watched: WatchedCollections | undefined
  readonly reload: FilterReload
}

async function openAgent(request: RunRequest, log: Log, counting: Counting): Promise<OpenAgent> {
  const { options, limit, dataDirectory } = request
  const askedSenders = sendersOf(options, process.env)
  const asked = filterOf(options)
  const reloading: { reload?: FilterReload } = {}
  const watched = await watchedIn(options, log, async (config) => reloading.reload?.take(config))
  const read = agentConfigText(options, watched)
  const config = await configIn(read)
  const filter = bothFilters(asked, config.sampler.filter)
  checkRuleCount(filter.rules.length)
  const senders = await usableSenders(askedSenders, { configured: config.consumerTypes, log: log.write })
  const agent = await startAgent({
    sampling: samplingOf({ config, filter, limit, watched, senders }),
    ...(watched === undefined ? {} : { configuration: () => watched.status() }),
    onSampling() {
      counting.samplingSince = performance.now()
    },
    consumers: async () => [...config.consumers, ...(await senderBuilders(senders))],
    symbols: config.symbols,
    services: config.services,
    dataDirectory,
    lockDirectory: true,
    children: 'helpers',
    lockDown: config.sampler.lockDown || options.has(LOCK_DOWN_OPTION.long),
    onLockedDown: () => checkDataDirectory(dataDirectory),
    stopWithin: config.shutdown.deadline,
    observe: (batch) => observe(batch, counting),
    log: log.write,
    environment: senders.environment,
    version: VERSION,
  })
  if (filter.rules.length > 0) log.write('info', `sampled is: ${filterText(filter)}`)
  const what = watched === undefined ? config.sampler.events.join(', ') : `what ${watched.path} asks for`
  log.write('info', `sampling ${what} into ${dataDirectory}`)
  reloading.reload = reloadOf({ agent, read, asked, log })
  watched?.follow(agent)
  return { agent, watched, reload: reloading.reload }
}

/** What the directory says that was named, or is where one usually is. */
async function watchedIn(
  options: ParsedOptions,
  log: Log,
  onAgentConfig: (config: ConfigText) => Promise<void>,
): Promise<WatchedCollections | undefined> {
  const path = configDirectory(options.value('config-fs-path'), options.value('config'))
  if (path === undefined) return undefined
  const named = { checkEvent: checkEventName, consumerNames: undefined }
  return await WatchedCollections.open({
    path,
    directory: new ConfigDirectory({
      directory: path,
      read: (text, file) => readDocuments(text, file, named),
      clock: systemClock,
      log: log.write,
    }),
    onAgentConfig: (document) => onAgentConfig(document ?? readConfig()),
    log: log.write,
  })
}

/** @throws UsageError where two places say it */
function agentConfigText(options: ParsedOptions, watched: WatchedCollections | undefined): ConfigText {
  const file = options.value('config')
  const document = watched?.agentDocument
  if (document === undefined) return readConfig(file)
  if (file === undefined) return document
  throw new UsageError(`Both --config ${file} and ${document.place} hold an AgentConfig: leave one of them.`)
}

interface SamplingParts {
  readonly config: Awaited<ReturnType<typeof configIn>>
  readonly filter: SampleFilter
  readonly limit: Milliseconds | undefined
  readonly watched: WatchedCollections | undefined
  readonly senders: Senders
}

/** Where there is a directory of configurations, only what stands there is sampled. */
function samplingOf({ config, filter, limit, watched, senders }: SamplingParts): AgentOptions['sampling'] {
  const common = {
    filter,
    target: { kind: 'machine', otherwise: 'own_processes' },
    commandLine: ['sonde', 'run'],
  } as const
  if (watched === undefined)
    return { ...config.sampler, ...common, missingCgroups: 'awaited', duration: limit }
  const { backEnd, callGraph, ringBytes } = config.sampler
  const consumerNames = [...config.consumerTypes, ...senders.types]
  return { ...common, backEnd, callGraph, ringBytes, collections: watched.collections, consumerNames }
}

interface ReloadParts {
  readonly agent: Agent
  readonly read: ConfigText
  readonly asked: SampleFilter
  readonly log: Log
}

const reloadOf = ({ agent, read, asked, log }: ReloadParts): FilterReload =>
  new FilterReload({
    config: read,
    asked,
    filterIn: async (text) => (await configIn(text)).sampler.filter,
    setFilter: (filter) => agent.setFilter(filter),
    log: log.write,
  })

async function observe(batch: ProfileBatch, counting: Counting): Promise<void> {
  await counting.tally.add(batch)
  counting.hottestOf ??= batch.session
  if (sessionTitle(batch.session) === sessionTitle(counting.hottestOf)) await counting.hottest.addBatch(batch)
}

/** Resolves with what broke, if something did. */
async function untilEnd(
  agent: Agent,
  interrupt: Interrupt,
  endsAt: number | undefined,
): Promise<Error | undefined> {
  const over = Promise.withResolvers<undefined>()
  const left = endsAt === undefined ? undefined : Math.max(0, endsAt - performance.now())
  const timer = left === undefined ? undefined : setTimeout(() => over.resolve(undefined), left)
  try {
    await Promise.race([agent.ended, interrupt.asked, over.promise])
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  } finally {
    clearTimeout(timer)
  }
}

const TOP = 10

function tell({ tally, hottest, hottestOf }: Counting, end: RunEnd): void {
  const out = process.stdout
  const style = styleFor(out)
  for (const problem of end.problems) say('run', problem)
  for (const [name, { outcome }] of end.consumers) {
    const text = sentText(outcome) ?? `${counted(outcome.files.length, 'file')}, ${bytes(outcome.bytes)}`
    out.write(`${style.bold(name)}: ${printable(text)}\n`)
    for (const file of outcome.files) out.write(`  ${printable(shortPath(file))}\n`)
  }
  const figures = `${integer(tally.taken)} taken, ${integer(writtenBy(end.consumers, tally.taken))} written, ${lossText(tally.lost)}${leftOutText(tally.leftOut)}`
  out.write(`${style.bold('samples')}: ${figures}\n`)
  const stacks = stackText(tally.stacks())
  if (stacks !== undefined) out.write(`${style.bold('stacks')}: ${printable(stacks)}\n`)
  if (hottest.samples === 0 || hottestOf === undefined) return
  out.write(`\n${style.bold(`Hottest functions (${printable(sessionTitle(hottestOf))})`)}\n`)
  out.write(`${tableText(hottest, { by: 'function', top: TOP, width: out.columns ?? 100, style })}\n`)
}
