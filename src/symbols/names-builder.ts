import { FRAME_KINDS, type FrameTable } from '../core/profile.ts'
import type { FrameName, FrameNames } from '../core/symbolizer.ts'
import type { NamedAddress } from './name-cache.ts'

const INTERPRETED = FRAME_KINDS.indexOf('interpreted')
const NONE = 0xffff_ffff

/** Collects the names of a window's frames. Interpreted frames name themselves. */
export class NamesBuilder {
  readonly #table: FrameName[] = []
  /** Lists of indices into #table, innermost function first. */
  readonly #lists: (readonly number[])[] = []
  /** Per frame: index into #lists. */
  readonly #listOf: Uint32Array
  /** One function may be mapped by many processes: their frames share its name. */
  readonly #known = new Map<NamedAddress | readonly FrameName[], number>()

  constructor(frames: FrameTable) {
    this.#listOf = new Uint32Array(frames.length).fill(NONE)
    for (let frame = 0; frame < frames.length; frame++) {
      if (frames.kind[frame] === INTERPRETED) this.#setInterpreted(frames, frame)
    }
  }

  #setInterpreted(frames: FrameTable, frame: number): void {
    const value = frames.at(frame)
    if (value.kind !== 'interpreted') return
    const { function: name, file, line } = value
    this.#listOf[frame] = this.#add([{ function: name, systemName: name, file, line, offset: 0 }])
  }

  set(frame: number, address: NamedAddress): void {
    this.#listOf[frame] = this.#known.get(address) ?? this.#keep(address, [nameOf(address)])
  }

  /** A frame of several functions, innermost first: all but the last are inlined. */
  setChain(frame: number, chain: readonly FrameName[]): void {
    this.#listOf[frame] = this.#known.get(chain) ?? this.#keep(chain, chain)
  }

  #keep(key: NamedAddress | readonly FrameName[], names: readonly FrameName[]): number {
    const list = this.#add(names)
    this.#known.set(key, list)
    return list
  }

  #add(names: readonly FrameName[]): number {
    return this.#lists.push(names.map((name) => this.#table.push(name) - 1)) - 1
  }

  build(): FrameNames {
    const offsets = new Uint32Array(this.#listOf.length + 1)
    const indices: number[] = []
    this.#listOf.forEach((list, frame) => {
      if (list !== NONE) indices.push(...(this.#lists[list] ?? []))
      offsets[frame + 1] = indices.length
    })
    return { table: this.#table, offsets, indices: Uint32Array.from(indices) }
  }
}

const nameOf = ({ named, offset }: NamedAddress): FrameName => ({
  function: named.function,
  systemName: named.systemName,
  file: '',
  line: 0,
  offset,
})
