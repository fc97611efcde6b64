import { chooseDataDirectory } from '../config/data-directory.ts'
import { AgentError, UsageError } from '../core/errors.ts'
import type { Status } from '../core/status.ts'
import { askAgent } from './ask-agent.ts'
import { say } from './closing.ts'
import type { Command } from './command.ts'
import { dataDirectoryOf, dataDirectoryOption } from './common-options.ts'
import { DONE, FAILURE } from './exit-codes.ts'
import { type Option, parseOptions } from './options.ts'
import { notInForce } from './status-check.ts'
import { statusText } from './status-text.ts'
import { styleFor } from './terminal.ts'

const CHECK_OPTION: Option = {
  long: 'check',
  help: 'Says only what was asked for and is not in force; exit status 1 where there is such a thing',
}

const OPTIONS: readonly Option[] = [
  CHECK_OPTION,
  { long: 'json', help: 'Prints the answer as the agent gives it (docs/status.md)' },
  dataDirectoryOption('The one of the agent that is asked'),
]

export const status: Command = {
  name: 'status',
  summary: 'Ask the running agent what it samples, what has arrived and what goes wrong',
  usage: ['status [--check | --json] [--data-directory DIR]'],
  description: [
    'Asks the agent that runs with the data directory, over a socket in it that only its owner and root may open. Figures count\n' +
      'closed windows. Exit status 1 where no agent answers; trouble of a consumer is not one.',
    '--check is for a readiness probe: a configuration that is not valid or cannot be sampled, or a filter that could not be set.',
  ],
  options: OPTIONS,
  examples: [
    ['sonde status', 'since when it runs, its sessions, its consumers'],
    ['sonde status --json | jq .consumers', 'for scripts'],
  ],
  async run(argv) {
    const options = parseOptions(argv, OPTIONS)
    const [stray] = options.positionals
    if (stray !== undefined) throw new UsageError(`sonde status takes no '${stray}'.`)
    const directory = chooseDataDirectory(dataDirectoryOf(options))
    if (options.has(CHECK_OPTION.long) && options.has('json')) {
      throw new UsageError('sonde status takes --check or --json, not both.')
    }
    const answer = await askAgent(directory)
    if (options.has(CHECK_OPTION.long)) return check(parsed(answer, directory))
    const style = styleFor(process.stdout)
    process.stdout.write(
      options.has('json') ? answer : statusText(parsed(answer, directory), { now: new Date(), style }),
    )
    return DONE
  },
}

function check(status: Status): number {
  const lines = notInForce(status)
  for (const line of lines) say('status', line)
  return lines.length > 0 ? FAILURE : DONE
}

/** Fields are only added, so that an older Sonde reads a newer agent. */
function parsed(answer: string, directory: string): Status {
  try {
    const { version } = JSON.parse(answer) as { readonly version?: unknown }
    if (version === 1) return JSON.parse(answer) as Status
  } catch {
    // Said below.
  }
  throw new AgentError(
    'STATUS.NOT_UNDERSTOOD',
    `The agent of ${directory} answers in a form that this Sonde does not know: use the version that it runs, or --json.`,
  )
}
