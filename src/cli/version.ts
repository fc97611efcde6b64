import description from '../../package.json' with { type: 'json' }
import type { Command } from './command.ts'

export const VERSION: string = description.version

export const version: Command = {
  name: 'version',
  summary: 'Print the version',
  usage: ['version', '--version'],
  description: [],
  options: [],
  examples: [],
  async run() {
    process.stdout.write(`sonde ${VERSION}\n`)
    return 0
  },
}
