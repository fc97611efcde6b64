import { UsageError } from '../core/errors.ts'
import { COMMANDS } from './catalog.ts'
import type { Command } from './command.ts'
import { HELP_OPTION, type Option } from './options.ts'
import { type Style, styleFor } from './terminal.ts'
import { VERSION } from './version.ts'

export const help: Command = {
  name: 'help',
  summary: 'Show help, of a command if one is named',
  usage: ['help [COMMAND]'],
  description: [],
  options: [],
  examples: [],
  async run([name]) {
    const style = styleFor(process.stdout)
    const commands = await Promise.all(COMMANDS.map(({ load }) => load()))
    const command = commands.find((each) => each.name === name)
    if (name !== undefined && command === undefined) throw new UsageError(`There is no command '${name}'.`)
    process.stdout.write(command === undefined ? overview(commands, style) : commandHelp(command, style))
    return 0
  },
}

/** What `sonde --help` shows. */
export const overview = (commands: readonly Command[], style: Style): string =>
  sections([
    `${style.bold('Sonde')} ${VERSION}, a continuous profiler for Linux.\n` +
      'Samples what every CPU is doing and names the functions. Every sample is accounted for.',
    `${style.bold('Usage:')} sonde COMMAND [OPTIONS]`,
    titled(
      'Commands',
      table(
        commands.map(({ name, summary }) => [name, summary]),
        style,
      ),
      style,
    ),
    titled(
      'To begin with',
      table(
        [
          ['sonde record -- ./program', 'a command from its first instruction, into perf.data'],
          ['sonde record -a --duration 10s -o profile.html', 'the whole machine, as a flame graph'],
          ['sonde report', 'the hottest functions of perf.data'],
          ['sonde run', 'the agent: files without end, rotated'],
          ['sonde status', 'how that agent is doing'],
        ],
        style,
      ),
      style,
    ),
    `sonde COMMAND --help explains a command. Exit status: 0 done, 1 failure, 2 wrong usage.`,
  ])

/** What `sonde COMMAND --help` shows. */
export const commandHelp = (command: Command, style: Style): string =>
  sections([
    `${style.bold(`sonde ${command.name}`)}: ${command.summary}.`,
    titled('Usage', command.usage.map((line) => `  sonde ${line}`).join('\n'), style),
    ...command.description,
    ...(command.options.length === 0
      ? []
      : [titled('Options', table(optionRows(command.options), style), style)]),
    ...(command.examples.length === 0 ? [] : [titled('Examples', table(command.examples, style), style)]),
  ])

const sections = (parts: readonly string[]): string => `${parts.join('\n\n')}\n`

const titled = (title: string, body: string, style: Style): string => `${style.bold(`${title}:`)}\n${body}`

const optionRows = (options: readonly Option[]): readonly (readonly [string, string])[] =>
  [...options, HELP_OPTION].map(({ short, long, value, valueless, multiple, help: text }) => {
    const letters = short === undefined ? '    ' : `-${short}, `
    const argument = value === undefined ? '' : valueless === undefined ? ` ${value}` : `[=${value}]`
    return [`${letters}--${long}${argument}${multiple === true ? ' …' : ''}`, text]
  })

const WIDTH = 100

/** Two columns; the right one is wrapped. */
function table(rows: readonly (readonly [string, string])[], style: Style): string {
  const left = Math.max(...rows.map(([name]) => name.length)) + 2
  return rows
    .map(([name, text]) => {
      const lines = wrapped(text, WIDTH - left - 2)
      return `  ${style.bold(name)}${' '.repeat(left - name.length)}${lines.join(`\n${' '.repeat(left + 2)}`)}`
    })
    .join('\n')
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line === undefined || line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines
}
