// Sequences of 32-bit words, each stored once and known by its number. Typed arrays instead of objects and string keys:
// a frame costs 40 bytes instead of 300, and a look-up some tens of nanoseconds.

/** Bytes that several tables may take together. */
export class MemoryBudget {
  readonly #maxBytes: number
  #taken = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get taken(): number {
    return this.#taken
  }

  /** False when it cannot be had; then nothing was taken. */
  take(bytes: number): boolean {
    if (this.#taken + bytes > this.#maxBytes) return false
    this.#taken += bytes
    return true
  }
}

/** For what is bounded by something else. */
export const unlimited = (): MemoryBudget => new MemoryBudget(Number.POSITIVE_INFINITY)

/** What `intern` returns when the budget is spent. */
export const NO_ROOM = -1

const GROWTH = 1.5
const FIRST_WORDS = 256
const FIRST_ENTRIES = 64

export class SequenceTable {
  readonly #budget: MemoryBudget
  #words = new Uint32Array(FIRST_WORDS)
  /** Where the words of entry e end; they begin where those of e - 1 end. */
  #ends = new Uint32Array(FIRST_ENTRIES)
  #hashes = new Uint32Array(FIRST_ENTRIES)
  /** Open addressing, entry + 1; a power of two, at most three quarters full. */
  #slots = new Uint32Array(FIRST_ENTRIES * 2)
  #length = 0

  constructor(budget: MemoryBudget) {
    this.#budget = budget
  }

  /** The number of different sequences; they are numbered from 0 in order of arrival. */
  get length(): number {
    return this.#length
  }

  /** The number of the sequence `source[0 … count)`; NO_ROOM when it is new and there is no room for it. */
  intern(source: Uint32Array, count: number): number {
    const hash = hashOf(source, count)
    let slot = hash & (this.#slots.length - 1)
    for (;;) {
      const entry = (this.#slots[slot] as number) - 1
      if (entry < 0) break
      if (this.#hashes[entry] === hash && this.#equals(entry, source, count)) return entry
      slot = (slot + 1) & (this.#slots.length - 1)
    }
    return this.#add(source, count, hash)
  }

  /** Index in `words` of the first word of an entry. */
  start(entry: number): number {
    return entry === 0 ? 0 : (this.#ends[entry - 1] as number)
  }

  /** Index in `words` behind the last word of an entry. */
  end(entry: number): number {
    return this.#ends[entry] as number
  }

  word(entry: number, index: number): number {
    return this.#words[this.start(entry) + index] as number
  }

  /** All words; valid until the next `intern`. */
  get words(): Uint32Array {
    return this.#words
  }

  #equals(entry: number, source: Uint32Array, count: number): boolean {
    const start = this.start(entry)
    if ((this.#ends[entry] as number) - start !== count) return false
    const words = this.#words
    for (let index = 0; index < count; index++) {
      if (words[start + index] !== source[index]) return false
    }
    return true
  }

  #add(source: Uint32Array, count: number, hash: number): number {
    if (!this.#makeRoom(count)) return NO_ROOM
    const entry = this.#length++
    const start = this.start(entry)
    for (let index = 0; index < count; index++) this.#words[start + index] = source[index] as number
    this.#ends[entry] = start + count
    this.#hashes[entry] = hash
    this.#place(entry, hash)
    return entry
  }

  #place(entry: number, hash: number): void {
    let slot = hash & (this.#slots.length - 1)
    while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1)
    this.#slots[slot] = entry + 1
  }

  #makeRoom(count: number): boolean {
    const used = this.#length === 0 ? 0 : (this.#ends[this.#length - 1] as number)
    return this.#makeRoomForWords(used + count) && this.#makeRoomForEntry()
  }

  #makeRoomForWords(needed: number): boolean {
    if (needed <= this.#words.length) return true
    const size = Math.max(needed, Math.ceil(this.#words.length * GROWTH))
    if (!this.#budget.take((size - this.#words.length) * 4)) return false
    this.#words = enlarged(this.#words, size)
    return true
  }

  #makeRoomForEntry(): boolean {
    if (this.#length === this.#ends.length) {
      const size = Math.ceil(this.#ends.length * GROWTH)
      if (!this.#budget.take((size - this.#ends.length) * 8)) return false
      this.#ends = enlarged(this.#ends, size)
      this.#hashes = enlarged(this.#hashes, size)
    }
    if ((this.#length + 1) * 4 <= this.#slots.length * 3) return true
    if (!this.#budget.take(this.#slots.length * 4)) return false
    this.#slots = new Uint32Array(this.#slots.length * 2)
    for (let entry = 0; entry < this.#length; entry++) this.#place(entry, this.#hashes[entry] as number)
    return true
  }
}

function enlarged(column: Uint32Array, size: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(size)
  larger.set(column)
  return larger
}

/** Murmur3's mixing over the words. */
function hashOf(source: Uint32Array, count: number): number {
  let hash = count
  for (let index = 0; index < count; index++) {
    let word = Math.imul(source[index] as number, 0xcc9e2d51)
    word = (word << 15) | (word >>> 17)
    hash ^= Math.imul(word, 0x1b873593)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
