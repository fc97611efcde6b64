import { didYouMean } from '../base/near.ts'
import { UsageError } from '../core/errors.ts'
import type { Command } from './command.ts'
import { CONFIG_COMMANDS, type ConfigCommand } from './config-commands.ts'
import { DONE } from './exit-codes.ts'
import { commandHelp } from './help.ts'
import { styleFor } from './terminal.ts'

export const config: Command = {
  name: 'config',
  summary: 'Check configurations, and convert them between YAML and base64 protobuf',
  usage: CONFIG_COMMANDS.map(({ usage }) => `config ${usage}`),
  description: CONFIG_COMMANDS.map(({ name, description }) => `${name}: ${description}`),
  options: CONFIG_COMMANDS.flatMap(({ options }) => options),
  examples: CONFIG_COMMANDS.flatMap(({ examples }) => examples),
  async run([word, ...words]) {
    const command = commandNamed(word)
    const [first] = words
    if (first === '-h' || first === '--help') {
      process.stdout.write(commandHelp(config, styleFor(process.stdout)))
      return DONE
    }
    return command.run(words)
  },
}

function commandNamed(word: string | undefined): ConfigCommand {
  const names = CONFIG_COMMANDS.map(({ name }) => name)
  if (word === undefined) throw new UsageError(`What is to be done? ${names.join(', ')} are known.`)
  const command = CONFIG_COMMANDS.find(({ name }) => name === word)
  if (command !== undefined) return command
  const known = didYouMean(word, names) || `; known are ${names.join(', ')}`
  throw new UsageError(`There is no sonde config ${word}${known}.`)
}
