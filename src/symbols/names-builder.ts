import { FRAME_KINDS, type FrameTable } from '../core/profile.ts'
import type { FrameName, FrameNames } from '../core/symbolizer.ts'
import type { NamedAddress } from './name-cache.ts'

const INTERPRETED = FRAME_KINDS.indexOf('interpreted')
const NONE = 0xffff_ffff

/** Collects the names of a window's frames. Interpreted frames name themselves. */
export class NamesBuilder {
  readonly #table: FrameName[] = []
  /** Per frame: index into #table. */
  readonly #indices: Uint32Array
  /** One function may be mapped by many processes: their frames share its name. */
  readonly #known = new Map<NamedAddress, number>()

  constructor(frames: FrameTable) {
    this.#indices = new Uint32Array(frames.length).fill(NONE)
    for (let frame = 0; frame < frames.length; frame++) {
      if (frames.kind[frame] === INTERPRETED) this.#setInterpreted(frames, frame)
    }
  }

  #setInterpreted(frames: FrameTable, frame: number): void {
    const value = frames.at(frame)
    if (value.kind !== 'interpreted') return
    const { function: name, file, line } = value
    this.#push(frame, { function: name, systemName: name, file, line, offset: 0 })
  }

  set(frame: number, address: NamedAddress): void {
    const known = this.#known.get(address)
    if (known !== undefined) {
      this.#indices[frame] = known
      return
    }
    const { named, offset } = address
    this.#known.set(
      address,
      this.#push(frame, {
        function: named.function,
        systemName: named.systemName,
        file: '',
        line: 0,
        offset,
      }),
    )
  }

  #push(frame: number, name: FrameName): number {
    const index = this.#table.push(name) - 1
    this.#indices[frame] = index
    return index
  }

  build(): FrameNames {
    const offsets = new Uint32Array(this.#indices.length + 1)
    const indices = new Uint32Array(this.#indices.length)
    let count = 0
    this.#indices.forEach((index, frame) => {
      if (index !== NONE) indices[count++] = index
      offsets[frame + 1] = count
    })
    return { table: this.#table, offsets, indices: indices.slice(0, count) }
  }
}
