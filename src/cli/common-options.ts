// Options that several commands have, written once.

import { LOG_LEVELS, type LogLevel } from '../core/consumer-context.ts'
import { UsageError } from '../core/errors.ts'
import type { Milliseconds } from '../core/units.ts'
import { durationOf } from './arguments.ts'
import type { Option, ParsedOptions } from './options.ts'

export const SUMMARY_OPTION: Option = {
  long: 'summary',
  value: 'FILE',
  help: 'Writes the closing figures as JSON (docs/summary.md)',
}

export const summaryPathOf = (options: ParsedOptions): string | undefined =>
  options.value(SUMMARY_OPTION.long)

export const DURATION_OPTION: Option = {
  long: 'duration',
  value: 'D',
  help: 'Ends after 30s, 1m, 500ms …; a bare number is seconds (default: never)',
}

/** @throws UsageError */
export function durationLimitOf(options: ParsedOptions): Milliseconds | undefined {
  const text = options.value(DURATION_OPTION.long)
  return text === undefined ? undefined : durationOf(text, options.nameOf(DURATION_OPTION.long))
}

export const LOCK_DOWN_OPTION: Option = {
  long: 'lock-down',
  help: 'Drops every capability for good once sampling has begun, and says what then stops working',
}

export const logLevelOption = (otherwise: LogLevel): Option => ({
  long: 'log-level',
  value: 'LEVEL',
  help: LOG_LEVELS.map((level) => (level === otherwise ? `${level} (default)` : level)).join(', '),
})

/** @throws UsageError */
export function logLevelOf(options: ParsedOptions, otherwise: LogLevel): LogLevel {
  const text = options.value('log-level')
  const level = LOG_LEVELS.find((each) => each === (text ?? otherwise))
  if (level !== undefined) return level
  throw new UsageError(`${options.nameOf('log-level')} ${text}: expected ${LOG_LEVELS.join(', ')}.`)
}

export const dataDirectoryOption = (what: string): Option => ({
  long: 'data-directory',
  value: 'DIR',
  help: `${what} (default /var/lib/sonde where it exists, else ./sonde-out)`,
})

/** @throws UsageError */
export function dataDirectoryOf(options: ParsedOptions): string | undefined {
  const directory = options.value('data-directory')
  if (directory === '') throw new UsageError('--data-directory is empty: name a directory.')
  return directory
}
