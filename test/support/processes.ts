// Processes made by hand: what the kernel reported of them, and a /proc that tests change between windows.

import type { MemoryReading, ProcessFiles } from '../../src/attribution/process-files.ts'
import { avma, fileOffset } from '../../src/core/address.ts'
import { type Image, imageKindOf, type Mapping, type ProcessEvent } from '../../src/core/process.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import { monotonicTime, unixTime } from '../../src/core/units.ts'
import { batchOf } from './consumers.ts'
import { processTableOf } from './process-table.ts'

/** Windows of tests are ten seconds long; this is where the first begins, in seconds. */
export const BEGIN = 1_000
const nanosecondsOf = (seconds: number): bigint => BigInt(Math.round(seconds * 1e9))

/** Code of a program begins at its page and a bit; a program is called by where it lies. */
const PAGE = 0x1000n
const CODE = 0x234n

/** What the kernel reports, at seconds after the first window's begin. */
export type Told =
  | { readonly at: number; readonly exec: number }
  | { readonly at: number; readonly fork: number; readonly of: number }
  | { readonly at: number; readonly exit: number }
  | { readonly at: number; readonly map: string; readonly in: number; readonly page: number }

export interface ToldWindow {
  /** Window number, from 0. */
  readonly sequence?: number
  /** Who lived at its start, and the pages that its programs lay in. */
  readonly before?: Readonly<Record<number, Readonly<Record<string, number>>>>
  readonly told?: readonly Told[]
  /** [pid, seconds after the first window's begin] */
  readonly samples: readonly (readonly [pid: number, at: number])[]
  /** Path of each sample's cgroup, '' where it is not known; absent: the source knows none. */
  readonly cgroups?: readonly string[]
}

/** A batch with samples of these processes, in order of time. */
export function batchOfProcesses({
  sequence = 0,
  before = {},
  told = [],
  samples,
  cgroups = [],
}: ToldWindow): ProfileBatch {
  const images: Image[] = []
  const mappings: Mapping[] = []
  const map = (pid: number, path: string, page: number): number => {
    const image = images.push({ kind: imageKindOf(path), path, buildId: '', device: 0n, inode: 0n }) - 1
    const start = PAGE * BigInt(page)
    const place = { start: avma(start), end: avma(start + PAGE), fileOffset: fileOffset(0n), bias: 0n }
    return mappings.push({ pid, image, ...place, addressSpace: 'svma', protection: 5, flags: 2 }) - 1
  }
  const start = BEGIN + sequence * 10
  const base = (pid: number, at: number) => ({
    ...{ time: monotonicTime(nanosecondsOf(at)), pid, tid: pid, synthesised: at === start },
  })
  const snapshot = Object.entries(before).flatMap(([number, files]): ProcessEvent[] => {
    const pid = Number(number)
    return [
      { ...base(pid, start), kind: 'comm', comm: 'x', exec: false },
      ...Object.entries(files).map(
        ([path, page]): ProcessEvent => ({
          ...base(pid, start),
          kind: 'mmap',
          mapping: map(pid, path, page),
        }),
      ),
    ]
  })
  const events = told.map((event): ProcessEvent => {
    const at = BEGIN + event.at
    if ('exec' in event) return { ...base(event.exec, at), kind: 'comm', comm: 'x', exec: true }
    if ('map' in event)
      return { ...base(event.in, at), kind: 'mmap', mapping: map(event.in, event.map, event.page) }
    if ('fork' in event)
      return { ...base(event.fork, at), kind: 'fork', parentPid: event.of, parentTid: event.of }
    return { ...base(event.exit, at), kind: 'exit', parentPid: 1, parentTid: 1 }
  })
  const batch = batchOf(samples.length, sequence)
  return {
    ...batch,
    window: {
      start: monotonicTime(nanosecondsOf(start)),
      end: monotonicTime(nanosecondsOf(start + 10)),
      unixStart: unixTime(0n),
      unixEnd: unixTime(0n),
      sequence,
    },
    samples: {
      ...batch.samples,
      pid: Uint32Array.from(samples, ([pid]) => pid),
      time: BigUint64Array.from(samples, ([, at]) => nanosecondsOf(BEGIN + at)),
      cgroup: BigUint64Array.from(cgroups, (path, index) => (path === '' ? 0n : BigInt(index + 1))),
    },
    cgroups: new Map(cgroups.map((path, index) => [BigInt(index + 1), path])),
    processes: processTableOf({ images, mappings, events: [...snapshot, ...events] }, snapshot.length),
  }
}

/** A process as /proc shows it. */
export interface LiveProcess {
  /** Seconds after the first window's begin; it may be negative. */
  readonly start: number
  readonly executable?: string
  /** Where its program lies. */
  readonly page?: number
  readonly cgroup?: string
  readonly commandLine?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** Its memory may not be read; or nobody answers. */
  readonly memory?: 'denied' | 'slow'
  readonly kernelThread?: boolean
  readonly zombie?: boolean
}

/** What a test makes of /proc, and what was asked of it. */
export class FakeProc implements ProcessFiles {
  readonly processes = new Map<number, LiveProcess>()
  /** `environ 12` */
  readonly asked: string[] = []
  /** Called when an environment was read: what happens meanwhile. */
  meanwhile: () => void = () => undefined
  slept = 0n

  sleptFor(): bigint {
    return this.slept
  }

  stat(pid: number): string | undefined {
    const process = this.#at('stat', pid)
    if (process === undefined) return undefined
    const ticks = Number((nanosecondsOf(BEGIN + process.start) + this.slept) / 10_000_000n)
    const hidden = process.memory === 'denied' || process.kernelThread
    const code = hidden ? 1n : PAGE * BigInt(process.page ?? 1) + CODE
    const fields = [process.zombie ? 'Z' : 'S', 1, 1, 1, 0, -1, process.kernelThread ? 0x20_8040 : 0x40_0000]
    return `${pid} (a) b) ${[...fields, ...Array(12).fill(0), ticks, 0, 0, 0, code, 0].join(' ')}\n`
  }

  cgroup(pid: number): string | undefined {
    const process = this.#at('cgroup', pid)
    return process && `0::${process.cgroup ?? '/'}\n`
  }

  executable(pid: number): string | undefined {
    const process = this.#at('exe', pid)
    return process?.memory === 'denied' ? undefined : process?.executable
  }

  async commandLine(pid: number): Promise<MemoryReading> {
    const process = this.#at('cmdline', pid)
    return process === undefined ? { outcome: 'gone' } : readingOf(process.commandLine ?? [])
  }

  async environment(pid: number): Promise<MemoryReading> {
    const process = this.#at('environ', pid)
    this.meanwhile()
    if (process === undefined) return { outcome: 'gone' }
    if (process.memory !== undefined) return { outcome: process.memory }
    return readingOf(Object.entries(process.environment ?? {}).map(([name, value]) => `${name}=${value}`))
  }

  #at(file: string, pid: number): LiveProcess | undefined {
    this.asked.push(`${file} ${pid}`)
    return this.processes.get(pid)
  }
}

const readingOf = (texts: readonly string[]): MemoryReading => ({
  outcome: 'read',
  bytes: new TextEncoder().encode(texts.map((text) => `${text}\0`).join('')),
})
