import { UsageError } from '../core/errors.ts'
import type { Command } from './command.ts'
import type { ParsedOptions } from './options.ts'

/** One word behind `sonde config`. */
export interface ConfigCommand extends Pick<Command, 'name' | 'options' | 'examples' | 'run'> {
  /** Behind `sonde config `. */
  readonly usage: string
  /** A sentence or two. */
  readonly description: string
}

/** The one word that a command takes. @throws UsageError */
export function onlyWord({ positionals }: ParsedOptions, question: string): string {
  const [word, stray] = positionals
  if (word === undefined) throw new UsageError(question)
  if (stray !== undefined) throw new UsageError(`One at a time; '${stray}' is another.`)
  return word
}
