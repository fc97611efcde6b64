// The machine's /proc.

import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { MemoryReading, ProcessFiles } from './process-files.ts'

const MAX_SMALL_BYTES = 4096
const MAX_COMMAND_LINE_BYTES = 4096
const MAX_ENVIRONMENT_BYTES = 128 * 1024

/** Reading a process's memory waits for whatever that memory is mapped from, which may be the process itself (userfaultfd, FUSE). */
const READ_LIMIT_MS = 500
/** Reads that hang each hold a thread of Node's pool, which has four: with so many, no more are begun. */
const MAX_HANGING = 2

/** Reused: what is read at once is read into it. */
const small = Buffer.alloc(MAX_SMALL_BYTES)

export class ProcFiles implements ProcessFiles {
  readonly #root: string
  #hanging = 0

  constructor(root = '/proc') {
    this.#root = root
  }

  sleptFor(): bigint {
    const before = process.hrtime.bigint()
    const uptime = readFileSync(`${this.#root}/uptime`, 'latin1').split(' ')[0] ?? '0'
    const slept = BigInt(Math.round(Number(uptime) * 1e9)) - before
    return slept > 0n ? slept : 0n
  }

  stat(pid: number): string | undefined {
    return readSmall(`${this.#root}/${pid}/stat`)
  }

  cgroup(pid: number): string | undefined {
    return readSmall(`${this.#root}/${pid}/cgroup`)
  }

  executable(pid: number): string | undefined {
    try {
      return readlinkSync(`${this.#root}/${pid}/exe`)
    } catch {
      return undefined
    }
  }

  commandLine(pid: number): Promise<MemoryReading> {
    return this.#inTime(() => readMemory(`${this.#root}/${pid}/cmdline`, MAX_COMMAND_LINE_BYTES))
  }

  environment(pid: number): Promise<MemoryReading> {
    return this.#inTime(() => readMemory(`${this.#root}/${pid}/environ`, MAX_ENVIRONMENT_BYTES))
  }

  async #inTime(read: () => Promise<MemoryReading>): Promise<MemoryReading> {
    if (this.#hanging >= MAX_HANGING) return { outcome: 'slow' }
    this.#hanging++
    const reading = read().finally(() => this.#hanging--)
    const late = Promise.withResolvers<MemoryReading>()
    const timer = setTimeout(() => {
      late.resolve({ outcome: 'slow' })
      void reading.then(overwrite) // It may still come, and nobody wants it then.
    }, READ_LIMIT_MS)
    try {
      return await Promise.race([reading, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** In one read: the kernel makes these texts when they are read, and none of them is larger that matters. */
function readSmall(path: string): string | undefined {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    return small.toString('utf8', 0, readSync(file, small, 0, small.length, 0))
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

async function readMemory(path: string, limit: number): Promise<MemoryReading> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    return { outcome: 'read', bytes: await firstBytes(file, limit) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { outcome: code === 'EACCES' || code === 'EPERM' ? 'denied' : 'gone' }
  } finally {
    await file?.close().catch(() => undefined)
  }
}

function overwrite(reading: MemoryReading): void {
  if (reading.outcome === 'read') reading.bytes.fill(0)
}

async function firstBytes(file: FileHandle, limit: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(limit)
  let length = 0
  while (length < limit) {
    const { bytesRead } = await file.read(bytes, length, limit - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return bytes.subarray(0, length)
}
