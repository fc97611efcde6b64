import type { Option } from './options.ts'

/** One command of the command line. */
export interface Command {
  readonly name: string
  /** One line, for the list of commands. */
  readonly summary: string
  /** The lines behind `sonde `, for its own help and for wrong usage. */
  readonly usage: readonly string[]
  /** Paragraphs that explain what the options do not. */
  readonly description: readonly string[]
  readonly options: readonly Option[]
  readonly examples: readonly (readonly [command: string, what: string])[]
  /** Returns the exit code. */
  run(argv: readonly string[]): Promise<number>
}
