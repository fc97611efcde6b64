import { inTurns } from '../base/turns.ts'
import {
  FRAME_KINDS,
  type Frame,
  type FrameFunction,
  type FrameTable,
  ownFunctions,
} from '../core/profile.ts'
import type { FrameName, FrameNames } from '../core/symbolizer.ts'
import type { NamedAddress } from './name-cache.ts'

const INTERPRETED = FRAME_KINDS.indexOf('interpreted')
const NONE = 0xffff_ffff

/** Collects the names of a window's frames. Those that say their functions name themselves. */
export class NamesBuilder {
  readonly #table: FrameName[] = []
  /** Lists of indices into #table, innermost function first. */
  readonly #lists: (readonly number[])[] = []
  /** Per frame: index into #lists of what symbols and lines say. */
  readonly #listOf: Uint32Array
  /** Per frame that says its functions: theirs. They stand behind the symbol, where one is asked for. */
  readonly #own = new Map<number, readonly number[]>()
  readonly #ownFunctions = new Map<string, number>()
  /** One function may be mapped by many processes: their frames share its name. */
  readonly #known = new Map<NamedAddress | readonly FrameName[], number>()

  private constructor(frames: number) {
    this.#listOf = new Uint32Array(frames).fill(NONE)
  }

  static async of(frames: FrameTable): Promise<NamesBuilder> {
    const builder = new NamesBuilder(frames.length)
    const { kind, function: functions } = frames
    for await (const [from, to] of inTurns(frames.length)) {
      for (let frame = from; frame < to; frame++) {
        if (kind[frame] === INTERPRETED || functions[frame]) builder.#takeOwn(frame, frames.at(frame))
      }
    }
    return builder
  }

  #takeOwn(number: number, frame: Frame): void {
    const named = ownFunctions(frame).map((own) => this.#ownIndex(own))
    this.#own.set(number, named)
  }

  #ownIndex({ language, function: name, file, line }: FrameFunction): number {
    const key = `${language}\0${name}\0${file}\0${line}`
    const known = this.#ownFunctions.get(key)
    if (known !== undefined) return known
    const index = this.#table.push({ function: name, systemName: name, file, line, offset: 0 }) - 1
    this.#ownFunctions.set(key, index)
    return index
  }

  set(frame: number, address: NamedAddress): void {
    this.#listOf[frame] = this.#known.get(address) ?? this.#keep(address, [nameOf(address)])
  }

  /** A frame of several functions, innermost first: all but the last are inlined. */
  setChain(frame: number, chain: readonly FrameName[]): void {
    this.#listOf[frame] = this.#known.get(chain) ?? this.#keep(chain, chain)
  }

  /** The same, of a frame that said only why its function was not known. */
  setInstead(frame: number, chain: readonly FrameName[]): void {
    this.#own.delete(frame)
    this.setChain(frame, chain)
  }

  #keep(key: NamedAddress | readonly FrameName[], names: readonly FrameName[]): number {
    const list = this.#lists.push(names.map((name) => this.#table.push(name) - 1)) - 1
    this.#known.set(key, list)
    return list
  }

  async build(): Promise<FrameNames> {
    const offsets = new Uint32Array(this.#listOf.length + 1)
    const indices: number[] = []
    for await (const [from, to] of inTurns(this.#listOf.length)) {
      for (let frame = from; frame < to; frame++) {
        const list = this.#lists[this.#listOf[frame] ?? NONE] ?? []
        for (const index of list) indices.push(index)
        for (const index of this.#own.get(frame) ?? []) indices.push(index)
        offsets[frame + 1] = indices.length
      }
    }
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
