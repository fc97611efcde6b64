// Reads a window buffer in place: typed arrays over it, objects only when somebody asks for them.

import { avma, svma } from './address.ts'
import { LEFT_OUT_REASONS, type LeftOut, LOSS_REASONS, type Loss } from './loss.ts'
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
import { NO_RESOURCES } from './resource.ts'
import { type FrameNames, NO_NAMES } from './symbolizer.ts'
import { monotonicTime, unixTime } from './units.ts'
import { kernelSymbolsOf, processTable } from './window-processes.ts'
import { cell, Sections, WindowStrings } from './window-sections.ts'

/** What the buffer does not say. */
export interface WindowContext {
  readonly names?: FrameNames
  /** ProfileBatch.isLast. */
  readonly isLast?: boolean
}

/**
 * The batches of a window, one per session that has sections in it, in the order of `sessions`.
 * All share one StackTable, ProcessTable and Strings.
 * @throws Error when the buffer is not a window buffer of this version: the addon and the program do not match.
 */
export function batchesOf(
  buffer: SharedArrayBuffer,
  sessions: readonly SessionInfo[],
  { names = NO_NAMES, isLast = false }: WindowContext = {},
): ProfileBatch[] {
  const sections = new Sections(buffer)
  const strings = new WindowStrings(sections)
  const window = timeRange(sections)
  const stacks = stackTable(sections, strings)
  const processes = processTable(sections, strings)
  const kernelSymbols = kernelSymbolsOf(sections, strings)
  const cgroups = cgroupsOf(sections, strings)
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
      cgroups,
      losses: lossesOf(sections, session.id),
      leftOut: leftOutOf(sections, session.id),
      notices: noticesOf(sections, session.id),
      isLast,
      names,
      resources: NO_RESOURCES,
      buffer,
    }))
}

/** The sessions that a window buffer has samples columns for, even empty ones, whichever of them a batch is about. */
export function sessionIdsOf(buffer: SharedArrayBuffer): number[] {
  return new Sections(buffer).sessionsOf('sampleTime')
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

function leftOutOf(sections: Sections, session: number): LeftOut[] {
  const counts = sections.u64('leftOut', session)
  return LEFT_OUT_REASONS.map((reason, index) => ({ reason, count: Number(counts[index] ?? 0n) })).filter(
    (each) => each.count > 0,
  )
}

function cgroupsOf(sections: Sections, strings: Strings): ReadonlyMap<bigint, string> {
  const paths = sections.u32('cgroupPath')
  return new Map(Array.from(sections.u64('cgroupId'), (id, index) => [id, strings.at(cell(paths, index))]))
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
