import { resolve } from 'node:path'
import { AgentError, UsageError } from '../core/errors.ts'
import { DEFAULT_SERVICE_POLICY } from '../core/service-policy.ts'
import { replayFile } from '../replay-run.ts'
import { closingLine, IN_RINGS, say, sayRemarks, writeSummary } from './closing.ts'
import type { Command } from './command.ts'
import { logLevelOf, logLevelOption, SUMMARY_OPTION, summaryPathOf } from './common-options.ts'
import { DONE, FAILURE } from './exit-codes.ts'
import { Interrupt } from './interrupt.ts'
import { openLog } from './log.ts'
import { type Option, type ParsedOptions, parseOptions } from './options.ts'
import { buildersFor, checkPlaces, FORMATS_HELP, NO_ROTATION, type Output, outputsOf } from './outputs.ts'
import { SELECTION_OPTIONS, selectionOf } from './selection-options.ts'
import { SENDING_OPTIONS, type Senders, senderBuilders, sendersOf, usableSenders } from './senders.ts'
import { summaryOf } from './summary.ts'
import { COMPRESSION_OPTION, compressionLevelOf } from './switching-options.ts'
import { RECORDED_OPTIONS, recordedSymbolPolicyOf, SYMBOL_OPTIONS } from './symbol-options.ts'
import { Tally } from './tally.ts'
import { VERSION } from './version.ts'

const OPTIONS: readonly Option[] = [
  {
    long: 'output',
    short: 'o',
    value: 'FILE',
    multiple: true,
    help: `${FORMATS_HELP}; several may be given`,
  },
  COMPRESSION_OPTION,
  ...SELECTION_OPTIONS,
  ...SENDING_OPTIONS,
  ...SYMBOL_OPTIONS,
  ...RECORDED_OPTIONS,
  SUMMARY_OPTION,
  logLevelOption('warn'),
]

export const convert: Command = {
  name: 'convert',
  summary: 'Make other formats of perf.data files, or cut, filter and join them',
  usage: [
    'convert FILE.data…|- [--time START,END] [--include MATCH]… -o FILE [-o FILE]…',
    'convert FILE.data… --otlp-profiles-endpoint URL',
  ],
  description: [
    'Several files of one machine are joined by time; equal events of theirs become one. A new perf.data file holds what\n' +
      'Sonde records: samples with stacks, processes, losses. What it has no place for is said once.',
    'Functions are named by files whose build ids are the recorded ones: of this machine, below --symfs, in perf’s cache, of\n' +
      'debuginfod servers. Kernel functions: where the recorded kernel runs here, or by --kallsyms, --vmlinux or a vmlinux of\n' +
      'its build id. Everything else is shown as module and offset; what and why is said once.',
  ],
  options: OPTIONS,
  examples: [
    ['sonde convert perf.data -o profile.html', 'a flame graph'],
    ['sonde convert perf.data -o a.pb.gz -o a.folded', 'two formats at once'],
    ['perf record -o - -g -- make | sonde convert - -o profile.html', 'of what perf pipes in'],
    ['sonde convert perf.data --time 12.5,13 --include comm=nginx -o part.data', 'half a second of nginx'],
    ['sonde convert perf-*.data -o all.data', 'rotated files as one'],
    ['sonde convert perf.data --otlp-profiles-endpoint http://localhost:4318', 'to a collector'],
  ],
  async run(argv) {
    const options = parseOptions(argv, OPTIONS)
    // What the environment says is about live profiles: a file is sent when somebody says so.
    const senders = sendersOf(options, process.env, 'do not count')
    const inputs = inputsOf(options)
    const outputs = profileOutputs(options, { inputs, senders })
    checkPlaces(outputs, summaryPathOf(options))
    return convertFiles(inputs, { outputs, senders }, options)
  },
}

function inputsOf({ positionals }: ParsedOptions): readonly string[] {
  if (positionals.length === 0) throw new UsageError('Which file is to be converted?')
  return positionals
}

function profileOutputs(
  options: ParsedOptions,
  { inputs, senders }: { readonly inputs: readonly string[]; readonly senders: Senders },
): readonly Output[] {
  if (!options.has('output') && senders.types.length === 0)
    throw new UsageError('Where to? -o FILE says it, and the format with it.')
  const outputs = outputsOf(options.values('output'))
  const own = outputs.find(({ path }) => inputs.some((input) => resolve(input) === resolve(path)))
  if (own !== undefined) throw new UsageError(`-o ${own.path}: that is what is read. Choose another name.`)
  return outputs
}

const interrupted = (): AgentError =>
  new AgentError('CONVERT.INTERRUPTED', 'Interrupted: nothing was written.')

interface Targets {
  readonly outputs: readonly Output[]
  readonly senders: Senders
}

async function convertFiles(
  files: readonly string[],
  { outputs, senders }: Targets,
  options: ParsedOptions,
): Promise<number> {
  const log = openLog(logLevelOf(options, 'warn'))
  const symbols = recordedSymbolPolicyOf(options)
  const compressionLevel = compressionLevelOf(options)
  const showsNames = outputs.some(({ format }) => format !== 'perf_data') || senders.types.length > 0
  const tally = new Tally()
  const interrupt = new Interrupt()
  const stopped = new AbortController()
  void interrupt.asked.then(() => stopped.abort(interrupted()))
  try {
    const end = await replayFile({
      files,
      selection: selectionOf(options),
      rewrites: outputs.some(({ format }) => format === 'perf_data'),
      signal: stopped.signal,
      consumers: async () => [
        ...(await buildersFor(outputs, { ...NO_ROTATION, compressionLevel })),
        ...(await senderBuilders(await usableSenders(senders, { log: log.write }))),
      ],
      environment: senders.environment,
      symbols: showsNames ? symbols : undefined,
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
