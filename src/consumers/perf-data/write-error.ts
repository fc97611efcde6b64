// Why a file could not be written, and what helps.

import { AgentError, errnoOf, messageOf } from '../../core/errors.ts'
import type { Destination } from './destination.ts'

/** `where`: what could not be written. */
export function writeError(error: unknown, where: string, { rotates }: Destination): unknown {
  const code = errnoOf(error)
  if (error instanceof AgentError || code === undefined) return error
  const full = code === 'ENOSPC' || code === 'EDQUOT'
  const room = rotates ? 'Free space, or lower maxTotalBytes' : 'Free space, or choose another place'
  const remedy = full ? room : 'Check the file system and the permissions'
  // Without the system call and the path that Node puts behind it.
  const why = messageOf(error).replace(/, \w+(?: '.*')?$/s, '')
  const message = `Cannot write ${where}: ${why}. ${remedy}; writing resumes by itself.`
  return new AgentError('PERF_DATA.WRITE_FAILED', message, { cause: error })
}
