// Which frames of a window are to be looked up where: native frames by image, kernel frames together.

import { inTurns } from '../base/turns.ts'
import { ADDRESS_SPACES, type AddressSpace, type Image, type Mapping } from '../core/process.ts'
import { FRAME_KINDS, type Frame, type ProfileBatch } from '../core/profile.ts'
import { lookedUp } from './naming.ts'

const NATIVE = FRAME_KINDS.indexOf('native')
const KERNEL = FRAME_KINDS.indexOf('kernel')
/** Below this lie 32-bit processes, whose vdso is another image than ours. */
const FOUR_GIB = 0x1_0000_0000n

/** Frames by what they stand for, with the addresses to look up. Equal positions belong together. */
export interface AddressGroup {
  readonly frames: number[]
  readonly addresses: bigint[]
}

export interface ImageGroup extends AddressGroup {
  readonly image: Image
  readonly space: AddressSpace
  /** Processes that map it, and for which its path leads to the same file. */
  readonly pids: Set<number>
  /** Theirs (RootOf). */
  readonly root: string
}

/** What decides which file a path leads to in a process, as a key. */
export type RootOf = (pid: number) => string

export interface FrameGroups {
  readonly images: readonly ImageGroup[]
  readonly kernel: AddressGroup
}

/** Processes with frames of files. */
export function processesOf({ stacks: { frames }, processes }: ProfileBatch): readonly number[] {
  const mappings = new Set<number>()
  for (let frame = 0; frame < frames.length; frame++) {
    if (frames.kind[frame] === NATIVE) mappings.add(frames.mapping[frame] ?? -1)
  }
  return [...new Set([...mappings].map((index) => processes.mappings.at(index).pid))]
}

/** Frames of one image are apart where its path may be another file's: two containers may have different files of one name. */
export async function groupFrames(batch: ProfileBatch, rootOf: RootOf): Promise<FrameGroups> {
  const { frames } = batch.stacks
  const images = new ImageGroups(batch, rootOf)
  const kernel: AddressGroup = { frames: [], addresses: [] }
  const { kind, mapping, address, flags, function: functions } = frames
  for await (const [from, to] of inTurns(frames.length)) {
    for (let frame = from; frame < to; frame++) {
      if (functions[frame] && !wantsSymbol(frames.at(frame))) continue // it names itself
      const code = kind[frame]
      const group = code === NATIVE ? images.of(mapping[frame] ?? -1) : code === KERNEL ? kernel : undefined
      if (group === undefined) continue
      group.frames.push(frame)
      group.addresses.push(lookedUp(address[frame] ?? 0n, flags[frame] ?? 0))
    }
  }
  return { images: images.all(), kernel }
}

/** Its first function is whatever the symbol table says. */
const wantsSymbol = (frame: Frame): boolean =>
  frame.kind === 'native' && frame.functions?.[0]?.function === ''

class ImageGroups {
  readonly #batch: ProfileBatch
  readonly #rootOf: RootOf
  readonly #groups = new Map<string, ImageGroup>()
  /** By mapping; null where there is nothing to look up in. */
  readonly #byMapping: (ImageGroup | null)[] = []

  constructor(batch: ProfileBatch, rootOf: RootOf) {
    this.#batch = batch
    this.#rootOf = rootOf
  }

  /** The group of a mapping's image; none where there is nothing to look up in. */
  of(mapping: number): ImageGroup | undefined {
    this.#byMapping[mapping] ??= this.#groupOf(mapping) ?? null
    return this.#byMapping[mapping] ?? undefined
  }

  all(): readonly ImageGroup[] {
    return [...this.#groups.values()]
  }

  #groupOf(index: number): ImageGroup | undefined {
    const { images, mappings } = this.#batch.processes
    const mapping = mappings.at(index)
    const image = images.at(mapping.image)
    if (!hasNames(image, mapping)) return undefined
    const { addressSpace: space } = mapping
    const root = this.#rootOf(mapping.pid)
    const key = `${mapping.image}/${ADDRESS_SPACES.indexOf(space)}/${root}`
    const group = this.#groups.get(key) ?? {
      image,
      space,
      pids: new Set(),
      root,
      frames: [],
      addresses: [],
    }
    group.pids.add(mapping.pid)
    this.#groups.set(key, group)
    return group
  }
}

function hasNames(image: Image, mapping: Mapping): boolean {
  switch (image.kind) {
    case 'file':
      return mapping.addressSpace !== 'avma'
    case 'vdso':
      return mapping.addressSpace !== 'avma' && mapping.start >= FOUR_GIB
    case 'anonymous':
    case 'unknown':
      return false
  }
}
