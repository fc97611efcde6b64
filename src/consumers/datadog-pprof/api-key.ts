// An API key that is in a file: mounted secrets are replaced while the agent runs.

import { open } from 'node:fs/promises'
import type { Delivery, Payload, Transport } from '../../core/delivery.ts'
import { AgentError, messageOf } from '../../core/errors.ts'
import { notReached } from '../../transport/response.ts'

/** Of the file; a key has 32 characters. */
const MAX_BYTES = 4096

/** Reads the key for every payload, and connects anew when it has changed. */
export class TransportWithKeyFile implements Transport {
  readonly #path: string
  readonly #transportWith: (key: string) => Transport
  #key = ''
  #transport: Transport

  /** @throws AgentError for what `transportWith` does not take */
  constructor(path: string, transportWith: (key: string) => Transport) {
    this.#path = path
    this.#transportWith = transportWith
    this.#transport = transportWith('')
  }

  get target(): string {
    return this.#transport.target
  }

  async send(payload: Payload, signal: AbortSignal): Promise<Delivery> {
    try {
      await this.#useKey(await keyIn(this.#path))
    } catch (error) {
      return notReached(messageOf(error))
    }
    return this.#transport.send(payload, signal)
  }

  close(): Promise<void> {
    return this.#transport.close()
  }

  async #useKey(key: string): Promise<void> {
    if (key === this.#key) return
    const before = this.#transport
    this.#transport = this.#transportWith(key)
    this.#key = key
    await before.close()
  }
}

async function keyIn(path: string): Promise<string> {
  const key = (await startOf(path)).trim()
  if (/^[\x21-\x7e]+$/.test(key)) return key
  throw new AgentError(
    'DATADOG.API_KEY_FILE',
    `the file of the API key ${path} does not hold one word: write the key into it, and nothing else`,
  )
}

async function startOf(path: string): Promise<string> {
  try {
    const file = await open(path)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0)
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (cause) {
    const message = `cannot read the file of the API key ${path}: ${messageOf(cause)}`
    throw new AgentError('DATADOG.API_KEY_FILE', message, { cause })
  }
}
