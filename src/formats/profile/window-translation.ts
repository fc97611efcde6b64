// From a window's numbers to the dictionary's. Only what is asked for is translated, and once.

import type { Mapping } from '../../core/process.ts'
import { type Frame, type FrameFunction, ownFunctions, type ProfileBatch } from '../../core/profile.ts'
import { type Dictionary, type MappingEntry, NO_NAME_LIST } from './dictionary.ts'
import { NO_ROOM } from './sequence-table.ts'

const NOT_YET = -2
const KERNEL_PATH = '[kernel.kallsyms]'
const PLACELESS = {
  imageKind: 'unknown',
  buildId: '',
  goBuildId: '',
  contentHash: '',
  device: 0n,
  inode: 0n,
  start: 0n,
  limit: 0n,
  fileOffset: 0n,
  pid: 0,
} as const

/** Every method returns NO_ROOM when the dictionary had no room. */
export class WindowTranslation {
  readonly #dictionary: Dictionary
  readonly #batch: ProfileBatch
  readonly #strings: Int32Array
  readonly #mappings: Int32Array
  readonly #names: Int32Array
  readonly #frames: Int32Array
  readonly #stacks: Int32Array
  #scratch = new Uint32Array(256)

  constructor(dictionary: Dictionary, batch: ProfileBatch) {
    this.#dictionary = dictionary
    this.#batch = batch
    const untranslated = (length: number): Int32Array => new Int32Array(length).fill(NOT_YET)
    this.#strings = untranslated(batch.strings.length)
    this.#mappings = untranslated(batch.processes.mappings.length)
    this.#names = untranslated(batch.names.table.length)
    this.#frames = untranslated(batch.stacks.frames.length)
    this.#stacks = untranslated(batch.stacks.length)
  }

  string(index: number): number {
    return once(this.#strings, index, () => this.#dictionary.addString(this.#batch.strings.at(index)))
  }

  stack(index: number): number {
    const known = this.#stacks[index] as number
    if (known !== NOT_YET) return known
    const translated = this.#translateStack(index)
    this.#stacks[index] = translated
    return translated
  }

  #translateStack(index: number): number {
    const { offsets, frameIndices } = this.#batch.stacks
    const from = offsets[index] as number
    const count = (offsets[index + 1] as number) - from
    if (count > this.#scratch.length) this.#scratch = new Uint32Array(count * 2)
    for (let depth = 0; depth < count; depth++) {
      const frame = this.#frame(frameIndices[from + depth] as number)
      if (frame === NO_ROOM) return NO_ROOM
      this.#scratch[depth] = frame
    }
    return this.#dictionary.stacks.intern(this.#scratch, count)
  }

  #frame(index: number): number {
    const known = this.#frames[index] as number
    if (known !== NOT_YET) return known
    const translated = this.#translateFrame(index)
    this.#frames[index] = translated
    return translated
  }

  #translateFrame(index: number): number {
    const { frames } = this.#batch.stacks
    const frame = frames.at(index)
    const mapping = this.#mappingOf(frame)
    const nameList = this.#nameListOf(index, frame)
    if (mapping === NO_ROOM || nameList === NO_ROOM) return NO_ROOM
    const returnAddress = 'returnAddress' in frame && frame.returnAddress
    const own = ownFunctions(frame)
    return this.#dictionary.addFrame({
      kind: frame.kind,
      returnAddress,
      mapping,
      address: addressOf(frame),
      nameList,
      ownNames: own.length,
      language: own[0]?.language ?? '',
    })
  }

  #mappingOf(frame: Frame): number {
    switch (frame.kind) {
      case 'native':
        return once(this.#mappings, frame.mapping, () =>
          this.#dictionary.addMapping(this.#nativeMapping(frame.mapping)),
        )
      case 'kernel':
        return this.#dictionary.addMapping(this.#kernelMapping())
      case 'interpreted':
        return this.#dictionary.addMapping({ ...PLACELESS, kind: frame.kind, path: `[${frame.language}]` })
      case 'reason':
        return this.#dictionary.addMapping({ ...PLACELESS, kind: frame.kind, path: '[incomplete]' })
    }
  }

  #nativeMapping(index: number): MappingEntry {
    const { images, mappings } = this.#batch.processes
    const mapping = mappings.at(index)
    const image = images.at(mapping.image)
    return {
      kind: 'native',
      imageKind: image.kind,
      path: image.kind === 'unknown' ? '[unknown]' : image.path,
      buildId: image.buildId,
      goBuildId: image.goBuildId ?? '',
      contentHash: image.contentHash ?? '',
      device: image.device,
      inode: image.inode,
      ...placeOf(mapping),
    }
  }

  #kernelMapping(): MappingEntry {
    const kernel = this.#batch.session.host.kernel
    const place = { start: kernel?.text ?? 0n, limit: kernel?.textEnd ?? 0n }
    return { ...PLACELESS, kind: 'kernel', path: KERNEL_PATH, buildId: kernel?.buildId ?? '', ...place }
  }

  #nameListOf(index: number, frame: Frame): number {
    const { offsets, indices } = this.#batch.names
    const from = offsets[index] ?? 0
    const count = (offsets[index + 1] ?? 0) - from
    if (count <= 0) return this.#ownName(frame)
    const list = new Uint32Array(count)
    for (let depth = 0; depth < count; depth++) {
      const name = this.#name(indices[from + depth] as number)
      if (name === NO_ROOM) return NO_ROOM
      list[depth] = name
    }
    return this.#dictionary.nameLists.intern(list, count)
  }

  /** What an interpreter said, or why a stack ends, is the frame's name. */
  #ownName(frame: Frame): number {
    const functions =
      frame.kind === 'reason'
        ? [{ language: '', function: frame.text, file: '', line: 0 }]
        : ownFunctions(frame)
    return functions.length === 0 ? NO_NAME_LIST : this.#functionNames(functions)
  }

  #functionNames(functions: readonly FrameFunction[]): number {
    const names = functions.map(({ function: name, file, line }) =>
      this.#dictionary.addName({ function: name, systemName: name, file, line }),
    )
    if (names.includes(NO_ROOM)) return NO_ROOM
    return this.#dictionary.nameLists.intern(Uint32Array.from(names), names.length)
  }

  #name(index: number): number {
    return once(this.#names, index, () => {
      const name = this.#batch.names.table[index]
      if (name === undefined) throw new RangeError(`name ${index} of ${this.#batch.names.table.length}`)
      return this.#dictionary.addName(name)
    })
  }
}

function once(memo: Int32Array, index: number, translate: () => number): number {
  const known = memo[index]
  if (known !== undefined && known !== NOT_YET) return known
  const translated = translate()
  memo[index] = translated
  return translated
}

function addressOf(frame: Frame): bigint {
  switch (frame.kind) {
    case 'native':
      return frame.svma
    case 'kernel':
      return frame.avma
    case 'interpreted':
    case 'reason':
      return 0n
  }
}

/** A mapping in the file's own addresses (what symbol tables speak of, or offsets where those are unknown). */
const placeOf = (mapping: Mapping): Pick<MappingEntry, 'start' | 'limit' | 'fileOffset' | 'pid'> => ({
  start: BigInt.asUintN(64, mapping.start - mapping.bias),
  limit: BigInt.asUintN(64, mapping.end - mapping.bias),
  fileOffset: mapping.fileOffset,
  pid: mapping.addressSpace === 'avma' ? mapping.pid : 0,
})
