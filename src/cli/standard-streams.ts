// Standard output and standard error that cannot be written to: a full disk, a reader who has gone.

import { errnoOf } from '../core/errors.ts'

/**
 * Keeps the process alive when a write fails. Returns what waits for the last write, and gives the first error of
 * standard output. `sonde report | head` is no error; and of standard error nobody can be told.
 */
export function watchStandardStreams(): () => Promise<Error | undefined> {
  let problem: Error | undefined
  process.stdout.on('error', (error) => {
    if (errnoOf(error) !== 'EPIPE') problem ??= error
  })
  process.stderr.on('error', () => undefined)
  return async () => {
    await new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
    return problem
  }
}
