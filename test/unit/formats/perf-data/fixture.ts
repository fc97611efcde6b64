// Windows made by hand, small enough to be read.

import { avma, fileOffset, svma } from '../../../../src/core/address.ts'
import type { HostInfo } from '../../../../src/core/host.ts'
import type { Image } from '../../../../src/core/process.ts'
import type { ProfileBatch, SessionInfo } from '../../../../src/core/profile.ts'
import { monotonicTime } from '../../../../src/core/units.ts'
import { WindowBuilder } from '../../../../src/core/window-builder.ts'
import { batchesOf } from '../../../../src/core/window-view.ts'
import {
  noticeRecords,
  type ProcessRecordOptions,
  processRecords,
  sampleSession,
} from '../../../../src/formats/perf-data/window.ts'
import { loadAddon } from '../../../../src/native/load.ts'
import { sessionInfo } from '../../../support/session.ts'

/** What a file has of these batches of one window, between two rounds. */
export async function encodeWindow(
  batches: readonly ProfileBatch[],
  options: ProcessRecordOptions,
): Promise<Buffer> {
  const [first] = batches
  if (first === undefined) throw new Error('a window without batches')
  const sessions = batches.map((batch) => sampleSession(batch.session))
  const samples = await loadAddon().encodeSamples(new Uint8Array(first.buffer), sessions)
  return Buffer.concat([await processRecords(first, options), samples, ...batches.map(noticeRecords)])
}

export const HOST: HostInfo = {
  hostname: 'node-7',
  osRelease: '6.18.1',
  arch: 'x86_64',
  cpusAvailable: 4,
  cpusOnline: 2,
  cpuDescription: 'Some CPU @ 2 GHz',
  cpuId: 'GenuineIntel,6,85,7',
  totalMemoryKb: 16_000_000n,
  kernel: {
    text: 0xffffffff81000000n,
    textEnd: 0xffffffff82200000n,
    buildId: '00112233445566778899aabbccddeeff00112233',
    modules: [{ name: 'virtio_net', start: 0xffffffffc0200000n, size: 0x8000n }],
  },
}

export const session = (id: number, over: Partial<SessionInfo> = {}): SessionInfo =>
  sessionInfo({ id, host: HOST, commandLine: ['sonde', 'record', '-a'], ...over })

export const FAULTS = (id: number): SessionInfo =>
  session(id, {
    event: {
      name: 'page-faults:u',
      type: 1,
      config: 2n,
      unit: 'count',
      excludeUser: false,
      excludeKernel: true,
    },
    rate: { by: 'period', period: 1n },
  })

export const APP: Image = {
  kind: 'file',
  path: '/srv/app',
  buildId: 'aabbccddeeff00112233445566778899aabbccdd',
  device: 0n,
  inode: 0n,
}
export const NO_ID: Image = {
  kind: 'file',
  path: '/srv/plain',
  buildId: '',
  device: (254n << 32n) | 3n,
  inode: 77n,
}
export const JIT: Image = { kind: 'anonymous', path: '//anon', buildId: '', device: 0n, inode: 0n }
export const UNKNOWN: Image = { kind: 'unknown', path: '[unknown]', buildId: '', device: 0n, inode: 0n }

export interface WindowSpec {
  readonly sessions: readonly SessionInfo[]
  readonly sequence: number
  /** Per session. */
  readonly samples: number
  /** Defaults to one second per window from 100 s on. */
  readonly start?: bigint
  /** The wall clock at the start; by default it goes with the windows. */
  readonly wall?: Date
  readonly processes?: number
  readonly lost?: number
  /** Path of the cgroup of each process, '' where it is not known. */
  readonly cgroups?: readonly string[]
  /** Distinct user frames, deepest stack. */
  readonly depth?: number
  /** So many more processes, whose stacks are nothing but a reason of their own. */
  readonly reasons?: number
}

export const SECOND = 1_000_000_000n
export const UNIX_OFFSET = 1_780_000_000n * SECOND

/** A process with three mappings whose samples alternate between user code, kernel code and a JIT. */
export function windowBuffer(spec: WindowSpec): SharedArrayBuffer {
  const start = spec.start ?? 100n * SECOND + BigInt(spec.sequence) * SECOND
  const builder = new WindowBuilder()
  const stacks = Array.from({ length: spec.processes ?? 1 }, (_, index) =>
    addProcess(builder, {
      pid: 1000 + index * 10,
      time: start,
      depth: spec.depth ?? 4,
      kernelText: spec.sessions[0]?.host.kernel?.text ?? 0xffffffff81000000n,
    }),
  )
  for (const [index, path] of (spec.cgroups ?? []).entries()) {
    if (path !== '') builder.addCgroup(cgroupId(index), path)
  }
  for (const [index, { id }] of spec.sessions.entries()) {
    builder.addSession(id)
    addSamples(builder, {
      id,
      index,
      start,
      count: spec.samples,
      stacks: [...stacks, ...endless(builder, spec)],
      cgroups: spec.cgroups,
    })
    if (spec.lost !== undefined) {
      const time = monotonicTime(start + SECOND / 2n)
      builder.addNotice(id, { kind: 'lost', time, cpu: 1, count: spec.lost })
      builder.addLoss(id, 'ring_full', spec.lost)
    }
  }
  const unixOffset = spec.wall === undefined ? UNIX_OFFSET : BigInt(spec.wall.getTime()) * 1_000_000n - start
  return builder.build({ start, end: start + SECOND, unixOffset, sequence: spec.sequence })
}

const endless = (builder: WindowBuilder, { reasons = 0 }: WindowSpec): number[][] =>
  Array.from({ length: reasons }, (_, index) => {
    const text = `[broken: no unwind rows in a-library-with-a-long-name-${index}.so]`
    const stack = builder.addStack([builder.addFrame({ kind: 'reason', text })], 'broken')
    return [stack, stack, stack]
  })

export const windowBatches = (spec: WindowSpec): ProfileBatch[] =>
  batchesOf(windowBuffer(spec), spec.sessions)

interface ProcessSpec {
  readonly pid: number
  readonly time: bigint
  readonly depth: number
  readonly kernelText: bigint
}

function addProcess(builder: WindowBuilder, process: ProcessSpec): number[] {
  const { pid } = process
  const time = monotonicTime(process.time)
  const base = { pid, tid: pid, time, synthesised: true } as const
  const space = { pid, protection: 5, flags: 2 } as const
  const app = builder.addMapping({
    ...space,
    image: builder.addImage(APP),
    start: avma(0x5555_0000_1000n),
    end: avma(0x5555_0001_0000n),
    fileOffset: fileOffset(0x1000n),
    bias: 0x5555_0000_0000n - 0x400000n,
    addressSpace: 'svma',
  })
  const plain = builder.addMapping({
    ...space,
    image: builder.addImage(NO_ID),
    start: avma(0x7f00_0000_0000n),
    end: avma(0x7f00_0010_0000n),
    fileOffset: fileOffset(0n),
    bias: 0x7f00_0000_0000n,
    addressSpace: 'file_offset',
  })
  const jit = builder.addMapping({
    ...space,
    image: builder.addImage(JIT),
    start: avma(0x7e00_0000_0000n),
    end: avma(0x7e00_0010_0000n),
    fileOffset: fileOffset(0n),
    bias: 0n,
    addressSpace: 'avma',
  })
  builder.addEvent({ ...base, kind: 'comm', comm: 'app', exec: false })
  for (const mapping of [app, plain, jit]) builder.addEvent({ ...base, kind: 'mmap', mapping })

  const native = (mapping: number, address: bigint, returnAddress = true) =>
    builder.addFrame({ kind: 'native', mapping, svma: svma(address), returnAddress })
  const callers = Array.from({ length: process.depth }, (_, index) =>
    native(app, 0x401040n + BigInt(index) * 16n),
  )
  const main = [...callers, native(app, 0x40f000n)]
  const kernel = [0x1000n, 0x2000n].map((offset, index) =>
    builder.addFrame({ kind: 'kernel', avma: avma(process.kernelText + offset), returnAddress: index > 0 }),
  )
  const reason = builder.addFrame({ kind: 'reason', text: 'no frame pointer' })
  return [
    builder.addStack([native(app, 0x401100n, false), ...main], 'unverified'),
    builder.addStack([...kernel, native(plain, 0x2000n, false), ...main], 'unverified'),
    builder.addStack([native(jit, 0x7e00_0000_1000n, false), ...main, reason], 'broken'),
  ]
}

interface SampleRun {
  readonly id: number
  readonly index: number
  readonly start: bigint
  readonly count: number
  readonly stacks: readonly (readonly number[])[]
  readonly cgroups: readonly string[] | undefined
}

const cgroupId = (process: number): bigint => 0x7_0000_0001n + BigInt(process)

function addSamples(builder: WindowBuilder, { id, index, start, count, stacks, cgroups }: SampleRun): void {
  for (let row = 0; row < count; row++) {
    const process = row % stacks.length
    const pid = 1000 + process * 10
    builder.addSample(id, {
      time: start + (SECOND * BigInt(row)) / BigInt(count) + BigInt(index),
      pid,
      tid: pid,
      cpu: row % 2,
      stack: stacks[process]![row % 3]!,
      value: index === 0 ? 10_101_010n : 1n,
      comm: 'app',
      ...(cgroups !== undefined && { cgroup: cgroups[process] ? cgroupId(process) : 0n }),
    })
  }
}
