// The machine's /proc.

import { close, closeSync, open, openSync, read, readlinkSync, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { errnoOf } from '../core/errors.ts'
import { type Milliseconds, milliseconds } from '../core/units.ts'
import type { MemoryReading, ProcessFiles } from './process-files.ts'

const MAX_SMALL_BYTES = 4096
const MAX_COMMAND_LINE_BYTES = 4096
const MAX_ENVIRONMENT_BYTES = 128 * 1024

/** Reading a process's memory waits for whatever that memory is mapped from, which may be the process itself (userfaultfd, FUSE). */
const READ_LIMIT = milliseconds(500)
/** Reads that hang each hold a thread of Node's pool, which has four: with so many, no more are begun. */
const MAX_HANGING = 2

/** Reused: what is read at once is read into it. */
const small = Buffer.alloc(MAX_SMALL_BYTES)

export interface ProcOptions {
  readonly root?: string
  /** For one reading of a process's memory. */
  readonly limit?: Milliseconds
}

/** Cheaper by half than fs/promises, whose file handles are objects of their own. */
const openFile = promisify<string, string, number>(open)
const readFile = promisify(read)
const closeFile = promisify(close)

export class ProcFiles implements ProcessFiles {
  readonly #root: string
  readonly #limit: Milliseconds
  #hanging = 0
  /** What is read goes here, one at a time. */
  #memory = new Uint8Array(MAX_ENVIRONMENT_BYTES)

  constructor({ root = '/proc', limit = READ_LIMIT }: ProcOptions = {}) {
    this.#root = root
    this.#limit = limit
  }

  sleptFor(): bigint {
    const before = process.hrtime.bigint()
    const seconds = Number(readSmall(`${this.#root}/uptime`)?.split(' ')[0])
    const slept = Number.isFinite(seconds) ? BigInt(Math.round(seconds * 1e9)) - before : 0n
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
    return this.#inTime(`${this.#root}/${pid}/cmdline`, MAX_COMMAND_LINE_BYTES)
  }

  environment(pid: number): Promise<MemoryReading> {
    return this.#inTime(`${this.#root}/${pid}/environ`, MAX_ENVIRONMENT_BYTES)
  }

  async #inTime(path: string, limit: number): Promise<MemoryReading> {
    if (this.#hanging >= MAX_HANGING) return { outcome: 'slow' }
    this.#hanging++
    const reading = readMemory(path, this.#memory.subarray(0, limit)).finally(() => this.#hanging--)
    const late = Promise.withResolvers<MemoryReading>()
    const timer = setTimeout(() => {
      this.#memory = new Uint8Array(MAX_ENVIRONMENT_BYTES) // The other is its own now: it may still write to it.
      late.resolve({ outcome: 'slow' })
      void reading.then(overwrite)
    }, this.#limit)
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

/** In one read, too: one that is shorter than was asked for has come to the end. */
async function readMemory(path: string, into: Uint8Array): Promise<MemoryReading> {
  let file: number | undefined
  try {
    file = await openFile(path, 'r')
    const { bytesRead } = await readFile(file, into, 0, into.length, 0)
    return { outcome: 'read', bytes: into.subarray(0, bytesRead) }
  } catch (error) {
    const code = errnoOf(error)
    return { outcome: code === 'EACCES' || code === 'EPERM' ? 'denied' : 'gone' }
  } finally {
    if (file !== undefined) await closeFile(file).catch(() => undefined)
  }
}

function overwrite(reading: MemoryReading): void {
  if (reading.outcome === 'read') reading.bytes.fill(0)
}
