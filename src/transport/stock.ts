// The payloads that wait, in order of arrival: on disk where there is a spool that works, in memory where there is not.

import type { ContentEncoding, DropReason, Payload } from '../core/delivery.ts'
import type { PreparedFile, Spool, SpoolFile } from './spool.ts'
import type { SpoolState } from './spool-name.ts'
import { amountOf, type Waiting } from './waiting.ts'

/** Of what is in memory only. */
export interface MemoryLimits {
  readonly maxBytes: number
  readonly maxPayloads: number
}

export const MEMORY_DEFAULTS: MemoryLimits = { maxBytes: 64 * 2 ** 20, maxPayloads: 10_000 }

export interface StockOptions {
  readonly spool: Spool | undefined
  readonly memory: MemoryLimits
  /** Payloads of another one are not sent. */
  readonly format: string
  /** Nor are payloads that are compressed otherwise. */
  readonly encodings: readonly ContentEncoding[]
  readonly wallClock: () => Date
  /** Told in the moment in which a payload is given up. */
  readonly onDrop: (dropped: Waiting, reason: DropReason) => void
  /** Told of every write to the spool. */
  readonly onWrite: (outcome: 'written' | { readonly error: unknown }) => void
  /** Told of a file that cannot be renamed or removed: what was sent may be sent again after a restart. */
  readonly onStuck: (error: unknown) => void
}

/**
 * Bodies of payloads on disk are not kept in memory, but for the newest one (it is usually sent at once) and the one under
 * way. Changes of what is on disk are made one after another.
 */
export class Stock {
  readonly #options: StockOptions
  readonly #spool: Spool | undefined
  readonly #waiting: Waiting[] = []
  #lastSequence = 0
  #newest: Waiting | undefined
  #claimed: Waiting | undefined
  #turn: Promise<void> = Promise.resolve()

  constructor(options: StockOptions) {
    this.#options = options
    this.#spool = options.spool
  }

  get all(): readonly Waiting[] {
    return this.#waiting
  }

  /** The oldest one, unless it is still being written. */
  get head(): Waiting | undefined {
    const [head] = this.#waiting
    return head?.isBusy === true ? undefined : head
  }

  /** Takes over what an earlier run left. */
  async open(): Promise<void> {
    const contents = await this.#spool?.open()
    if (contents === undefined) return
    for (const file of contents.damaged) this.#options.onDrop(this.#leftOver(file), 'spool_damaged')
    for (const file of contents.files) this.#waiting.push(this.#leftOver(file))
    while (this.#spool?.isOverfull === true && (await this.#dropOldestFile()));
  }

  /** Resolves when it is on disk, or in memory where it cannot be: until then a kill would take it. */
  async take(payload: Payload, isReplay: Waiting['isReplay']): Promise<void> {
    const { samples, profiles, body } = payload
    const waiting: Waiting = {
      sequence: ++this.#lastSequence,
      ...{ samples, profiles, bytes: body.length },
      ...{ from: 'this_run', created: this.#options.wallClock(), payload, file: undefined },
      ...{ isReplay, perhapsTaken: false, isBusy: true, timesPassed: 0 },
    }
    this.#waiting.push(waiting)
    await this.#inTurn(() => this.#store(waiting))
  }

  /** Whether one of so many bytes can stay in memory without that another one goes. */
  hasMemoryFor(bytes: number): boolean {
    const { maxBytes, maxPayloads } = this.#options.memory
    const inMemory = this.#inMemory()
    if (inMemory.length === 0) return true
    return inMemory.length < maxPayloads && amountOf(inMemory).bytes + bytes <= maxBytes
  }

  /** Nobody else may drop or move it until it is released. */
  claim(waiting: Waiting): void {
    this.#claimed = waiting
  }

  release(): void {
    this.#claimed = undefined
  }

  /**
   * The payload of the claimed one. Undefined where it was damaged, or in a format that is not sent any more: it has been
   * dropped.
   * @throws where it cannot be read now, but perhaps later
   */
  async load(waiting: Waiting): Promise<Payload | undefined> {
    if (waiting.file !== undefined) waiting.payload ??= await this.#spool?.read(waiting.file)
    const reason = this.#reasonNotToSend(waiting.payload)
    if (reason === undefined) return waiting.payload
    await this.unspool(waiting)
    this.settle(waiting)
    this.#options.onDrop(waiting, reason)
    return undefined
  }

  /** Notes on disk what a kill must not make us forget. */
  async mark(waiting: Waiting, state: SpoolState): Promise<void> {
    if (waiting.file === undefined || waiting.file.state === state) return
    try {
      waiting.file = await this.#spool?.mark(waiting.file, state)
    } catch (error) {
      this.#options.onStuck(error)
    }
  }

  /** Removes its file. False where that is still there. */
  async unspool(waiting: Waiting): Promise<boolean> {
    if (waiting.file === undefined) return true
    try {
      await this.#spool?.remove(waiting.file)
      return true
    } catch (error) {
      this.#options.onStuck(error)
      return false
    }
  }

  /** It waits no more. Whoever calls this says in the same moment what became of it. */
  settle(waiting: Waiting): void {
    const at = this.#waiting.indexOf(waiting)
    if (at >= 0) this.#waiting.splice(at, 1)
    if (this.#newest === waiting) this.#newest = undefined
  }

  /** Its turn comes after all that wait now. */
  moveToBack(waiting: Waiting): void {
    const at = this.#waiting.indexOf(waiting)
    if (at >= 0) this.#waiting.push(...this.#waiting.splice(at, 1))
  }

  /** It goes, on disk as well. */
  async giveUp(waiting: Waiting): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#waiting.includes(waiting)) return
      await this.unspool(waiting)
      this.settle(waiting)
      this.#options.onDrop(waiting, 'given_up')
    })
  }

  /** Brings to disk what is in memory, as long as it has room there. */
  async rescue(): Promise<void> {
    await this.#inTurn(() => this.#rescue())
  }

  /** Brings to disk what is in memory; what finds no room is given up. */
  async giveUpMemory(): Promise<void> {
    await this.#inTurn(async () => {
      for (const waiting of this.#inMemory()) {
        if (await this.#write(waiting)) continue
        if (!this.#waiting.includes(waiting)) continue
        this.settle(waiting)
        this.#options.onDrop(waiting, this.#spool === undefined ? 'not_sent' : 'spool_failed')
      }
    })
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }

  async #store(waiting: Waiting): Promise<void> {
    const isOnDisk = await this.#write(waiting)
    waiting.isBusy = false
    if (isOnDisk) await this.#rescue()
    else this.#boundMemory()
  }

  /** False where it stays in memory. */
  async #write(waiting: Waiting, room: 'made' | 'left' = 'made'): Promise<boolean> {
    if (this.#spool === undefined) return false
    try {
      const prepared = this.#prepare(this.#spool, waiting)
      if (room === 'made') await this.#makeRoom(this.#spool, prepared)
      if (this.#spool.roomFor(prepared) !== 'now') return false
      waiting.file = await this.#spool.write(prepared)
    } catch (error) {
      this.#options.onWrite({ error })
      return false
    }
    this.#options.onWrite('written')
    this.#becomesNewest(waiting)
    return true
  }

  #prepare(spool: Spool, { sequence, payload, perhapsTaken, created }: Waiting): PreparedFile {
    if (payload === undefined) throw new Error('a payload is neither on disk nor in memory')
    return spool.prepare({ sequence, payload, state: perhapsTaken ? 'sending' : 'waiting', created })
  }

  async #makeRoom(spool: Spool, prepared: PreparedFile): Promise<void> {
    while (spool.roomFor(prepared) === 'later' && (await this.#dropOldestFile()));
  }

  async #rescue(): Promise<void> {
    for (const waiting of this.#inMemory()) {
      if (waiting === this.#claimed || !this.#waiting.includes(waiting)) continue
      waiting.isBusy = true
      const isOnDisk = await this.#write(waiting, 'left')
      waiting.isBusy = false
      if (!isOnDisk) return
    }
  }

  #inMemory(): readonly Waiting[] {
    return this.#waiting.filter(({ file, isBusy }) => file === undefined && !isBusy)
  }

  async #dropOldestFile(): Promise<boolean> {
    const oldest = this.#waiting.find((one) => one.file !== undefined && this.#isFree(one))
    if (oldest === undefined) return false
    oldest.isBusy = true
    const isGone = await this.unspool(oldest)
    oldest.isBusy = false
    if (!isGone) return false
    this.settle(oldest)
    this.#options.onDrop(oldest, 'spool_full')
    return true
  }

  #isFree(waiting: Waiting): boolean {
    return !waiting.isBusy && waiting !== this.#claimed
  }

  #boundMemory(): void {
    const { maxBytes, maxPayloads } = this.#options.memory
    const inMemory = this.#inMemory()
    let bytes = inMemory.reduce((sum, one) => sum + one.bytes, 0)
    let payloads = inMemory.length
    for (const oldest of inMemory) {
      if (bytes <= maxBytes && payloads <= maxPayloads) return
      if (oldest === this.#claimed) continue
      this.settle(oldest)
      this.#options.onDrop(oldest, this.#spool === undefined ? 'queue_full' : 'spool_failed')
      bytes -= oldest.bytes
      payloads--
    }
  }

  #becomesNewest(waiting: Waiting): void {
    const before = this.#newest
    this.#newest = waiting
    if (before !== undefined && before !== this.#claimed) before.payload = undefined
  }

  #reasonNotToSend(payload: Payload | undefined): DropReason | undefined {
    if (payload === undefined) return 'spool_damaged'
    const { format, encodings } = this.#options
    return payload.format === format && encodings.includes(payload.encoding) ? undefined : 'other_format'
  }

  #leftOver(file: SpoolFile): Waiting {
    const { sequence, samples, profiles, bodyBytes, state } = file
    this.#lastSequence = Math.max(this.#lastSequence, sequence)
    return {
      ...{ sequence, samples, profiles, bytes: bodyBytes, file, payload: undefined },
      ...{ from: 'earlier_run', created: this.#options.wallClock(), isReplay: true },
      ...{ perhapsTaken: state === 'sending', isBusy: false, timesPassed: 0 },
    }
  }
}
