// What a window buffer says of processes, their mappings and images, and of the kernel's code.

import { avma, fileOffset } from './address.ts'
import { KERNEL_SYMBOL_KINDS, type KernelSymbolEvent } from './kernel-code.ts'
import {
  ADDRESS_SPACES,
  type EventTable,
  IMAGE_KINDS,
  IMAGE_RUNTIMES,
  type ImageTable,
  type Mapping,
  PROCESS_EVENT_KINDS,
  type ProcessEvent,
  type ProcessTable,
  type Rows,
} from './process.ts'
import type { Strings } from './profile.ts'
import { monotonicTime } from './units.ts'
import { cell, LazyRows, type Sections } from './window-sections.ts'

export const processTable = (sections: Sections, strings: Strings): ProcessTable => ({
  images: imagesOf(sections, strings),
  mappings: mappingsOf(sections),
  events: new EventRows(sections, strings),
  snapshotLength: Number(cell(sections.u64('window'), 4)),
})

function imagesOf(sections: Sections, strings: Strings): ImageTable {
  const kind = sections.u8('imageKind')
  const path = sections.u32('imagePath')
  const buildId = sections.u32('imageBuildId')
  const device = sections.u64('imageDevice')
  const inode = sections.u64('imageInode')
  const runtimes = sections.u8('imageRuntime')
  const goBuildIds = sections.u32('imageGoBuildId')
  const contentHashes = sections.u32('imageContentHash')
  const images = new LazyRows(kind.length, (index) => {
    const runtime = cell(IMAGE_RUNTIMES, runtimes[index] ?? 0)
    const goBuildId = strings.at(goBuildIds[index] ?? 0)
    const contentHash = strings.at(contentHashes[index] ?? 0)
    return {
      kind: cell(IMAGE_KINDS, cell(kind, index)),
      path: strings.at(cell(path, index)),
      buildId: strings.at(cell(buildId, index)),
      device: cell(device, index),
      inode: cell(inode, index),
      ...(runtime === 'unknown' ? {} : { runtime }),
      ...(goBuildId === '' ? {} : { goBuildId }),
      ...(contentHash === '' ? {} : { contentHash }),
    }
  })
  return Object.assign(images, { runtime: runtimes })
}

function mappingsOf(sections: Sections): Rows<Mapping> {
  const pid = sections.u32('mappingPid')
  const image = sections.u32('mappingImage')
  const start = sections.u64('mappingStart')
  const end = sections.u64('mappingEnd')
  const offset = sections.u64('mappingFileOffset')
  const bias = sections.u64('mappingBias')
  const space = sections.u8('mappingSpace')
  const protection = sections.u32('mappingProtection')
  const flags = sections.u32('mappingFlags')
  return new LazyRows(pid.length, (index) => ({
    pid: cell(pid, index),
    image: cell(image, index),
    start: avma(cell(start, index)),
    end: avma(cell(end, index)),
    fileOffset: fileOffset(cell(offset, index)),
    bias: cell(bias, index),
    addressSpace: cell(ADDRESS_SPACES, cell(space, index)),
    protection: cell(protection, index),
    flags: cell(flags, index),
  }))
}

export function kernelSymbolsOf(sections: Sections, strings: Strings): Rows<KernelSymbolEvent> {
  const kind = sections.u8('kernelSymbolKind')
  const flags = sections.u8('kernelSymbolFlags')
  const time = sections.u64('kernelSymbolTime')
  const start = sections.u64('kernelSymbolStart')
  const length = sections.u32('kernelSymbolLength')
  const name = sections.u32('kernelSymbolName')
  return new LazyRows(kind.length, (index) => ({
    kind: cell(KERNEL_SYMBOL_KINDS, cell(kind, index)),
    gone: (cell(flags, index) & 1) !== 0,
    time: monotonicTime(cell(time, index)),
    start: avma(cell(start, index)),
    length: cell(length, index),
    name: strings.at(cell(name, index)),
  }))
}

class EventRows implements EventTable {
  readonly time: BigUint64Array
  readonly pid: Uint32Array
  readonly #kind: Uint8Array
  readonly #strings: Strings
  readonly #flags: Uint8Array
  readonly #tid: Uint32Array
  readonly #a: Uint32Array
  readonly #b: Uint32Array

  constructor(sections: Sections, strings: Strings) {
    this.pid = sections.u32('eventPid')
    this.#kind = sections.u8('eventKind')
    this.#strings = strings
    this.#flags = sections.u8('eventFlags')
    this.time = sections.u64('eventTime')
    this.#tid = sections.u32('eventTid')
    this.#a = sections.u32('eventA')
    this.#b = sections.u32('eventB')
  }

  get length(): number {
    return this.pid.length
  }

  at(index: number): ProcessEvent {
    const kind = cell(PROCESS_EVENT_KINDS, cell(this.#kind, index))
    const base = {
      time: monotonicTime(cell(this.time, index)),
      pid: cell(this.pid, index),
      tid: cell(this.#tid, index),
      synthesised: (cell(this.#flags, index) & 1) !== 0,
    }
    const a = cell(this.#a, index)
    switch (kind) {
      case 'comm':
        return { ...base, kind, comm: this.#strings.at(a), exec: (cell(this.#flags, index) & 2) !== 0 }
      case 'mmap':
        return { ...base, kind, mapping: a }
      case 'fork':
      case 'exit':
        return { ...base, kind, parentPid: a, parentTid: cell(this.#b, index) }
    }
  }

  *[Symbol.iterator](): Iterator<ProcessEvent> {
    for (let index = 0; index < this.length; index++) yield this.at(index)
  }
}
