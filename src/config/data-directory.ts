// Where the agent writes, and that it is the only one there.

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { makeDirectory } from '../base/make-directory.ts'
import { AgentError, errnoOf, messageOf } from '../core/errors.ts'

const SYSTEM_DIRECTORY = '/var/lib/sonde'
const LOCAL_DIRECTORY = 'sonde-out'
const LOCK_FILE = '.lock'

/** The one asked for; else the system's where it exists; else one below the working directory. */
export const chooseDataDirectory = (asked: string | undefined): string =>
  resolve(asked ?? (existsSync(SYSTEM_DIRECTORY) ? SYSTEM_DIRECTORY : LOCAL_DIRECTORY))

/** Held as long as the descriptor is open. The kernel lets go when the process ends, however it ends. */
export interface DirectoryLock {
  release(): void
}

/**
 * Makes the directory and takes its lock.
 * @param tryLock locks an open file; false when another process holds it
 * @throws AgentError `AGENT.DIRECTORY_IN_USE`, `AGENT.NO_DIRECTORY`
 */
export async function lockDataDirectory(
  directory: string,
  tryLock: (fd: number) => boolean,
): Promise<DirectoryLock> {
  const path = join(directory, LOCK_FILE)
  const fd = await openLock(directory, path)
  if (!tryLock(fd)) {
    closeSync(fd)
    throw new AgentError(
      'AGENT.DIRECTORY_IN_USE',
      `Another agent${holderOf(path)} writes to ${directory}.\nStop it, or give this one another directory: --data-directory DIR.`,
    )
  }
  ftruncateSync(fd)
  writeSync(fd, `${process.pid}\n`, 0)
  let held = true
  return {
    release() {
      if (held) closeSync(fd)
      held = false
    },
  }
}

/**
 * Whether files can be made there by who this process is now.
 * @throws AgentError `AGENT.NO_DIRECTORY`
 */
export function checkDataDirectory(directory: string): void {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw cannotWrite(directory, errnoOf(error) ?? messageOf(error), error)
  }
}

async function openLock(directory: string, path: string): Promise<number> {
  try {
    await makeDirectory(directory, 0o700)
    // Not truncated: until the lock is ours, the number in it is the holder's.
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  } catch (error) {
    const code = errnoOf(error)
    const why = code === 'ENOENT' ? 'it cannot be made there (ENOENT)' : (code ?? messageOf(error))
    throw cannotWrite(directory, why, error)
  }
}

const cannotWrite = (directory: string, why: string, cause: unknown): AgentError =>
  new AgentError(
    'AGENT.NO_DIRECTORY',
    `Cannot write to the data directory ${directory}: ${why}.\nChoose another: --data-directory DIR.`,
    { cause },
  )

function holderOf(path: string): string {
  const pid = readFileSync(path, 'utf8').trim()
  return /^\d+$/.test(pid) ? ` (pid ${pid})` : ''
}
