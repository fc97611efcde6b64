// Runs the programs of Debian that make a kernel bootable; each is bounded.

import { spawnSync } from 'node:child_process'

const LIMIT_MS = 300_000

export interface ProgramOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly input?: Uint8Array
}

/** What the program printed. Throws with its last words when it fails or takes more than five minutes. */
export function outputOf(command: string, args: readonly string[], options: ProgramOptions = {}): Buffer {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    maxBuffer: 1 << 28,
    timeout: LIMIT_MS,
    ...options,
  })
  if (error !== undefined) throw new Error(`${command}: ${error.message}`)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${lastLine(stderr.toString())}`)
  return stdout
}

export const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''
