// Damages bytes, the same way for the same seed.

const EDGES = [
  0n,
  1n,
  7n,
  0x7fn,
  0xffn,
  0xffffn,
  0x7fff_ffffn,
  0xffff_ffffn,
  1n << 40n,
  (1n << 63n) - 1n,
  (1n << 64n) - 1n,
]

/** Draws numbers, and with them what becomes of bytes. */
export class Mutations {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to below `end` (mulberry32). */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % Math.max(1, end)
  }

  /** A copy with a few changes; half of them in its `vital` parts, which are small and say what the rest means. */
  damaged(bytes: Buffer, vital: readonly Range[]): Buffer {
    let changed: Buffer = Buffer.from(bytes)
    for (let left = 1 + this.below(4); left > 0; left--)
      changed = this.#change(changed, this.#place(changed, vital))
    return changed
  }

  #place(bytes: Buffer, vital: readonly Range[]): number {
    const range = vital[this.below(vital.length * 2)]
    const at =
      range === undefined ? this.below(bytes.length) : range.start + this.below(range.end - range.start)
    return Math.min(at, Math.max(0, bytes.length - 8))
  }

  #change(bytes: Buffer, at: number): Buffer {
    if (bytes.length < 8) return bytes
    const aligned = at & ~7
    const edge = EDGES[this.below(EDGES.length)]!
    switch (this.below(8)) {
      case 0:
        bytes[at]! ^= 1 << this.below(8)
        return bytes
      case 1:
        bytes[at] = this.below(256)
        return bytes
      case 2:
        bytes.writeUInt16LE(Number(edge & 0xffffn), aligned + 2 * this.below(4))
        return bytes
      case 3:
        bytes.writeUInt32LE(Number(edge & 0xffff_ffffn), aligned + 4 * this.below(2))
        return bytes
      case 4:
        bytes.writeBigUInt64LE(edge, aligned)
        return bytes
      case 5:
        // A number of the file at another place: offsets and sizes that are of use.
        bytes.copy(bytes, aligned, this.below(bytes.length - 8) & ~7, 8)
        return bytes
      case 6:
        return bytes.subarray(0, at)
      default: {
        const length = this.below(64)
        const piece = bytes.subarray(at, at + length)
        const kept = this.below(2) === 0 ? [piece, piece] : []
        return Buffer.concat([bytes.subarray(0, at), ...kept, bytes.subarray(at + length)])
      }
    }
  }
}

export interface Range {
  readonly start: number
  readonly end: number
}
