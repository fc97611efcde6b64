import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { AgentError, errnoOf, messageOf } from '../../core/errors.ts'
import type { ByteSource } from '../../formats/perf-data/reader.ts'

/** A file's bytes. Its size is what it was when it was opened: a recording may be under way in it. */
export interface FileSource extends ByteSource {
  close(): void
}

export function openFileSource(path: string): FileSource {
  const fd = openFile(path)
  const { size } = fstatSync(fd)
  return {
    name: path,
    size,
    read(offset, length) {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)))
      let done = 0
      while (done < bytes.length) {
        const count = readSync(fd, bytes, done, bytes.length - done, offset + done)
        if (count === 0) break
        done += count
      }
      return bytes.subarray(0, done)
    },
    close: () => closeSync(fd),
  }
}

function openFile(path: string): number {
  try {
    const fd = openSync(path, 'r')
    if (fstatSync(fd).isFile()) return fd
    closeSync(fd)
  } catch (error) {
    const why =
      errnoOf(error) === 'ENOENT'
        ? `there is no such file. Check the name, or make one: sonde record -o ${path}`
        : messageOf(error)
    throw new AgentError('REPLAY.CANNOT_OPEN', `Cannot read ${path}: ${why}.`, { cause: error })
  }
  throw new AgentError('REPLAY.CANNOT_OPEN', `Cannot read ${path}: it is not a regular file.`)
}
