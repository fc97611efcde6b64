import { type Agent, type AgentOptions, startAgent } from '../agent.ts'
import { messageOf, UsageError } from '../core/errors.ts'
import type { FlightRecorderOptions } from '../core/flight-recorder.ts'
import type { SampleFilter } from '../core/sample-filter.ts'
import { DEFAULT_SERVICE_POLICY } from '../core/service-policy.ts'
import type { RunEnd } from '../core/summary.ts'
import { ofRunningProcesses, type SymbolPolicy } from '../core/symbol-policy.ts'
import { type Milliseconds, milliseconds } from '../core/units.ts'
import { type CommandEnd, exitCodeOf } from '../sampler/command.ts'
import type { SampleTarget } from '../sampler/plan.ts'
import { closingLine, say, sayRemarks, writeSummary } from './closing.ts'
import type { Command } from './command.ts'
import {
  DURATION_OPTION,
  durationLimitOf,
  LOCK_DOWN_OPTION,
  logLevelOf,
  logLevelOption,
  SUMMARY_OPTION,
  summaryPathOf,
} from './common-options.ts'
import { CONTROL_OPTION, Control, type ControlPlace, controlOf } from './control.ts'
import { DELAY_OPTION, delayOf, followDelay, type Stretch } from './delay.ts'
import { DONE, FAILURE } from './exit-codes.ts'
import { FILTER_OPTIONS, filterOf } from './filter-options.ts'
import { Interrupt } from './interrupt.ts'
import { type Log, openLog } from './log.ts'
import { type Option, type ParsedOptions, parseOptions, splitCommand } from './options.ts'
import { buildersFor, checkPlaces, FORMATS_HELP, type Output, outputsOf } from './outputs.ts'
import { processStart } from './process-start.ts'
import { showProgress } from './progress.ts'
import { RecordedCommand } from './recorded-command.ts'
import { RotationSignal } from './rotation-signal.ts'
import {
  callGraphOf,
  eventsOf,
  maxStackOf,
  rateOf,
  SAMPLING_OPTIONS,
  samplerOf,
  type TargetChoice,
  targetOf,
} from './sampling-options.ts'
import { SENDING_OPTIONS, type Senders, senderBuilders, sendersOf, usableSenders } from './senders.ts'
import { SizeLimit } from './size-limit.ts'
import { stackText } from './stack-text.ts'
import { summaryOf } from './summary.ts'
import {
  flightRecorderOf,
  maxSizeOf,
  SWITCHING_OPTIONS,
  type Switching,
  switchingOf,
} from './switching-options.ts'
import { SYMBOL_OPTIONS, symbolPolicyOf } from './symbol-options.ts'
import { Tally } from './tally.ts'
import { VERSION } from './version.ts'

const OPTIONS: readonly Option[] = [
  ...SAMPLING_OPTIONS,
  ...FILTER_OPTIONS,
  DURATION_OPTION,
  DELAY_OPTION,
  CONTROL_OPTION,
  {
    long: 'output',
    short: 'o',
    value: 'FILE',
    multiple: true,
    help: `${FORMATS_HELP}; several may be given (default perf.data)`,
  },
  ...SWITCHING_OPTIONS,
  ...SENDING_OPTIONS,
  ...SYMBOL_OPTIONS,
  SUMMARY_OPTION,
  LOCK_DOWN_OPTION,
  logLevelOption('warn'),
  { long: 'quiet', short: 'q', help: 'Says nothing but what went wrong' },
  { long: 'verbose', short: 'v', help: 'As --log-level debug' },
  {
    long: 'no-buildid-cache',
    short: 'N',
    help: 'Accepted for the sake of habit: the cache of build ids is left alone',
  },
]

export const record: Command = {
  name: 'record',
  summary: 'Record a command, processes or the whole machine, as perf record does',
  usage: [
    'record [-F HZ | -c PERIOD] [-e EVENT]… [--duration D] [-o FILE]… -- CMD [ARGUMENT]…',
    'record [OPTIONS] -p PID | -t TID | -a [-- CMD…]',
    'record [--include MATCH]… [--exclude MATCH]… [--thin MATCH:N]… [--cgroup PATH]… [--uid USER]… [--filter-comm NAME]… [OPTIONS]',
  ],
  description: [
    'Without a target the whole machine is recorded. CMD alone is recorded with its children, from its first\n' +
      'instruction, and its exit status is returned. Beside -a, -p or -t, CMD says how long. Ctrl-C ends the recording.\n' +
      'An existing perf.data becomes perf.data.old, also when nothing was sampled.',
    'SIGUSR2 finishes the file, whose name gets the time behind it, and the recording goes on in another. With --overwrite the\n' +
      'last seconds before it are written, and nothing else.',
    '--include, --exclude and --thin choose among the samples of the target. What they leave out is counted, and is not lost.\n' +
      'Of several that include, --cgroup, --uid and --filter-comm among them, any will do. Sonde itself is part of the machine, as\n' +
      'perf is: --exclude tree=$$ leaves out whatever this shell has started.',
    'The whole machine needs CAP_PERFMON or kernel.perf_event_paranoid ≤ 0; one’s own processes can always be\n' +
      'sampled in user mode where perf_event_paranoid is 2.',
  ],
  options: OPTIONS,
  examples: [
    ['sonde record -F 999 -- ./program', 'into perf.data'],
    ['sonde record -p 1234 --duration 10s -o out.html', 'a flame graph of a process'],
    ['sonde record -e page-faults -c 1 -- ./program', 'where memory is touched first'],
    ['sonde record --cgroup /system.slice/nginx.service --duration 10s', 'a cgroup and those below it'],
    ['sonde record -a -o perf.data -o all.pb.gz -- sleep 5', 'two formats of one recording'],
  ],
  async run(argv) {
    const asked = requestOf(argv)
    checkPlaces(asked.outputs, asked.summary)
    const log = openLog(asked.logLevel)
    try {
      // Before the command runs: what is wrong with the wish must not cost it its life.
      const senders = await usableSenders(asked.senders, { log: log.write })
      return await recordWith({ ...asked, senders }, log)
    } finally {
      await log.flush()
    }
  },
}

interface RecordRequest {
  readonly options: ParsedOptions
  readonly command: readonly string[]
  readonly target: TargetChoice
  readonly filter: SampleFilter
  readonly duration: Milliseconds | undefined
  /** Undefined: samples are taken from the beginning. */
  readonly delay: readonly Stretch[] | undefined
  readonly control: ControlPlace | undefined
  readonly outputs: readonly Output[]
  readonly switching: Switching
  readonly flightRecorder: FlightRecorderOptions | undefined
  /** Of all that is written; undefined: no limit. */
  readonly maxBytes: number | undefined
  readonly senders: Senders
  /** perf.data has the names of what nobody can name later. */
  readonly symbols: SymbolPolicy
  readonly summary: string | undefined
  readonly logLevel: ReturnType<typeof logLevelOf>
  readonly commandLine: readonly string[]
}

function requestOf(argv: readonly string[]): RecordRequest {
  const { own, command } = splitCommand(argv, OPTIONS)
  const options = parseOptions(own, OPTIONS)
  if (argv.includes('--') && command.length === 0) throw new UsageError('There is no command behind --.')
  const outputs = outputsOf(options.has('output') ? options.values('output') : ['perf.data'])
  const symbols = symbolPolicyOf(options)
  const senders = sendersOf(options, process.env)
  const showsNames = outputs.some(({ format }) => format !== 'perf_data') || senders.types.length > 0
  return {
    options,
    command,
    target: targetOf(options, command.length > 0),
    filter: filterOf(options),
    duration: durationLimitOf(options),
    delay: delayOf(options),
    control: controlOf(options),
    outputs,
    switching: switchingOf(options),
    flightRecorder: flightRecorderOf(options),
    maxBytes: maxSizeOf(options),
    senders,
    symbols: showsNames ? symbols : ofRunningProcesses(symbols),
    summary: summaryPathOf(options),
    logLevel: logLevelOf(options, options.has('verbose') ? 'debug' : 'warn'),
    commandLine: ['sonde', 'record', ...argv],
  }
}

/** Windows decide how early a recording that is killed is on disk. */
const WINDOW = milliseconds(10_000)
/** Where the size of what is written decides something, it is looked at more often. */
const WINDOW_OF_SIZES = milliseconds(1_000)

interface Parts {
  readonly tally: Tally
  readonly log: Log
  readonly cmd: RecordedCommand | undefined
  readonly interrupt: Interrupt
  readonly rotation: RotationSignal
}

async function recordWith(request: RecordRequest, log: Log): Promise<number> {
  const interrupt = new Interrupt()
  const cmd = request.command.length > 0 ? new RecordedCommand(request.command) : undefined
  const rotation = new RotationSignal()
  const parts: Parts = { tally: new Tally(), log, cmd, interrupt, rotation }
  try {
    return await recordUntilEnd(request, parts)
  } finally {
    cmd?.terminate()
    interrupt.close()
    rotation.close()
  }
}

async function recordUntilEnd(request: RecordRequest, parts: Parts): Promise<number> {
  const { tally, cmd, log, rotation } = parts
  let samplingSince = performance.now()
  const agent = await startAgent({
    ...agentOptions(request, parts),
    onSampling() {
      samplingSince = performance.now()
      cmd?.start()
    },
  })
  const isQuiet = request.options.has('quiet')
  if (!isQuiet) for (const notice of agent.notices) say('record', notice)
  const endsAt = request.duration === undefined ? undefined : samplingSince + request.duration
  const hideProgress = isQuiet
    ? () => undefined
    : showProgress({ name: 'record', figures: () => agent.progress(), endsAt })
  rotation.follow(agent, log, request.switching.interval)
  const steering = steer(agent, request, parts)
  const ending = await whatEnds(agent, parts, {
    endsAt,
    maxBytes: request.maxBytes,
    stopped: steering.stopped,
  })
  hideProgress()
  steering.close()
  cmd?.terminate()
  const end = await agent.stop()
  tell(request, tally, end)
  if (ending.by === 'failure') throw ending.error
  if (ending.by === 'size' && !isQuiet)
    say('record', `ended by --max-size ${request.options.value('max-size')}`)
  return exitCode(ending, end)
}

const agentOptions = (request: RecordRequest, { tally, log, cmd }: Parts): AgentOptions => ({
  sampling: {
    events: eventsOf(request.options),
    rate: rateOf(request.options),
    rateIsDefault: !request.options.has('freq') && !request.options.has('count'),
    backEnd: samplerOf(request.options),
    callGraph: callGraphOf(request.options),
    maxStack: maxStackOf(request.options),
    target: targetWith(request.target, cmd, request.delay !== undefined),
    beginsPaused: request.delay !== undefined,
    commandLine: request.commandLine,
    window:
      request.maxBytes === undefined && request.switching.bytes === undefined ? WINDOW : WINDOW_OF_SIZES,
    ringBytes: undefined,
    duration: request.duration,
    filter: request.filter,
    missingCgroups: 'refused',
  },
  consumers: async () => [
    ...(await buildersFor(request.outputs, request.switching)),
    ...(await senderBuilders(request.senders)),
  ],
  symbols: request.symbols,
  services: DEFAULT_SERVICE_POLICY,
  dataDirectory: process.cwd(),
  lockDirectory: false,
  children: 'commands',
  flightRecorder: request.flightRecorder,
  lockDown: request.options.has(LOCK_DOWN_OPTION.long),
  // Root without capabilities writes where everybody, or the owner of its own files, may.
  onLockedDown: () => checkPlaces(request.outputs, request.summary),
  observe: (batch) => tally.add(batch),
  log: log.write,
  environment: request.senders.environment,
  version: VERSION,
})

/** A command's events would begin with its exec; those of its process, which waits for it, do when they are enabled. */
function targetWith(
  choice: TargetChoice,
  cmd: RecordedCommand | undefined,
  beginsPaused: boolean,
): SampleTarget {
  if (choice.kind !== 'cmd') return choice
  if (cmd === undefined) throw new Error('a command is to be sampled, and there is none')
  if (beginsPaused) return { kind: 'processes', pids: [cmd.pid], inherit: choice.inherit }
  return { kind: 'command', pid: cmd.pid, inherit: choice.inherit }
}

type Ending =
  | { readonly by: 'command'; readonly end: CommandEnd }
  | { readonly by: 'target' | 'duration' | 'interrupt' | 'size' }
  | { readonly by: 'failure'; readonly error: unknown }

interface Limits {
  readonly endsAt: number | undefined
  readonly maxBytes: number | undefined
  /** Resolves when --control says stop. */
  readonly stopped: Promise<void>
}

/** What says from now on when samples are taken. */
function steer(
  agent: Agent,
  { delay = [], control, options }: RecordRequest,
  { log }: Parts,
): { readonly stopped: Promise<void>; close(): void } {
  const stop = Promise.withResolvers<void>()
  const failed = (error: unknown): void => log.write('error', messageOf(error))
  const leaveDelay = followDelay(delay, {
    enable: () => void agent.resume().catch(failed),
    disable: () => void agent.pause().catch(failed),
  })
  const controlled = {
    enable: () => agent.resume(),
    disable: () => agent.pause(),
    snapshot: () => agent.rotate(),
    stop: () => stop.resolve(),
    evlist: (detail: string) => process.stdout.write(`${eventLines(options, detail).join('\n')}\n`),
  }
  const taken = control && new Control(control, controlled, log)
  return {
    stopped: stop.promise,
    close() {
      leaveDelay()
      taken?.close()
    },
  }
}

/** As perf lists them. */
function eventLines(options: ParsedOptions, detail: string): readonly string[] {
  const rate = rateOf(options)
  const told =
    rate.by === 'frequency' ? `sample_freq=${rate.hertz}` : `sample_period=${rate.period.toString()}`
  return eventsOf(options).map((event) => {
    const text = typeof event === 'string' ? event : event.text
    return detail === '-v' || detail === '-F' ? `${text}: ${told}` : text
  })
}

/** Waits for whatever ends the recording first. */
function whatEnds(
  agent: Agent,
  { cmd, interrupt }: Parts,
  { endsAt, maxBytes, stopped }: Limits,
): Promise<Ending> {
  const ended = (by: 'target' | 'duration' | 'interrupt' | 'size') => (): Ending => ({ by })
  const commandEnded = async (): Promise<Ending> => {
    const end = await (cmd?.ended ?? new Promise<never>(() => undefined))
    return { by: 'command', end }
  }
  const waits: Promise<Ending>[] = [
    // A command that is sampled itself has gone as a target, too: its exit status counts.
    agent.ended.then(cmd === undefined ? ended('target') : commandEnded),
    interrupt.asked.then(ended('interrupt')),
    stopped.then(ended('interrupt')),
    commandEnded(),
  ]
  if (endsAt !== undefined) waits.push(sleepUntil(endsAt).then(ended('duration')))
  const size = maxBytes === undefined ? undefined : new SizeLimit(agent, maxBytes)
  if (size !== undefined) waits.push(size.reached.then(ended('size')))
  const first = Promise.race(waits).finally(() => size?.close())
  return first.catch((error: unknown): Ending => ({ by: 'failure', error }))
}

const sleepUntil = (time: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now())))

function tell(request: RecordRequest, tally: Tally, end: RunEnd): void {
  for (const problem of end.problems) say('record', problem)
  if (!request.options.has('quiet')) {
    sayRemarks('record', end.remarks)
    const stacks = stackText(tally.stacks())
    if (stacks !== undefined) say('record', `stacks: ${stacks}`)
    say('record', closingLine(tally, end))
  }
  writeSummary(request.summary, () =>
    summaryOf({ tally, consumers: end.consumers, processStart: processStart(), now: new Date() }),
  )
}

function exitCode(ending: Exclude<Ending, { by: 'failure' }>, end: RunEnd): number {
  const own = end.problems.length > 0 ? FAILURE : DONE
  switch (ending.by) {
    case 'command':
      return exitCodeOf(ending.end) || own
    case 'target':
    case 'duration':
    case 'interrupt':
    case 'size':
      return own
  }
}
