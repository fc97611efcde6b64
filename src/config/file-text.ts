// The text of one file of configuration, whatever lies at its path: nothing here blocks, and nothing throws.

import { isUtf8 } from 'node:buffer'
import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, lstat, open, stat } from 'node:fs/promises'
import { errnoOf, messageOf } from '../core/errors.ts'

/** What a ConfigMap may hold, and so the longest file there is use for. */
const MAX_BYTES = 1024 * 1024

export type FileText =
  /** `written` differs whenever the file was written or replaced. */
  | { readonly is: 'text'; readonly text: string; readonly written: string }
  | { readonly is: 'unreadable'; readonly problem: string }
  | { readonly is: 'gone' }

export async function readFileText(path: string): Promise<FileText> {
  try {
    // Devices act when they are opened: only a file is.
    const problem = problemOf(await stat(path, { bigint: true }))
    if (problem !== undefined) return unreadable(problem)
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    try {
      return await textOf(handle)
    } finally {
      await handle.close()
    }
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? await goneOrBroken(path) : unreadable(unreadableBecause(error))
  }
}

async function textOf(handle: FileHandle): Promise<FileText> {
  const stats = await handle.stat({ bigint: true })
  const problem = problemOf(stats)
  if (problem !== undefined) return unreadable(problem)
  const bytes = await readUpTo(handle, MAX_BYTES + 1)
  if (bytes.length > MAX_BYTES) return unreadable(TOO_LARGE)
  if (!isUtf8(bytes)) return unreadable('is not UTF-8 text')
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '')
  if (text === '') return unreadable('is empty: delete it if nothing is wanted of it')
  return { is: 'text', text, written: `${stats.dev}:${stats.ino}:${stats.mtimeNs}:${stats.size}` }
}

async function readUpTo(handle: FileHandle, limit: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (let total = 0; total < limit; ) {
    const { bytesRead, buffer } = await handle.read({ buffer: Buffer.alloc(Math.min(65_536, limit - total)) })
    if (bytesRead === 0) break
    pieces.push(buffer.subarray(0, bytesRead))
    total += bytesRead
  }
  return Buffer.concat(pieces)
}

const TOO_LARGE = 'is larger than 1 MiB, which is as much as a ConfigMap holds'

function problemOf(stats: BigIntStats): string | undefined {
  if (stats.isDirectory()) return 'is a directory; directories in a directory of configuration are not read'
  if (stats.isFIFO()) return 'is a named pipe, not a file'
  if (stats.isSocket()) return 'is a socket, not a file'
  if (!stats.isFile()) return 'is a device, not a file'
  return stats.size > MAX_BYTES ? TOO_LARGE : undefined
}

/** A link whose target is missing is there; a file that was deleted meanwhile is not. */
async function goneOrBroken(path: string): Promise<FileText> {
  try {
    await lstat(path)
    return unreadable('is a link to something that does not exist')
  } catch {
    return { is: 'gone' }
  }
}

/** `is a loop of links`: why it could not be read. */
export function unreadableBecause(error: unknown): string {
  switch (errnoOf(error)) {
    case 'ENOTDIR':
      return 'is not a directory'
    case 'ELOOP':
      return 'is a loop of links'
    case 'EACCES':
    case 'EPERM':
      return `cannot be read by user ${process.getuid?.()} (${errnoOf(error)})`
    default:
      return `cannot be read: ${messageOf(error)}`
  }
}

const unreadable = (problem: string): FileText => ({ is: 'unreadable', problem })
