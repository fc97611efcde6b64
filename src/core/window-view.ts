// Reads a window buffer in place: typed arrays over it, objects only when somebody asks for them.

import { avma, fileOffset, svma } from './address.ts'
import { KERNEL_SYMBOL_KINDS, type KernelSymbolEvent } from './kernel-code.ts'
import { LOSS_REASONS, type Loss } from './loss.ts'
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
import {
  FRAME_KINDS,
  type Frame,
  type FrameFunction,
  type FrameTable,
  NOTICE_KINDS,
  type Notice,
  type ProfileBatch,
  type SessionInfo,
  type StackTable,
  type Strings,
  type TimeRange,
} from './profile.ts'
import { type FrameNames, NO_NAMES } from './symbolizer.ts'
import { monotonicTime, unixTime } from './units.ts'
import {
  HEADER_BYTES,
  SECTION_BYTES,
  SECTIONS,
  type SectionName,
  SHARED,
  WINDOW_MAGIC,
  WINDOW_VERSION,
} from './window-layout.ts'

/**
 * The batches of a window, one per session that has sections in it, in the order of `sessions`.
 * All share one StackTable, ProcessTable and Strings.
 * @throws Error when the buffer is not a window buffer of this version: the addon and the program do not match.
 */
export function batchesOf(
  buffer: SharedArrayBuffer,
  sessions: readonly SessionInfo[],
  names: FrameNames = NO_NAMES,
): ProfileBatch[] {
  const sections = new Sections(buffer)
  const strings = new WindowStrings(sections)
  const window = timeRange(sections)
  const stacks = stackTable(sections, strings)
  const processes = processTable(sections, strings)
  const kernelSymbols = kernelSymbolsOf(sections, strings)
  const knowsKernelSymbols = sections.u64('window')[5] === 1n
  return sessions
    .filter((session) => sections.has('sampleTime', session.id))
    .map((session) => ({
      session,
      window,
      samples: sampleColumns(sections, session.id),
      stacks,
      processes,
      strings,
      kernelSymbols,
      knowsKernelSymbols,
      losses: lossesOf(sections, session.id),
      notices: noticesOf(sections, session.id),
      names,
      buffer,
    }))
}

/** The sessions that a window buffer has samples columns for, even empty ones, whichever of them a batch is about. */
export function sessionIdsOf(buffer: SharedArrayBuffer): number[] {
  return new Sections(buffer).sessionsOf('sampleTime')
}

class Sections {
  readonly #buffer: SharedArrayBuffer
  readonly #places = new Map<string, { offset: number; count: number }>()

  constructor(buffer: SharedArrayBuffer) {
    this.#buffer = buffer
    const view = new DataView(buffer)
    const magic = view.getUint32(0, true)
    const version = view.getUint32(4, true)
    if (magic !== WINDOW_MAGIC || version !== WINDOW_VERSION) {
      throw new Error(`not a window buffer of version ${WINDOW_VERSION}: magic ${magic}, version ${version}`)
    }
    const sectionCount = view.getUint32(8, true)
    for (let index = 0; index < sectionCount; index++) {
      const at = HEADER_BYTES + index * SECTION_BYTES
      this.#places.set(`${view.getUint32(at, true)}/${view.getUint32(at + 4, true)}`, {
        offset: Number(view.getBigUint64(at + 8, true)),
        count: Number(view.getBigUint64(at + 16, true)),
      })
    }
  }

  has(name: SectionName, session: number): boolean {
    return this.#places.has(`${SECTIONS[name][0]}/${session}`)
  }

  sessionsOf(name: SectionName): number[] {
    const prefix = `${SECTIONS[name][0]}/`
    return [...this.#places.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => Number(key.slice(prefix.length)))
  }

  #place(name: SectionName, session: number) {
    return this.#places.get(`${SECTIONS[name][0]}/${session}`) ?? { offset: 0, count: 0 }
  }

  u8(name: SectionName, session: number = SHARED): Uint8Array {
    const { offset, count } = this.#place(name, session)
    return new Uint8Array(this.#buffer, offset, count)
  }

  u32(name: SectionName, session: number = SHARED): Uint32Array {
    const { offset, count } = this.#place(name, session)
    return new Uint32Array(this.#buffer, offset, count)
  }

  u64(name: SectionName, session: number = SHARED): BigUint64Array {
    const { offset, count } = this.#place(name, session)
    return new BigUint64Array(this.#buffer, offset, count)
  }
}

/** `column[index]` of an index known to be inside. */
function cell<Value>(
  column: { readonly [index: number]: Value; readonly length: number },
  index: number,
): Value {
  const value = column[index]
  if (value === undefined) throw new RangeError(`index ${index} of a column of ${column.length}`)
  return value
}

class WindowStrings implements Strings {
  readonly length: number
  readonly #offsets: Uint32Array
  readonly #bytes: Uint8Array
  readonly #decoded = new Map<number, string>()
  readonly #decoder = new TextDecoder()

  constructor(sections: Sections) {
    this.#offsets = sections.u32('stringOffsets')
    this.#bytes = sections.u8('stringBytes')
    this.length = Math.max(0, this.#offsets.length - 1)
  }

  at(index: number): string {
    const known = this.#decoded.get(index)
    if (known !== undefined) return known
    // TextDecoder refuses shared memory, so the bytes are copied first.
    const bytes = this.#bytes.slice(cell(this.#offsets, index), cell(this.#offsets, index + 1))
    const text = this.#decoder.decode(new Uint8Array(bytes))
    this.#decoded.set(index, text)
    return text
  }
}

function timeRange(sections: Sections): TimeRange {
  const window = sections.u64('window')
  const start = cell(window, 0)
  const end = cell(window, 1)
  const unixOffset = BigInt.asIntN(64, cell(window, 2))
  return {
    start: monotonicTime(start),
    end: monotonicTime(end),
    unixStart: unixTime(start + unixOffset),
    unixEnd: unixTime(end + unixOffset),
    sequence: Number(cell(window, 3)),
  }
}

function stackTable(sections: Sections, strings: Strings): StackTable {
  const offsets = sections.u32('stackOffsets')
  return {
    length: Math.max(0, offsets.length - 1),
    offsets,
    frameIndices: sections.u32('stackFrames'),
    state: sections.u8('stackState'),
    frames: frameTable(sections, strings),
  }
}

function frameTable(sections: Sections, strings: Strings): FrameTable {
  const kind = sections.u8('frameKind')
  const flags = sections.u8('frameFlags')
  const mapping = sections.u32('frameMapping')
  const address = sections.u64('frameAddress')
  const interpreted = sections.u32('interpreted')
  const functions = sections.u32('frameFunction')
  const inlinedInto = sections.u32('inlinedInto')
  const functionAt = (row: number): FrameFunction => ({
    language: strings.at(cell(interpreted, row * 4)),
    function: strings.at(cell(interpreted, row * 4 + 1)),
    file: strings.at(cell(interpreted, row * 4 + 2)),
    line: cell(interpreted, row * 4 + 3),
  })
  const functionsAt = (row: number): FrameFunction[] => {
    const functions: FrameFunction[] = []
    // Each is inlined into one that has a lower number.
    for (let next = row; next !== 0; ) {
      functions.push(functionAt(next - 1))
      const into = inlinedInto[next - 1] ?? 0
      next = into < next ? into : 0
    }
    return functions
  }
  const at = (index: number): Frame => {
    const frameKind = cell(FRAME_KINDS, cell(kind, index))
    const returnAddress = (cell(flags, index) & 1) !== 0
    switch (frameKind) {
      case 'native': {
        const row = functions[index] ?? 0
        return {
          kind: 'native',
          mapping: cell(mapping, index),
          svma: svma(cell(address, index)),
          returnAddress,
          ...(row === 0 ? {} : { functions: functionsAt(row) }),
        }
      }
      case 'kernel':
        return { kind: 'kernel', avma: avma(cell(address, index)), returnAddress }
      case 'interpreted':
        return { kind: 'interpreted', ...functionAt(Number(cell(address, index))) }
      case 'reason':
        return { kind: 'reason', text: strings.at(Number(cell(address, index))) }
    }
  }
  return { length: kind.length, at, kind, flags, mapping, address, function: functions }
}

const processTable = (sections: Sections, strings: Strings): ProcessTable => ({
  images: imagesOf(sections, strings),
  mappings: mappingsOf(sections),
  events: new EventRows(sections, strings),
  snapshotLength: Number(cell(sections.u64('window'), 4)),
})

/** Rows that are made once each. */
class LazyRows<Row> implements Rows<Row> {
  readonly length: number
  readonly #make: (index: number) => Row
  readonly #made: Row[] = []

  constructor(length: number, make: (index: number) => Row) {
    this.length = length
    this.#make = make
  }

  at(index: number): Row {
    this.#made[index] ??= this.#make(index)
    return this.#made[index]
  }

  *[Symbol.iterator](): Iterator<Row> {
    for (let index = 0; index < this.length; index++) yield this.at(index)
  }
}

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

function kernelSymbolsOf(sections: Sections, strings: Strings): Rows<KernelSymbolEvent> {
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

const sampleColumns = (sections: Sections, session: number): ProfileBatch['samples'] => {
  const time = sections.u64('sampleTime', session)
  return {
    length: time.length,
    time,
    pid: sections.u32('samplePid', session),
    tid: sections.u32('sampleTid', session),
    cpu: sections.u32('sampleCpu', session),
    stack: sections.u32('sampleStack', session),
    value: sections.u64('sampleValue', session),
    comm: sections.u32('sampleComm', session),
    cgroup: sections.u64('sampleCgroup', session),
  }
}

function lossesOf(sections: Sections, session: number): Loss[] {
  const counts = sections.u64('losses', session)
  return LOSS_REASONS.map((reason, index) => ({ reason, count: Number(counts[index] ?? 0n) })).filter(
    (loss) => loss.count > 0,
  )
}

function noticesOf(sections: Sections, session: number): Notice[] {
  const time = sections.u64('noticeTime', session)
  const cpu = sections.u32('noticeCpu', session)
  const count = sections.u64('noticeCount', session)
  return Array.from(sections.u8('noticeKind', session), (code, index) => ({
    kind: cell(NOTICE_KINDS, code),
    time: monotonicTime(cell(time, index)),
    cpu: cell(cpu, index),
    count: Number(cell(count, index)),
  }))
}
