// Writes a volume as the kubelet's AtomicWriter does, step by step (pkg/volume/util/atomic_writer.go).

import { randomInt } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

export type Payload = Readonly<Record<string, string>>

export class AtomicWriter {
  readonly #directory: string
  /** Its clock: a second per update, as the names of directories tell it. */
  #updates = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  /** One update: nothing happens where nothing changed. `between` is called after each step. */
  write(payload: Payload, between: (step: string) => void = () => undefined): void {
    for (const step of this.steps(payload)) between(step)
  }

  /** The same; each step is done when the generator is resumed. */
  *steps(payload: Payload): Generator<string> {
    const old = this.#current()
    if (old !== undefined && this.#isUnchanged(old, payload)) return
    const stale = this.#userVisible().filter((name) => !(name in payload))

    const fresh = this.#newDirectory()
    yield 'directory made'
    for (const [name, text] of Object.entries(payload)) {
      writeFileSync(join(this.#directory, fresh, name), text, { mode: 0o644 })
    }
    yield 'files written'
    symlinkSync(fresh, join(this.#directory, '..data_tmp'))
    yield '..data_tmp made'
    renameSync(join(this.#directory, '..data_tmp'), join(this.#directory, '..data'))
    yield '..data switched'
    for (const name of Object.keys(payload)) {
      if (this.#userVisible().includes(name)) continue
      symlinkSync(join('..data', name), join(this.#directory, name))
      yield `${name} linked`
    }
    for (const name of stale) {
      unlinkSync(join(this.#directory, name))
      yield `${name} unlinked`
    }
    if (old === undefined) return
    rmSync(join(this.#directory, old), { recursive: true })
    yield 'old directory deleted'
  }

  /** `..2026_11_22_12_00_00.123456789`, with its mode whatever the umask. */
  #newDirectory(): string {
    const time = new Date(Date.UTC(2026, 10, 22, 12) + 1_000 * this.#updates++)
    const stamp = time.toISOString().slice(0, 19).replace(/[-T:]/g, '_')
    const name = `..${stamp}.${randomInt(1e8, 2 ** 32)}`
    mkdirSync(join(this.#directory, name), { mode: 0o700 })
    chmodSync(join(this.#directory, name), 0o755)
    return name
  }

  #current(): string | undefined {
    try {
      return readlinkSync(join(this.#directory, '..data'))
    } catch {
      return undefined
    }
  }

  #isUnchanged(old: string, payload: Payload): boolean {
    const names = readdirSync(join(this.#directory, old)).sort()
    if (names.join('\n') !== Object.keys(payload).sort().join('\n')) return false
    return names.every((name) => readFileSync(join(this.#directory, old, name), 'utf8') === payload[name])
  }

  #userVisible(): readonly string[] {
    return readdirSync(this.#directory).filter((name) => !name.startsWith('..'))
  }
}
