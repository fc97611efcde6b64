// What `sonde record` is asked for, and what that asks of an agent.

import type { AgentOptions } from '../agent.ts'
import { UsageError } from '../core/errors.ts'
import type { FlightRecorderOptions } from '../core/flight-recorder.ts'
import type { SampleFilter } from '../core/sample-filter.ts'
import { DEFAULT_SERVICE_POLICY } from '../core/service-policy.ts'
import { ofRunningProcesses, type SymbolPolicy } from '../core/symbol-policy.ts'
import { type Milliseconds, milliseconds } from '../core/units.ts'
import type { SampleTarget } from '../sampler/plan.ts'
import {
  DURATION_OPTION,
  durationLimitOf,
  LOCK_DOWN_OPTION,
  logLevelOf,
  logLevelOption,
  SUMMARY_OPTION,
  summaryPathOf,
} from './common-options.ts'
import { CONTROL_OPTION, type ControlPlace, controlOf } from './control.ts'
import { DELAY_OPTION, delayOf, type Stretch } from './delay.ts'
import { FILTER_OPTIONS, filterOf } from './filter-options.ts'
import { type Option, type ParsedOptions, parseOptions, splitCommand } from './options.ts'
import { buildersFor, checkPlaces, FORMATS_HELP, type Output, outputsOf } from './outputs.ts'
import type { RecordParts } from './record-parts.ts'
import type { RecordedCommand } from './recorded-command.ts'
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
import { SENDING_OPTIONS, type Senders, senderBuilders, sendersOf } from './senders.ts'
import {
  flightRecorderOf,
  maxSizeOf,
  SWITCHING_OPTIONS,
  type Switching,
  switchingOf,
} from './switching-options.ts'
import { SYMBOL_OPTIONS, symbolPolicyOf } from './symbol-options.ts'
import { VERSION } from './version.ts'

export const RECORD_OPTIONS: readonly Option[] = [
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

export interface RecordRequest {
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

export function requestOf(argv: readonly string[]): RecordRequest {
  const { own, command } = splitCommand(argv, RECORD_OPTIONS)
  const options = parseOptions(own, RECORD_OPTIONS)
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

export const agentOptions = (request: RecordRequest, { tally, log, cmd }: RecordParts): AgentOptions => ({
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
