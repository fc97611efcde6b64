// The last seconds of windows, in memory, until somebody asks for them.

import type { FlightRecorderOptions } from '../core/flight-recorder.ts'
import type { ProfileBatch } from '../core/profile.ts'
import type { FlightRecorderStatus } from '../core/status.ts'

/** The batches of one window, named: the processes that they are of may be gone when they are asked for. */
export interface HeldWindow {
  readonly batches: readonly ProfileBatch[]
  /** Names of those that get them; undefined: all. */
  readonly consumers: readonly string[] | undefined
}

interface Held extends HeldWindow {
  readonly end: bigint
  readonly samples: number
  readonly bytes: number
}

export class FlightRecorder {
  readonly #options: FlightRecorderOptions
  /** In the order in which they came. */
  readonly #held: Held[] = []
  /** So many of the oldest are asked for: they wait to be taken, and do not grow too old. */
  #wanted = 0
  #bytes = 0
  #newestEnd = 0n
  #overwritten = 0
  #lost = 0

  constructor(options: FlightRecorderOptions) {
    this.#options = options
  }

  hold(window: HeldWindow): void {
    const held = heldOf(window)
    this.#held.push(held)
    this.#bytes += held.bytes
    if (held.end > this.#newestEnd) this.#newestEnd = held.end
    this.#forgetOld()
    while (this.#bytes > this.#options.maxBytes && this.#held.length > 1) {
      this.#lost += this.#remove(0).samples
      this.#wanted = Math.max(0, this.#wanted - 1)
    }
  }

  #forgetOld(): void {
    const oldest = this.#newestEnd - BigInt(Math.round(this.#options.keep * 1e6))
    for (let at = this.#wanted; at < this.#held.length; ) {
      if (this.#held[at]!.end > oldest) at++
      else this.#overwritten += this.#remove(at).samples
    }
  }

  /** Everything that is held now is to be taken, with `next`. */
  want(): void {
    this.#wanted = this.#held.length
  }

  /** Takes the oldest of those that are wanted; undefined: there are no more. */
  next(): HeldWindow | undefined {
    if (this.#wanted === 0) return undefined
    this.#wanted--
    return this.#remove(0)
  }

  status(): FlightRecorderStatus {
    const { keep, maxBytes } = this.#options
    return {
      keepSeconds: keep / 1000,
      maxBytes,
      windows: this.#held.length,
      samples: this.#held.reduce((sum, { samples }) => sum + samples, 0),
      bytes: this.#bytes,
      overwritten: this.#overwritten,
      lost: this.#lost === 0 ? {} : { memory_full: this.#lost },
    }
  }

  #remove(at: number): Held {
    const [held] = this.#held.splice(at, 1)
    if (held === undefined) throw new RangeError(`no window is held at ${at}`)
    this.#bytes -= held.bytes
    return held
  }
}

/** What an entry of FrameNames.table takes, the strings of which are mostly those of other windows. */
const BYTES_PER_NAME = 96

function heldOf({ batches, consumers }: HeldWindow): Held {
  const [first] = batches
  if (first === undefined) throw new Error('a window without batches cannot be held')
  const { names, buffer, window } = first
  const ofNames = names.table.length * BYTES_PER_NAME + names.offsets.byteLength + names.indices.byteLength
  const ofResources = batches.reduce((sum, { resources }) => sum + resources.ofSample.byteLength, 0)
  return {
    batches,
    consumers,
    end: window.end,
    samples: batches.reduce((sum, { samples }) => sum + samples.length, 0),
    // Its batches share one buffer.
    bytes: buffer.byteLength + ofNames + ofResources,
  }
}
