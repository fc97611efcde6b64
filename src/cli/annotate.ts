import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { AgentError, errnoOf, messageOf, UsageError } from '../core/errors.ts'
import { profileFormatOf } from '../formats/profile/file-names.ts'
import type { Command } from './command.ts'
import { type Option, parseOptions } from './options.ts'
import { RECORDED_OPTIONS } from './symbol-options.ts'

const OPTIONS: readonly Option[] = [
  { long: 'input', short: 'i', value: 'FILE', help: 'The perf.data file (default perf.data)' },
  // perf annotate takes no other.
  ...RECORDED_OPTIONS.filter(({ long }) => ['symfs', 'vmlinux', 'buildid-dir'].includes(long)),
]

export const annotate: Command = {
  name: 'annotate',
  summary: 'Show the instructions of a function with their samples, by perf annotate',
  usage: ['annotate [FUNCTION] [-i FILE] [-- PERF-OPTIONS]'],
  description: [
    'perf shows it, and its exit status is the one of this command: perf has to be installed (Debian: linux-perf), and objdump for\n' +
      'it (binutils). Without FUNCTION it shows all of them, the hottest first.',
  ],
  options: OPTIONS,
  examples: [
    ['sonde annotate', 'the hottest function of perf.data, and from there the others'],
    ['sonde annotate compress -i perf.data', 'one function'],
    ['sonde annotate compress -- --stdio -l', 'as text, with source lines'],
  ],
  async run(argv) {
    return runPerf(perfArguments(argv))
  },
}

/** @throws UsageError, AgentError */
export function perfArguments(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--')
  const options = parseOptions(end < 0 ? argv : argv.slice(0, end), OPTIONS)
  const file = options.value('input') ?? 'perf.data'
  const [name, ...more] = options.positionals
  if (more.length > 0) throw new UsageError(`One function at a time; '${more[0]}' is another.`)
  if (profileFormatOf(file) === 'pprof')
    throw new UsageError(`${file}: pprof keeps no samples of single instructions; perf.data does.`)
  if (!existsSync(file)) {
    throw new AgentError(
      'ANNOTATE.UNREADABLE',
      `There is no file ${file}. Name another with -i, or make one: sonde record -- CMD.`,
    )
  }
  const symbol = name === undefined ? [] : [`--symbol=${name}`]
  const given = (...names: readonly string[]) =>
    names.flatMap((each) => options.values(each).map((path) => `--${each}=${path}`))
  // The cache is an option of perf itself, before its command.
  const cache = options.values('buildid-dir').flatMap((directory) => ['--buildid-dir', directory])
  const places = given('symfs', 'vmlinux')
  return [...cache, 'annotate', '-i', file, ...places, ...symbol, ...(end < 0 ? [] : argv.slice(end + 1))]
}

/** On this terminal; resolves to perf's exit status, or to what a shell would say of its signal. */
async function runPerf(args: readonly string[]): Promise<number> {
  // perf has the terminal: what Ctrl-C means there is its affair.
  const ignore = () => undefined
  process.on('SIGINT', ignore)
  try {
    return await exitStatusOf(spawn('perf', args, { stdio: 'inherit' }))
  } catch (error) {
    throw new AgentError('ANNOTATE.NO_PERF', whyNot(error), { cause: error })
  } finally {
    process.removeListener('SIGINT', ignore)
  }
}

const exitStatusOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (status, signal) => resolve(status ?? 128 + constants.signals[signal ?? 'SIGKILL']))
  })

const whyNot = (error: unknown): string =>
  errnoOf(error) === 'ENOENT'
    ? 'perf is not installed, and shows what annotate is asked for. Debian has it in linux-perf, Ubuntu in linux-tools-generic, others in perf.'
    : `Cannot start perf: ${messageOf(error)}.`
