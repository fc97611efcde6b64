import { type Agent, openTracing, startAgent } from '../agent.ts'
import type { ConfigText } from '../config/config-file.ts'
import { CONFIG_DIRECTORIES } from '../config/config-place.ts'
import { checkDataDirectory, chooseDataDirectory } from '../config/data-directory.ts'
import type { ConsumerOutcome } from '../core/consumer.ts'
import { UsageError } from '../core/errors.ts'
import { type ProfileBatch, type SessionInfo, sessionTitle } from '../core/profile.ts'
import { bothFilters } from '../core/sample-filter.ts'
import { filterText } from '../core/sample-match.ts'
import type { RunEnd } from '../core/summary.ts'
import { withSpan } from '../core/tracing.ts'
import { type Milliseconds, milliseconds } from '../core/units.ts'
import { goneText, leftOutText, lossText, say, shortPath, writeSummary } from './closing.ts'
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
import type { Option } from './options.ts'
import { checkPlaces } from './outputs.ts'
import { processStart } from './process-start.ts'
import { ProfileTable } from './profile-table.ts'
import { showProgress } from './progress.ts'
import { RotationSignal } from './rotation-signal.ts'
import {
  agentConfigText,
  idleSettings,
  SAID_BY_COLLECTIONS,
  samplingOf,
  watchedCollections,
} from './run-directory.ts'
import { printedRun, type RunConfig, type RunSettings, readRunSettings } from './run-settings.ts'
import {
  SENDING_OPTIONS,
  type Senders,
  senderBuilders,
  sendersByVariables,
  usableSenders,
} from './senders.ts'
import { sentText } from './sent-text.ts'
import { settingsHelp } from './settings-help.ts'
import { stackText } from './stack-text.ts'
import { summaryOf, writtenBy } from './summary.ts'
import { tableText } from './table-text.ts'
import { Tally } from './tally.ts'
import { bytes, counted, integer, printable, styleFor } from './terminal.ts'
import { VERSION } from './version.ts'
import type { WatchedCollections } from './watched-collections.ts'

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
  {
    long: 'print-config',
    help: 'Shows the configuration that holds, with the origin of each value, and ends',
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
    'SIGUSR2 makes it finish the files that it writes and begin new ones, after what was sampled until then. With a flight\n' +
      'recorder (--flight-recorder-keep 30s) only the last seconds before each SIGUSR2, and before the end, are written.',
    'Every setting of a configuration has an option and a variable: --sampler-window 5s and SONDE_SAMPLER_WINDOW=5s are\n' +
      'spec.sampler.window. An option goes before a variable, before the file. All of them: sonde run --help=all.',
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, or OTEL_EXPORTER_OTLP_ENDPOINT, is where spans of its own work go.',
  ],
  options: OPTIONS,
  examples: [
    ['sonde run --duration 30s', 'half a minute of the whole machine'],
    ['sonde run --config agent.yaml', 'what agent.yaml says'],
    ['sonde run --cgroup /kubepods.slice --exclude comm=stress', 'the pods, but for what is called stress'],
  ],
  async run(argv) {
    if (argv[0] === '--help=all') {
      process.stdout.write(await settingsHelp(OPTIONS))
      return DONE
    }
    const settings = await readRunSettings(argv, OPTIONS, process.env)
    const { options } = settings
    const [stray] = options.positionals
    if (stray !== undefined)
      throw new UsageError(`sonde run takes no '${stray}'; to profile a command: sonde record -- CMD.`)
    const log = openLog(logLevelOf(options, 'info'))
    const interrupt = new Interrupt('reloads')
    const rotation = new RotationSignal()
    try {
      for (const { level, message } of settings.notices) log.write(level, message)
      if (options.has('print-config')) return await printConfig(settings, log)
      return await runAgent(settings, log, { interrupt, rotation })
    } finally {
      interrupt.close()
      rotation.close()
      await log.flush()
    }
  },
}

interface Signals {
  readonly interrupt: Interrupt
  readonly rotation: RotationSignal
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

async function runAgent(settings: RunSettings, log: Log, { interrupt, rotation }: Signals): Promise<number> {
  const { options } = settings
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
    const onAgentConfig = async (config: ConfigText) => (await opened?.reload.take(config)) ?? []
    watched = await watchedCollections({ settings, log, onAgentConfig })
    const request = { settings, limit, dataDirectory, watched }
    const opened: OpenAgent | undefined = await openAgent(request, log, counting)
    leftToStop = opened.agent.leftToStop
    interrupt.onReload(() => void opened.reload.reload())
    rotation.follow(opened.agent, log)
    watched?.follow(opened.agent)
    return await untilStopped(opened.agent, { counting, interrupt, limit, summary, watched }, log)
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
  readonly watched: WatchedCollections | undefined
}

async function untilStopped(agent: Agent, parts: RunParts, log: Log): Promise<number> {
  const { counting, interrupt, limit, summary, watched } = parts
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
  readonly settings: RunSettings
  readonly limit: Milliseconds | undefined
  readonly dataDirectory: string
  readonly watched: WatchedCollections | undefined
}

/** What an agent of these settings would do. */
async function printConfig(settings: RunSettings, log: Log): Promise<number> {
  const { options } = settings
  const watched = await watchedCollections({ settings, log, onAgentConfig: async () => [] })
  await watched?.close()
  const read = agentConfigText(options, watched)
  const config = settings.configIn(read)
  for (const notice of [...config.notices, ...idleSettings(settings, watched, read)])
    log.write('warn', notice)
  const filter = filterOf(options)
  const senders = await sendersBeside(config, log)
  const file = options.value('config') ?? watched?.agentDocument?.file
  const otherwise = {
    config: read.file,
    ...(watched === undefined ? {} : { 'config-fs-path': watched.path }),
    'data-directory': chooseDataDirectory(dataDirectoryOf(options)),
    'log-level': logLevelOf(options, 'info'),
  }
  const shown = { settings, config, file, directory: watched?.path, filter, senders }
  process.stdout.write(printedRun({ ...shown, listed: OPTIONS, otherwise }))
  return DONE
}

/** Those that the environment asks for, beside the configured ones and those that are switched off. */
function sendersBeside({ config, environment, switchedOff }: RunConfig, log: Log): Promise<Senders> {
  const configured = [...config.consumerTypes, ...switchedOff]
  return usableSenders(sendersByVariables(environment), { configured, log: log.write })
}

interface OpenAgent {
  readonly agent: Agent
  readonly reload: FilterReload
}

async function openAgent(request: RunRequest, log: Log, counting: Counting): Promise<OpenAgent> {
  const { settings, limit, dataDirectory, watched } = request
  const { options } = settings
  const asked = filterOf(options)
  const read = agentConfigText(options, watched)
  const effective = await withSpan('load config', {}, async () => settings.configIn(read))
  const { config } = effective
  for (const notice of [...effective.notices, ...idleSettings(settings, watched, read)])
    log.write('warn', notice)
  const filter = bothFilters(asked, config.sampler.filter)
  checkRuleCount(filter.rules.length)
  const senders = await sendersBeside(effective, log)
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
    lockDown: config.sampler.lockDown,
    flightRecorder: config.flightRecorder,
    onLockedDown: () => checkDataDirectory(dataDirectory),
    stopWithin: config.shutdown.deadline,
    observe: (batch) => observe(batch, counting),
    log: log.write,
    environment: effective.environment,
    version: VERSION,
  })
  if (filter.rules.length > 0) log.write('info', `sampled is: ${filterText(filter)}`)
  const what = watched === undefined ? config.sampler.events.join(', ') : `what ${watched.path} asks for`
  log.write('info', `sampling ${what} into ${dataDirectory}`)
  return { agent, reload: reloadOf({ agent, read, watched, settings, log }) }
}

interface ReloadParts {
  readonly agent: Agent
  readonly read: ConfigText
  readonly watched: WatchedCollections | undefined
  readonly settings: RunSettings
  readonly log: Log
}

const reloadOf = ({ agent, read, watched, settings, log }: ReloadParts): FilterReload =>
  new FilterReload({
    config: read,
    read: () => agentConfigText(settings.options, watched),
    asked: filterOf(settings.options),
    filterIn: async (text) => settings.configIn(text).config.sampler.filter,
    setFilter: (filter) => agent.setFilter(filter),
    idle: watched === undefined ? [] : SAID_BY_COLLECTIONS.map((key) => `sampler.${key}`),
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

/** `2 files, 134 kB; 4 older files (265 kB) were deleted`. */
function writtenText({ files, bytes: all, gone }: ConsumerOutcome): string {
  const there = `${counted(files.length, 'file')}, ${bytes(all - (gone?.bytes ?? 0))}`
  return gone === undefined || gone.files === 0
    ? there
    : `${there}; ${goneText(gone, files.length > 0 ? 'older file' : 'file')}`
}

function tell({ tally, hottest, hottestOf }: Counting, end: RunEnd): void {
  const out = process.stdout
  const style = styleFor(out)
  for (const problem of end.problems) say('run', problem)
  for (const [name, { outcome }] of end.consumers) {
    const text = sentText(outcome) ?? writtenText(outcome)
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
