// An API key that is in a file: mounted secrets are replaced while the agent runs.

import type { Delivery, Payload, Transport } from '../../core/delivery.ts'
import { AgentError, messageOf } from '../../core/errors.ts'
import { Deadline, type TimeLimit } from '../../transport/deadline.ts'
import { notReached } from '../../transport/response.ts'
import { SecretFile } from '../../transport/secret-file.ts'

/** Of the file; a key has 32 characters. */
const MAX_BYTES = 4096
const CODE = 'DATADOG.API_KEY_FILE'

export interface KeyFile {
  readonly path: string
  /** For reading it. */
  readonly limit: TimeLimit
}

/** Reads the key for every payload, and connects anew when it has changed. */
export class TransportWithKeyFile implements Transport {
  readonly #file: SecretFile
  readonly #limit: TimeLimit
  readonly #transportWith: (key: string) => Transport
  #key = ''
  #transport: Transport

  /** @throws AgentError for what `transportWith` does not take */
  constructor({ path, limit }: KeyFile, transportWith: (key: string) => Transport) {
    this.#file = new SecretFile({ path, what: 'the file of the API key', code: CODE, maxBytes: MAX_BYTES })
    this.#limit = limit
    this.#transportWith = transportWith
    this.#transport = transportWith('')
  }

  get target(): string {
    return this.#transport.target
  }

  async send(payload: Payload, signal: AbortSignal): Promise<Delivery> {
    const deadline = new Deadline(this.#limit, signal)
    try {
      await this.#useKey(await keyIn(this.#file, deadline.signal))
    } catch (error) {
      return notReached(messageOf(error))
    } finally {
      deadline.release()
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

async function keyIn(file: SecretFile, signal: AbortSignal): Promise<string> {
  const key = (await file.read(signal)).trim()
  if (/^[\x21-\x7e]+$/.test(key)) return key
  throw new AgentError(
    CODE,
    `the file of the API key ${file.path} does not hold one word: write the key into it, and nothing else`,
  )
}
