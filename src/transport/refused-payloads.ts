// Payloads that the far side refused, for whoever wants to know why: the newest few, as they went over the wire.

import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory } from '../base/make-directory.ts'
import type { Payload } from '../core/delivery.ts'

export interface RefusedPayloadsOptions {
  /** Private to the agent, and of one consumer. */
  readonly directory: string
  readonly maxPayloads: number
}

const NAME = /^(\d{6,12})\.(?:json|body)$/

/** Each is two files: `000001.body`, and `000001.json` that says what it is and why it was refused. */
export class RefusedPayloads {
  readonly #options: RefusedPayloadsOptions

  constructor(options: RefusedPayloadsOptions) {
    this.#options = options
  }

  get directory(): string {
    return this.#options.directory
  }

  /** Rejects where it cannot be written. */
  async keep(payload: Payload, reason: string, refused: Date): Promise<void> {
    const { body, ...fields } = payload
    const { directory, maxPayloads } = this.#options
    await makeDirectory(directory, 0o700)
    const numbers = await this.#numbers()
    const next = (numbers.at(-1) ?? 0) + 1
    for (const number of numbers.slice(0, Math.max(0, numbers.length + 1 - maxPayloads)))
      await this.#remove(number)
    await writeFile(this.#path(next, 'body'), body, { mode: 0o600, flag: 'wx' })
    const about = JSON.stringify({ refused, reason, ...fields }, undefined, 2)
    await writeFile(this.#path(next, 'json'), `${about}\n`, { mode: 0o600, flag: 'wx' })
  }

  /** Of what is kept, oldest first. */
  async #numbers(): Promise<number[]> {
    const found = (await readdir(this.directory)).flatMap((name) => NAME.exec(name)?.[1] ?? [])
    return [...new Set(found.map(Number))].sort((a, b) => a - b)
  }

  async #remove(number: number): Promise<void> {
    for (const kind of ['json', 'body'] as const) await rm(this.#path(number, kind), { force: true })
  }

  #path(number: number, kind: 'json' | 'body'): string {
    return join(this.directory, `${String(number).padStart(6, '0')}.${kind}`)
  }
}
