// Files with secrets in them: mounted ones are replaced while the agent runs, so they are read for every request.

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { orAborted } from '../base/or-aborted.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import { TimeOver } from './deadline.ts'

export interface SecretFileOptions {
  readonly path: string
  /** As errors name it: `the file of headers`. */
  readonly what: string
  /** Of the errors. */
  readonly code: string
  readonly maxBytes: number
}

type Reader = (options: SecretFileOptions) => Promise<string>

/**
 * Where the file system does not answer, a read lasts for ever and holds one of the few threads for files: another one is
 * begun only when it is over.
 */
export class SecretFile {
  readonly #options: SecretFileOptions
  readonly #reader: Reader
  #reading: Promise<string> | undefined

  constructor(options: SecretFileOptions, reader: Reader = contentOf) {
    this.#options = options
    this.#reader = reader
  }

  get path(): string {
    return this.#options.path
  }

  /**
   * @param signal ends the waiting
   * @throws AgentError (of the code in the options) where it cannot be read, not in time, is no regular file or too large
   */
  async read(signal: AbortSignal): Promise<string> {
    this.#reading ??= this.#reader(this.#options).finally(() => {
      this.#reading = undefined
    })
    try {
      return await orAborted(this.#reading, signal)
    } catch (cause) {
      const { what, path, code } = this.#options
      const why = cause instanceof TimeOver ? 'the file system did not answer in time' : messageOf(cause)
      throw new AgentError(code, `cannot read ${what} ${path}: ${why}`, { cause })
    }
  }
}

/** Opening a FIFO would wait for somebody who writes. */
async function contentOf({ path, maxBytes }: SecretFileOptions): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!(await file.stat()).isFile()) throw new Error('it is not a regular file')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes + 1), 0, maxBytes + 1, 0)
    if (bytesRead > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}
