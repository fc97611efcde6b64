/** What a full queue gives up. */
export type WhenFull = 'drop_oldest' | 'drop_newest'

export interface QueueLimits {
  readonly maxItems: number
  readonly maxBytes: number
  readonly whenFull: WhenFull
}

/**
 * A first-in first-out queue that cannot grow past its limits. An empty queue takes any item, however large, so that
 * what is larger than the limit is late rather than never delivered.
 */
export class BoundedQueue<Item> {
  readonly #limits: QueueLimits
  readonly #entries: { readonly item: Item; readonly bytes: number }[] = []
  #bytes = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get length(): number {
    return this.#entries.length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Adds the item, and returns what had to go for it: older items, or the item itself. */
  push(item: Item, bytes: number): readonly Item[] {
    const dropped: Item[] = []
    while (this.#entries.length > 0 && !this.#fits(bytes)) {
      if (this.#limits.whenFull === 'drop_newest') return [item]
      dropped.push(...this.#take())
    }
    this.#entries.push({ item, bytes })
    this.#bytes += bytes
    return dropped
  }

  /** Takes the oldest item. */
  shift(): Item | undefined {
    return this.#take()[0]
  }

  /** Takes everything, oldest first. */
  clear(): readonly Item[] {
    this.#bytes = 0
    return this.#entries.splice(0).map((entry) => entry.item)
  }

  #fits(bytes: number): boolean {
    return this.#entries.length < this.#limits.maxItems && this.#bytes + bytes <= this.#limits.maxBytes
  }

  #take(): readonly Item[] {
    return this.#entries.splice(0, 1).map((entry) => {
      this.#bytes -= entry.bytes
      return entry.item
    })
  }
}
