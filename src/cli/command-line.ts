// Words to an exit code.

import { didYouMean } from '../base/near.ts'
import { AgentError, errnoOf, messageOf, UsageError } from '../core/errors.ts'
import { COMMANDS } from './catalog.ts'
import type { Command } from './command.ts'
import { DONE, FAILURE, WRONG_USAGE } from './exit-codes.ts'
import { watchStandardStreams } from './standard-streams.ts'
import { styleFor } from './terminal.ts'

/** Never rejects. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const outputProblem = watchStandardStreams()
  const code = await runCommand(argv)
  const problem = await outputProblem()
  if (problem === undefined) return code
  process.stderr.write(`sonde: Cannot write to standard output: ${errnoOf(problem) ?? messageOf(problem)}.\n`)
  return code === DONE ? FAILURE : code
}

async function runCommand(argv: readonly string[]): Promise<number> {
  let command: Command | undefined
  try {
    const [word, ...words] = withoutAliases(argv)
    command = await commandNamed(word)
    if (asksForHelp(words)) return await (await commandNamed('help')).run([command.name])
    return await command.run(words)
  } catch (error) {
    complain(error, command)
    return error instanceof UsageError ? WRONG_USAGE : FAILURE
  }
}

/** `sonde`, `sonde -h`, `sonde --version`. */
function withoutAliases(argv: readonly string[]): readonly string[] {
  switch (argv[0]) {
    case undefined:
    case '-h':
    case '--help':
      return ['help', ...argv.slice(1)]
    case '-v':
    case '-V':
    case '--version':
      return ['version', ...argv.slice(1)]
    default:
      return argv
  }
}

async function commandNamed(word: string | undefined): Promise<Command> {
  const entry = COMMANDS.find(({ name }) => name === word)
  if (entry !== undefined) return entry.load()
  const names = COMMANDS.map(({ name }) => name)
  throw new UsageError(`There is no command '${word}'${didYouMean(word ?? '', names)}.`)
}

/** Before `--`: what stands behind belongs to the command that is recorded. */
function asksForHelp(words: readonly string[]): boolean {
  const first = words[0]
  return first === '-h' || first === '--help'
}

function complain(error: unknown, command: Command | undefined): void {
  const style = styleFor(process.stderr)
  const subject = command === undefined ? 'sonde' : `sonde ${command.name}`
  process.stderr.write(`${style.red(`${subject}:`)} ${messageOf(error)}\n`)
  if (error instanceof UsageError) {
    const usage = command?.usage[0] ?? 'COMMAND [OPTIONS]'
    const help = command === undefined ? 'sonde --help' : `sonde ${command.name} --help`
    process.stderr.write(`Usage: sonde ${usage}   (more: ${help})\n`)
  } else if (process.env.SONDE_DEBUG !== undefined || !(error instanceof AgentError)) {
    process.stderr.write(debugText(error))
  }
}

/** The stack is for whoever repairs Sonde. */
function debugText(error: unknown): string {
  if (process.env.SONDE_DEBUG === undefined) {
    return 'This is a defect of Sonde: please report it with what SONDE_DEBUG=1 prints.\n'
  }
  const stack = error instanceof Error ? (error.stack ?? '') : String(error)
  const cause =
    error instanceof Error && error.cause !== undefined ? `caused by: ${String(error.cause)}\n` : ''
  return `${stack}\n${cause}`
}
