// What a perf.data file is read from.

import { AgentError } from '../../core/errors.ts'

/** Bytes that can be read anywhere: a file, or memory. */
export interface ByteSource {
  /** For messages. */
  readonly name: string
  readonly size: number
  /** `length` bytes at `offset`; fewer only where the source ends. */
  read(offset: number, length: number): Uint8Array
}

export function unreadable(source: ByteSource, why: string): AgentError {
  return new AgentError('PERF_DATA.UNREADABLE', `Cannot read ${source.name}: ${why}`)
}

export const otherFormat = (source: ByteSource): AgentError =>
  new AgentError(
    'PERF_DATA.OTHER_FORMAT',
    `Cannot read ${source.name}: it is not a perf.data file (${source.size} bytes).`,
  )
