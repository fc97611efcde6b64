// Command-line options: described once, for parsing and for help.

import { parseArgs } from 'node:util'
import { didYouMean } from '../base/near.ts'
import { UsageError } from '../core/errors.ts'

export interface Option {
  /** Without dashes. */
  readonly long: string
  readonly short?: string
  /** What stands for the value in help; an option without it is a flag. */
  readonly value?: string
  /** What it means without a value, which can only be given behind `=` then. */
  readonly valueless?: string
  /** A flag that may also be given as `=true` or `=false`; the last one counts. */
  readonly toggle?: boolean
  /** May be given several times. */
  readonly multiple?: boolean
  readonly help: string
}

export interface ParsedOptions {
  has(long: string): boolean
  /** The value of an option that may stand once. */
  value(long: string): string | undefined
  values(long: string): readonly string[]
  /** How it was spelled, for messages. */
  nameOf(long: string): string
  readonly positionals: readonly string[]
  /** Every option as it stood, for those that are about the one before them. */
  readonly inOrder: readonly { readonly long: string; readonly value: string }[]
}

export const HELP_OPTION: Option = { long: 'help', short: 'h', help: 'Show this help' }

/**
 * Reads options and positionals, in any order; everything behind `--` is positional.
 * @throws UsageError
 */
export function parseOptions(argv: readonly string[], options: readonly Option[]): ParsedOptions {
  const found = new Map<string, string[]>()
  const positionals: string[] = []
  const inOrder: { long: string; value: string }[] = []
  for (const token of tokensOf(argv, options)) {
    switch (token.kind) {
      case 'option': {
        const option = optionOf(token, options)
        const values = found.get(option.long) ?? []
        if (values.length > 0 && option.value !== undefined && option.multiple !== true) {
          throw new UsageError(`${token.rawName} may be given once.`)
        }
        const value = argumentOf(token, option)
        found.set(option.long, [...values, value])
        inOrder.push({ long: option.long, value })
        break
      }
      case 'positional':
        positionals.push(token.value)
        break
      case 'option-terminator':
        break
    }
  }
  return {
    has: (long) => found.has(long),
    value: (long) => found.get(long)?.at(-1),
    values: (long) => found.get(long) ?? [],
    nameOf: (long) => `--${long}`,
    positionals,
    inOrder,
  }
}

/** Splits before the first word that is no option: from there on it is a command, whose options are its own. */
export function splitCommand(
  argv: readonly string[],
  options: readonly Option[],
): { readonly own: readonly string[]; readonly command: readonly string[] } {
  const end = tokensOf(argv, options).find((token) => token.kind !== 'option')
  if (end === undefined) return { own: argv, command: [] }
  return {
    own: argv.slice(0, end.index),
    command: argv.slice(end.kind === 'option-terminator' ? end.index + 1 : end.index),
  }
}

/** `-z3` is `--compression-level=3`, as perf reads it; parseArgs takes a value that may be missing for more flags. */
function spelledOut(word: string, options: readonly Option[]): string {
  const attached = /^-([a-z])=?(\d+)$/i.exec(word)
  const option = options.find(({ short, valueless }) => short === attached?.[1] && valueless !== undefined)
  return attached === null || option === undefined ? word : `--${option.long}=${attached[2]}`
}

/** Not strict, so that the messages are ours. */
const tokensOf = (argv: readonly string[], options: readonly Option[]) =>
  parseArgs({
    args: argv.map((word) => spelledOut(word, options)),
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      options.map(({ long, short, value, valueless }) => [
        long,
        {
          type: value === undefined || valueless !== undefined ? ('boolean' as const) : ('string' as const),
          ...(short === undefined ? {} : { short }),
        },
      ]),
    ),
  }).tokens

type Token = ReturnType<typeof tokensOf>[number]
type OptionToken = Extract<Token, { kind: 'option' }>

function optionOf(token: OptionToken, options: readonly Option[]): Option {
  const option = options.find(({ long }) => long === token.name)
  if (option !== undefined) return option
  const near =
    token.name.length > 1
      ? didYouMean(
          token.name,
          options.map(({ long }) => long),
        )
      : ''
  throw new UsageError(`There is no option ${token.rawName}${near.replaceAll(/(mean | or )/g, '$1--')}.`)
}

function argumentOf(token: OptionToken, option: Option): string {
  if (option.toggle === true) return token.value ?? 'true'
  if (option.valueless !== undefined) return token.value ?? option.valueless
  if (option.value === undefined) {
    if (token.value !== undefined) throw new UsageError(`${token.rawName} takes no value.`)
    return ''
  }
  const missing = token.value === undefined || (token.inlineValue !== true && /^-[^\d]/.test(token.value))
  if (missing) throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${option.value}.`)
  return token.value ?? ''
}
