import { replayFile } from '../agent.ts'
import { AgentError, UsageError } from '../core/errors.ts'
import { DEFAULT_SERVICE_POLICY } from '../core/service-policy.ts'
import { closingLine, IN_RINGS, say, sayRemarks, writeSummary } from './closing.ts'
import type { Command } from './command.ts'
import { logLevelOf, logLevelOption, SUMMARY_OPTION, summaryPathOf } from './common-options.ts'
import { DONE, FAILURE } from './exit-codes.ts'
import { Interrupt } from './interrupt.ts'
import { openLog } from './log.ts'
import { type Option, type ParsedOptions, parseOptions } from './options.ts'
import { buildersFor, checkPlaces, type Output, outputsOf } from './outputs.ts'
import { SENDING_OPTIONS, type Senders, senderBuilders, sendersOf, usableSenders } from './senders.ts'
import { summaryOf } from './summary.ts'
import { RECORDED_OPTIONS, recordedSymbolPolicyOf, SYMBOL_OPTIONS } from './symbol-options.ts'
import { Tally } from './tally.ts'
import { VERSION } from './version.ts'

const OPTIONS: readonly Option[] = [
  {
    long: 'output',
    short: 'o',
    value: 'FILE',
    multiple: true,
    help: 'FILE.pb.gz (pprof), .folded, .speedscope.json or .html (flame graph); several may be given',
  },
  ...SENDING_OPTIONS,
  ...SYMBOL_OPTIONS,
  ...RECORDED_OPTIONS,
  SUMMARY_OPTION,
  logLevelOption('warn'),
]

export const convert: Command = {
  name: 'convert',
  summary: 'Make pprof, folded stacks, speedscope or a flame graph of a perf.data file of Sonde or perf',
  usage: ['convert FILE.data|- -o FILE [-o FILE]…', 'convert FILE.data --otlp-profiles-endpoint URL'],
  description: [
    'Functions are named by the files of this machine whose build ids are the recorded ones, and kernel functions if the\n' +
      'recorded kernel runs here. Everything else is shown as module and offset; what and why is said once.',
  ],
  options: OPTIONS,
  examples: [
    ['sonde convert perf.data -o profile.html', 'a flame graph'],
    ['sonde convert perf.data -o a.pb.gz -o a.folded', 'two formats at once'],
    ['perf record -o - -g -- make | sonde convert - -o profile.html', 'of what perf pipes in'],
    ['sonde convert perf.data --otlp-profiles-endpoint http://localhost:4318', 'to a collector'],
  ],
  async run(argv) {
    const options = parseOptions(argv, OPTIONS)
    // What the environment says is about live profiles: a file is sent when somebody says so.
    const senders = sendersOf(options, process.env, 'do not count')
    const outputs = profileOutputs(options, senders)
    checkPlaces(outputs, summaryPathOf(options))
    return convertFile(inputOf(options), { outputs, senders }, options)
  },
}

function inputOf({ positionals }: ParsedOptions): string {
  const [file, ...more] = positionals
  if (file === undefined) throw new UsageError('Which file is to be converted?')
  if (more.length > 0) throw new UsageError(`One file at a time; '${more[0]}' is another.`)
  return file
}

function profileOutputs(options: ParsedOptions, senders: Senders): readonly Output[] {
  if (!options.has('output') && senders.types.length === 0)
    throw new UsageError('Where to? -o FILE says it, and the format with it.')
  const outputs = outputsOf(options.values('output'))
  const data = outputs.find(({ format }) => format === 'perf_data')
  if (data !== undefined)
    throw new UsageError(`-o ${data.path}: a perf.data file is what convert reads, not what it writes.`)
  return outputs
}

const interrupted = (): AgentError =>
  new AgentError('CONVERT.INTERRUPTED', 'Interrupted: nothing was written.')

interface Targets {
  readonly outputs: readonly Output[]
  readonly senders: Senders
}

async function convertFile(
  file: string,
  { outputs, senders }: Targets,
  options: ParsedOptions,
): Promise<number> {
  const log = openLog(logLevelOf(options, 'warn'))
  const tally = new Tally()
  const interrupt = new Interrupt()
  const stopped = new AbortController()
  void interrupt.asked.then(() => stopped.abort(interrupted()))
  try {
    const end = await replayFile({
      file,
      signal: stopped.signal,
      consumers: async () => [
        ...(await buildersFor(outputs)),
        ...(await senderBuilders(await usableSenders(senders, { log: log.write }))),
      ],
      environment: senders.environment,
      symbols: recordedSymbolPolicyOf(options),
      services: DEFAULT_SERVICE_POLICY,
      dataDirectory: process.cwd(),
      observe: (batch) => tally.add(batch),
      log: log.write,
      version: VERSION,
    })
    for (const problem of end.problems) say('convert', problem)
    sayRemarks('convert', end.remarks)
    say('convert', closingLine(tally, end, IN_RINGS))
    writeSummary(summaryPathOf(options), () =>
      summaryOf({ tally, consumers: end.consumers, processStart: undefined, now: new Date() }),
    )
    return end.problems.length > 0 ? FAILURE : DONE
  } finally {
    interrupt.close()
    await log.flush()
  }
}
