// Makes a window buffer from values: how replay and tests produce the same batches as the native session.

import { KERNEL_SYMBOL_KINDS, type KernelSymbolEvent } from './kernel-code.ts'
import { LEFT_OUT_REASONS, type LeftOutReason, LOSS_REASONS, type LossReason } from './loss.ts'
import {
  ADDRESS_SPACES,
  IMAGE_KINDS,
  IMAGE_RUNTIMES,
  type Image,
  type Mapping,
  PROCESS_EVENT_KINDS,
  type ProcessEvent,
} from './process.ts'
import {
  FRAME_KINDS,
  type Frame,
  type FrameFunction,
  NOTICE_KINDS,
  type Notice,
  STACK_STATES,
  type StackState,
} from './profile.ts'
import {
  HEADER_BYTES,
  SECTION_BYTES,
  SECTIONS,
  type SectionName,
  SHARED,
  WINDOW_MAGIC,
  WINDOW_VERSION,
} from './window-layout.ts'

export interface WindowTimes {
  readonly start: bigint
  readonly end: bigint
  /** Unix minus monotonic nanoseconds. */
  readonly unixOffset: bigint
  readonly sequence: number
  /** Whether `addKernelSymbol` was called for all that there were. Default: false. */
  readonly knowsKernelSymbols?: boolean
}

/** One sample to add; `stack` is what `addStack` returned. */
export interface SampleRow {
  readonly time: bigint
  readonly pid: number
  readonly tid: number
  readonly cpu: number
  readonly stack: number
  readonly value: bigint
  readonly comm: string
  /** With every sample of a session, or with none; 0n: not known. */
  readonly cgroup?: bigint
}

/** Kinds of events that say what is so, whatever was before. */
const STATES: ReadonlySet<number> = new Set(
  (['comm', 'mmap'] as const).map((kind) => PROCESS_EVENT_KINDS.indexOf(kind)),
)

/** A growing column of numbers of one section. */
class Column {
  readonly values: (number | bigint)[] = []
}

/**
 * Collects a window and lays it out. Equal strings, images, mappings, frames and stacks are stored once. Samples must
 * be added in order of time; snapshot events before other events.
 */
export class WindowBuilder {
  readonly #columns = new Map<SectionName, Map<number, Column>>()
  readonly #known = new Map<string, number>()
  readonly #strings: string[] = []
  readonly #losses = new Map<number, number[]>()
  readonly #leftOut = new Map<number, number[]>()

  constructor() {
    this.string('')
    this.#column('stackOffsets').values.push(0)
    for (const name of ['stackFrames', 'stackState', 'frameKind'] as const) this.#column(name)
  }

  string(text: string): number {
    return this.#once(`s${text}`, () => this.#strings.push(text) - 1)
  }

  addImage(image: Image): number {
    const {
      kind,
      path,
      buildId,
      device,
      inode,
      runtime = 'unknown',
      goBuildId = '',
      contentHash = '',
    } = image
    const key = `i${kind}\0${path}\0${buildId}\0${device}\0${inode}\0${runtime}\0${goBuildId}\0${contentHash}`
    return this.#once(key, () => {
      this.#push('imagePath', this.string(path))
      this.#push('imageBuildId', this.string(buildId))
      this.#push('imageDevice', device)
      this.#push('imageInode', inode)
      this.#push('imageRuntime', IMAGE_RUNTIMES.indexOf(runtime))
      this.#push('imageGoBuildId', this.string(goBuildId))
      this.#push('imageContentHash', this.string(contentHash))
      return this.#push('imageKind', IMAGE_KINDS.indexOf(kind))
    })
  }

  addMapping(mapping: Mapping): number {
    const key = `m${mapping.pid}/${mapping.image}/${mapping.start}/${mapping.end}/${mapping.fileOffset}/${mapping.bias}/${mapping.addressSpace}/${mapping.protection}/${mapping.flags}`
    return this.#once(key, () => {
      this.#push('mappingImage', mapping.image)
      this.#push('mappingStart', mapping.start)
      this.#push('mappingEnd', mapping.end)
      this.#push('mappingFileOffset', mapping.fileOffset)
      this.#push('mappingBias', BigInt.asUintN(64, mapping.bias))
      this.#push('mappingSpace', ADDRESS_SPACES.indexOf(mapping.addressSpace))
      this.#push('mappingProtection', mapping.protection)
      this.#push('mappingFlags', mapping.flags)
      return this.#push('mappingPid', mapping.pid)
    })
  }

  addFrame(frame: Frame): number {
    switch (frame.kind) {
      case 'native':
        return this.#frame(frame.kind, frame.returnAddress, frame.mapping, frame.svma, frame.functions)
      case 'kernel':
        return this.#frame(frame.kind, frame.returnAddress, 0, frame.avma)
      case 'interpreted':
        return this.#frame(frame.kind, false, 0, BigInt(this.#functionRow(frame)))
      case 'reason':
        return this.#frame(frame.kind, false, 0, BigInt(this.string(frame.text)))
    }
  }

  /** `into`: 1 + row of what it was inlined into. */
  #functionRow(named: FrameFunction, into = 0): number {
    const texts = [named.language, named.function, named.file].map((text) => this.string(text))
    const row = [...texts, named.line]
    return this.#once(`t${row.join('/')}/${into}`, () => {
      for (const value of row) this.#push('interpreted', value)
      return this.#push('inlinedInto', into)
    })
  }

  #frame(
    kind: Frame['kind'],
    returnAddress: boolean,
    mapping: number,
    address: bigint,
    functions: readonly FrameFunction[] = [],
  ): number {
    const row = functions.reduceRight((into, named) => this.#functionRow(named, into) + 1, 0)
    return this.#once(`f${kind}/${returnAddress}/${mapping}/${address}/${row}`, () => {
      this.#push('frameFlags', returnAddress ? 1 : 0)
      this.#push('frameFunction', row)
      this.#push('frameMapping', mapping)
      this.#push('frameAddress', address)
      return this.#push('frameKind', FRAME_KINDS.indexOf(kind))
    })
  }

  /** `frames`: what `addFrame` returned, leaf first. */
  addStack(frames: readonly number[], state: StackState): number {
    return this.#once(`k${state}/${frames.join(',')}`, () => {
      for (const frame of frames) this.#push('stackFrames', frame)
      this.#push('stackOffsets', this.#column('stackFrames').values.length)
      return this.#push('stackState', STACK_STATES.indexOf(state))
    })
  }

  /** Those that come first, are synthesised, and true at the window's start are its snapshot. */
  addEvent(event: ProcessEvent): void {
    const exec = event.kind === 'comm' && event.exec
    this.#push('eventFlags', (event.synthesised ? 1 : 0) | (exec ? 2 : 0))
    this.#push('eventTime', event.time)
    this.#push('eventPid', event.pid)
    this.#push('eventTid', event.tid)
    const [a, b] = this.#eventArguments(event)
    this.#push('eventA', a)
    this.#push('eventB', b)
    this.#push('eventKind', PROCESS_EVENT_KINDS.indexOf(event.kind))
  }

  #eventArguments(event: ProcessEvent): [number, number] {
    switch (event.kind) {
      case 'comm':
        return [this.string(event.comm), 0]
      case 'mmap':
        return [event.mapping, 0]
      case 'fork':
      case 'exit':
        return [event.parentPid, event.parentTid]
    }
  }

  /** In order of time. */
  addKernelSymbol({ kind, gone, time, start, length, name }: KernelSymbolEvent): void {
    this.#push('kernelSymbolFlags', gone ? 1 : 0)
    this.#push('kernelSymbolTime', time)
    this.#push('kernelSymbolStart', start)
    this.#push('kernelSymbolLength', length)
    this.#push('kernelSymbolName', this.string(name))
    this.#push('kernelSymbolKind', KERNEL_SYMBOL_KINDS.indexOf(kind))
  }

  /** Makes the session appear in the window even when it has no samples. */
  addSession(session: number): void {
    for (const name of [
      'sampleTime',
      'samplePid',
      'sampleTid',
      'sampleCpu',
      'sampleStack',
      'sampleValue',
      'sampleComm',
    ] as const) {
      this.#column(name, session)
    }
  }

  addSample(session: number, row: SampleRow): void {
    this.#push('sampleTime', row.time, session)
    this.#push('samplePid', row.pid, session)
    this.#push('sampleTid', row.tid, session)
    this.#push('sampleCpu', row.cpu, session)
    this.#push('sampleStack', row.stack, session)
    this.#push('sampleValue', row.value, session)
    this.#push('sampleComm', this.string(row.comm), session)
    if (row.cgroup !== undefined) this.#push('sampleCgroup', row.cgroup, session)
  }

  /** @param path '' where it is not known */
  addCgroup(id: bigint, path: string): void {
    this.#push('cgroupId', id)
    this.#push('cgroupPath', this.string(path))
  }

  addLoss(session: number, reason: LossReason, count: number): void {
    const counts = this.#losses.get(session) ?? LOSS_REASONS.map(() => 0)
    const index = LOSS_REASONS.indexOf(reason)
    counts[index] = (counts[index] ?? 0) + count
    this.#losses.set(session, counts)
  }

  addLeftOut(session: number, reason: LeftOutReason, count: number): void {
    const counts = this.#leftOut.get(session) ?? LEFT_OUT_REASONS.map(() => 0)
    const index = LEFT_OUT_REASONS.indexOf(reason)
    counts[index] = (counts[index] ?? 0) + count
    this.#leftOut.set(session, counts)
  }

  addNotice(session: number, notice: Notice): void {
    this.#push('noticeKind', NOTICE_KINDS.indexOf(notice.kind), session)
    this.#push('noticeTime', notice.time, session)
    this.#push('noticeCpu', notice.cpu, session)
    this.#push('noticeCount', BigInt(notice.count), session)
  }

  build(times: WindowTimes): SharedArrayBuffer {
    this.#layOutStrings()
    this.#column('window').values.splice(
      0,
      Number.POSITIVE_INFINITY,
      times.start,
      times.end,
      BigInt.asUintN(64, times.unixOffset),
      BigInt(times.sequence),
      BigInt(this.#snapshotLength(times.start)),
      times.knowsKernelSymbols === true ? 1n : 0n,
    )
    for (const [session, counts] of this.#losses) {
      this.#column('losses', session).values.splice(0, Number.POSITIVE_INFINITY, ...counts.map(BigInt))
    }
    for (const [session, counts] of this.#leftOut) {
      this.#column('leftOut', session).values.splice(0, Number.POSITIVE_INFINITY, ...counts.map(BigInt))
    }
    return writeSections(
      [...this.#columns].flatMap(([name, sessions]) =>
        [...sessions].map(([session, { values }]) => ({ name, session, values })),
      ),
    )
  }

  #snapshotLength(start: bigint): number {
    const kinds = this.#column('eventKind').values
    const flags = this.#column('eventFlags').values
    const times = this.#column('eventTime').values
    const isChange = (kind: number | bigint, index: number): boolean =>
      (Number(flags[index]) & 1) === 0 || (times[index] ?? 0n) > start || !STATES.has(Number(kind))
    const first = kinds.findIndex(isChange)
    return first < 0 ? kinds.length : first
  }

  #layOutStrings(): void {
    const bytes = this.#column('stringBytes').values
    const offsets = this.#column('stringOffsets').values
    bytes.length = 0
    offsets.length = 0
    const encoder = new TextEncoder()
    for (const text of this.#strings) {
      offsets.push(bytes.length)
      for (const byte of encoder.encode(text)) bytes.push(byte)
    }
    offsets.push(bytes.length)
  }

  #once(key: string, make: () => number): number {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const index = make()
    this.#known.set(key, index)
    return index
  }

  #column(name: SectionName, session: number = SHARED): Column {
    let sessions = this.#columns.get(name)
    if (sessions === undefined) {
      sessions = new Map()
      this.#columns.set(name, sessions)
    }
    let column = sessions.get(session)
    if (column === undefined) {
      column = new Column()
      sessions.set(session, column)
    }
    return column
  }

  /** Returns the index of the value pushed. */
  #push(name: SectionName, value: number | bigint, session: number = SHARED): number {
    return this.#column(name, session).values.push(value) - 1
  }
}

interface SectionValues {
  readonly name: SectionName
  readonly session: number
  readonly values: readonly (number | bigint)[]
}

function writeSections(sections: readonly SectionValues[]): SharedArrayBuffer {
  const aligned = (size: number) => (size + 7) & ~7
  const tableEnd = HEADER_BYTES + sections.length * SECTION_BYTES
  const size = sections.reduce(
    (sum, { name, values }) => sum + aligned(values.length * SECTIONS[name][1]),
    aligned(tableEnd),
  )
  const buffer = new SharedArrayBuffer(size)
  const view = new DataView(buffer)
  view.setUint32(0, WINDOW_MAGIC, true)
  view.setUint32(4, WINDOW_VERSION, true)
  view.setUint32(8, sections.length, true)
  let offset = aligned(tableEnd)
  sections.forEach(({ name, session, values }, index) => {
    const [kind, width] = SECTIONS[name]
    const at = HEADER_BYTES + index * SECTION_BYTES
    view.setUint32(at, kind, true)
    view.setUint32(at + 4, session, true)
    view.setBigUint64(at + 8, BigInt(offset), true)
    view.setBigUint64(at + 16, BigInt(values.length), true)
    writeValues(new DataView(buffer, offset), width, values)
    offset += aligned(values.length * width)
  })
  return buffer
}

function writeValues(view: DataView, width: 1 | 4 | 8, values: readonly (number | bigint)[]): void {
  values.forEach((value, index) => {
    switch (width) {
      case 1:
        view.setUint8(index, Number(value))
        break
      case 4:
        view.setUint32(index * 4, Number(value), true)
        break
      case 8:
        view.setBigUint64(index * 8, BigInt(value), true)
        break
    }
  })
}
