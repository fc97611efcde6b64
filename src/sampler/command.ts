// A command that Sonde starts, so that it is sampled from its first instruction.

import { AgentError } from '../core/errors.ts'
import type { NativeAddon, NativeCommand } from '../native/binding.ts'
import { explaining, isNativeError } from './native-errors.ts'

export interface CommandEnd {
  readonly status: number
  /** 0 where no signal killed it. */
  readonly signal: number
}

/** As a shell reports it. */
export const exitCodeOf = (end: CommandEnd): number => (end.signal === 0 ? end.status : 128 + end.signal)

/** Makes the process, which waits for `startCommand` before it becomes the command. */
export const prepareCommand = (addon: NativeAddon, argv: readonly string[]): NativeCommand =>
  explaining(`run ${argv[0] ?? ''}`, () => addon.prepareCommand(argv))

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'no such command',
  EACCES: 'permission denied, or not executable',
  ENOEXEC: 'not an executable file',
}

/** @throws AgentError `COMMAND.FAILED` when it cannot be executed */
export function startCommand(command: NativeCommand, argv: readonly string[]): void {
  try {
    command.start()
  } catch (error) {
    const why = isNativeError(error) ? (WHY[error.code] ?? error.code) : String(error)
    throw new AgentError('COMMAND.FAILED', `Cannot run ${argv[0] ?? ''}: ${why}.`, { cause: error })
  }
}
