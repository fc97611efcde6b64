/**
 * A failure of the outside world: it says what was tried, what is wrong and what to do, in one or two lines.
 * `code` is stable (`ROOM.WHAT_HAPPENED`) and meant for machines; broken invariants are plain Errors instead.
 */
export class AgentError extends Error {
  override readonly name = 'AgentError'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Wrong words on the command line: reported with the usage line, exit code 2. */
export class UsageError extends AgentError {
  constructor(message: string) {
    super('CLI.USAGE', message)
  }
}

/** The message of anything thrown. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown)

/** The errno name (`ENOSPC`, …) of a system error, if it is one. */
export function errnoOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' ? thrown.code : undefined
}
