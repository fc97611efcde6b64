// Which frames of a window are to be looked up where: native frames by image, kernel frames together.

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
export function groupFrames(batch: ProfileBatch, rootOf: RootOf): FrameGroups {
  const { frames } = batch.stacks
  const images = new Map<string, ImageGroup>()
  const kernel: AddressGroup = { frames: [], addresses: [] }
  for (let frame = 0; frame < frames.length; frame++) {
    if (frames.function[frame] && !wantsSymbol(frames.at(frame))) continue // it names itself
    const kind = frames.kind[frame]
    const group =
      kind === NATIVE
        ? imageGroup(batch, frames.mapping[frame] ?? -1, images, rootOf)
        : kind === KERNEL
          ? kernel
          : undefined
    if (group === undefined) continue
    group.frames.push(frame)
    group.addresses.push(lookedUp(frames.address[frame] ?? 0n, frames.flags[frame] ?? 0))
  }
  return { images: [...images.values()], kernel }
}

/** Its first function is whatever the symbol table says. */
const wantsSymbol = (frame: Frame): boolean =>
  frame.kind === 'native' && frame.functions?.[0]?.function === ''

/** The group of a mapping's image; none where there is nothing to look up in. */
function imageGroup(
  batch: ProfileBatch,
  index: number,
  groups: Map<string, ImageGroup>,
  rootOf: RootOf,
): ImageGroup | undefined {
  const mapping = batch.processes.mappings.at(index)
  const image = batch.processes.images.at(mapping.image)
  if (!hasNames(image, mapping)) return undefined
  const root = rootOf(mapping.pid)
  const key = `${mapping.image}/${ADDRESS_SPACES.indexOf(mapping.addressSpace)}/${root}`
  const group = groups.get(key) ?? {
    image,
    space: mapping.addressSpace,
    pids: new Set(),
    root,
    frames: [],
    addresses: [],
  }
  group.pids.add(mapping.pid)
  groups.set(key, group)
  return group
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
