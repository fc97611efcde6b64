import { constants } from 'node:fs'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import type { ConsumerLoss } from '../../core/consumer.ts'
import { AgentError, errnoOf, messageOf } from '../../core/errors.ts'

/** The ending of a file under way. */
export const PART = '.part'

export interface WholeFileOptions {
  readonly mode: number
  /** Whether a file of that name becomes `<path>.old` first, as perf does. */
  readonly keepOld: boolean
  /** While the file is locked it is known to be somebody's. */
  readonly tryLock: (fd: number) => boolean
}

/** Writes `<path>.part` and renames it: nobody sees half a file under its name, and a failure leaves none. */
export async function writeFileWhole(
  path: string,
  bytes: Uint8Array,
  { mode, keepOld, tryLock }: WholeFileOptions,
): Promise<void> {
  const part = path + PART
  const handle = await createAnew(part, mode, tryLock)
  try {
    await handle.chmod(mode) // whatever the umask is
    await handle.writeFile(bytes)
    await handle.datasync()
    if (keepOld) await becomeOld(path)
    await rename(part, path)
  } catch (error) {
    await unlink(part).catch(() => undefined)
    throw error
  } finally {
    await handle.close()
  }
}

/** What a killed process left under the name goes, what a living one writes stays; a link is not followed. */
async function createAnew(
  path: string,
  mode: number,
  tryLock: WholeFileOptions['tryLock'],
): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  if (!(await removeAbandoned(path, tryLock))) throw new Error(`another process writes ${path}`)
  const handle = await open(path, flags, mode)
  tryLock(handle.fd)
  return handle
}

/** Removes the `.part` of a process that is gone. False where a living one holds it. */
export async function removeAbandoned(path: string, tryLock: WholeFileOptions['tryLock']): Promise<boolean> {
  let handle: FileHandle
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true
    throw error
  }
  try {
    if (!tryLock(handle.fd)) return false
    await unlink(path)
    return true
  } finally {
    await handle.close()
  }
}

/** A file of that name becomes `<path>.old`; there may be none. */
export async function becomeOld(path: string): Promise<void> {
  try {
    await rename(path, `${path}.old`)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

/** The reason for the books, and the error for people. */
export function writeProblem(
  error: unknown,
  path: string,
): { readonly reason: ConsumerLoss; readonly error: AgentError } {
  if (error instanceof AgentError) return { reason: 'encoder_failed', error }
  const code = errnoOf(error)
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  const remedy = isFull ? 'Free space, or lower maxTotalBytes.' : 'Check the file system and the permissions.'
  const message = `Cannot write ${path}: ${messageOf(error)}. ${remedy}`
  return {
    reason: isFull ? 'disk_full' : 'write_failed',
    error: new AgentError('FILES.WRITE_FAILED', message, { cause: error }),
  }
}
