// One window of a replay under way: records in order of time in, a window buffer out.

import { avma, fileOffset, svma } from '../../core/address.ts'
import { KERNEL_SYMBOL_KINDS } from '../../core/kernel-code.ts'
import type { Image } from '../../core/process.ts'
import type { Notice, StackState } from '../../core/profile.ts'
import { monotonicTime } from '../../core/units.ts'
import { WindowBuilder, type WindowTimes } from '../../core/window-builder.ts'
import type {
  CommRecord,
  KernelSymbolRecord,
  LifeRecord,
  MmapRecord,
  NoticeRecord,
  SampleRecord,
} from '../../formats/perf-data/file-records.ts'
import type { StackNote } from '../../formats/perf-data/stack-notes.ts'
import type { StackNotes } from '../../formats/perf-data/stack-notes-reader.ts'
import { EXACT_ADDRESS } from '../../native/binding.ts'
import {
  type CapturedSample,
  CapturedStacks,
  type RecordedUnwinder,
  type UnwoundStack,
} from './captured-stacks.ts'
import { chainOf } from './chain.ts'
import { type AddressFrame, notedChain } from './noted-chain.ts'
import type { LiveMapping, ReplayedProcesses } from './processes.ts'

const UNKNOWN_IMAGE: Image = { kind: 'unknown', path: '[unknown]', buildId: '', device: 0n, inode: 0n }
const EVERYWHERE = 0xffff_ffff_ffff_ffffn
/** The place of kernel frames among rows of mappings. */
const KERNEL = -1
/** No code lies in the first page: a frame-pointer walk ends with what it finds in the outermost frame. */
const FIRST_CODE_ADDRESS = 4096n
/** User space ends below it, on every architecture. */
const UPPER_HALF = 1n << 63n
/** The longest that a thread is sampled after its EXIT was written. */
const EXIT_NS = 1_000_000_000n

export interface ReplayWindowOptions {
  readonly start: bigint
  readonly processes: ReplayedProcesses
  /** Per session: its sample_max_stack, 0 where unknown. */
  readonly maxStacks: readonly number[]
  /** Per session: whether its samples tell their cgroups. */
  readonly tellCgroups: readonly boolean[]
  /** Paths by id; looked at when the window ends. */
  readonly cgroups: ReadonlyMap<bigint, string>
  /** What the file says of its stacks besides addresses. */
  readonly notes: StackNotes | undefined
  /** Where samples bring bytes of their stacks. */
  readonly unwinder: RecordedUnwinder | undefined
}

export class ReplayWindow {
  readonly start: bigint
  samples = 0
  /** Of all distinct stacks. */
  frames = 0
  readonly #builder = new WindowBuilder()
  readonly #processes: ReplayedProcesses
  readonly #maxStacks: readonly number[]
  readonly #tellCgroups: readonly boolean[]
  readonly #cgroups: ReadonlyMap<bigint, string>
  readonly #sampledCgroups = new Set<bigint>()
  readonly #notes: StackNotes | undefined
  readonly #captured: CapturedStacks | undefined
  readonly #stacks = new Map<string, number>()
  readonly #rows = new Map<LiveMapping, Map<number, number>>()
  /** Frames by the place they lie in and their address there: twice it, plus one for return addresses. */
  readonly #frames = new Map<number, Map<number, number>>()

  /** Begins with what is known of all processes. */
  constructor({ start, processes, maxStacks, tellCgroups, cgroups, notes, unwinder }: ReplayWindowOptions) {
    this.start = start
    this.#processes = processes
    this.#maxStacks = maxStacks
    this.#tellCgroups = tellCgroups
    this.#cgroups = cgroups
    this.#notes = notes
    this.#captured = unwinder && new CapturedStacks(unwinder, maxStacks)
    for (const session of maxStacks.keys()) this.#builder.addSession(session)
    processes.forgetGone({ before: start - EXIT_NS })
    for (const { pid, threads, mappings } of processes.all()) this.#snapshot(pid, threads, mappings)
  }

  #snapshot(pid: number, threads: ReadonlySet<number>, mappings: readonly LiveMapping[]): void {
    const base = { time: monotonicTime(this.start), pid, synthesised: true } as const
    for (const tid of threads) {
      this.#builder.addEvent({
        ...base,
        kind: 'comm',
        tid,
        comm: this.#processes.commOf(pid, tid),
        exec: false,
      })
    }
    for (const mapping of mappings) {
      this.#builder.addEvent({ ...base, kind: 'mmap', tid: pid, mapping: this.#rowOf(pid, mapping) })
    }
  }

  /** Takes a record, and tells `processes` of what it changes. */
  add(record: SampleRecord | CommRecord | MmapRecord | LifeRecord): void {
    // What waits was sampled before this.
    if (record.kind !== 'sample' && this.#captured?.concerns(record.pid)) this.#addCaptured()
    switch (record.kind) {
      case 'sample':
        this.#addSample(record)
        return
      case 'comm':
        this.#processes.comm(record)
        this.#builder.addEvent({
          ...this.#eventBase(record),
          kind: 'comm',
          comm: record.comm,
          exec: record.exec,
        })
        return
      case 'mmap':
        this.#addMmap(record)
        return
      case 'fork':
      case 'exit':
        if (record.kind === 'fork') this.#processes.fork(record)
        else this.#processes.exit(record)
        this.#builder.addEvent({
          ...this.#eventBase(record),
          kind: record.kind,
          parentPid: record.parentPid,
          parentTid: record.parentTid,
        })
        return
    }
  }

  addNotice(session: number, { kind, time, cpu, count }: NoticeRecord): void {
    const notice: Notice = { kind, time: monotonicTime(time), cpu, count }
    this.#builder.addNotice(session, notice)
    if (kind === 'lost') this.#builder.addLoss(session, 'ring_full', count)
  }

  addKernelSymbol({ time, start, length, type, gone, name }: KernelSymbolRecord): void {
    const kind = KERNEL_SYMBOL_KINDS[type] ?? 'other'
    const at = monotonicTime(time > this.start ? time : this.start)
    this.#builder.addKernelSymbol({ kind, gone, time: at, start: avma(start), length, name })
  }

  build(times: Omit<WindowTimes, 'start'>): SharedArrayBuffer {
    this.#addCaptured()
    for (const id of this.#sampledCgroups) this.#builder.addCgroup(id, this.#cgroups.get(id) ?? '')
    return this.#builder.build({ start: this.start, ...times })
  }

  #eventBase({ time, pid, tid, id }: { time: bigint; pid: number; tid: number; id: bigint }) {
    return { time: monotonicTime(time > this.start ? time : this.start), pid, tid, synthesised: id === 0n }
  }

  #addMmap(record: MmapRecord): void {
    if (record.kernel || record.data) return
    const live = this.#processes.mmap(record)
    if (live === undefined) return
    this.#builder.addEvent({
      ...this.#eventBase(record),
      kind: 'mmap',
      mapping: this.#rowOf(record.pid, live),
    })
  }

  #addSample(record: SampleRecord): void {
    const { pid, tid } = record.fields
    const comm = this.#processes.commOf(pid, tid)
    this.samples++
    if (this.#captured === undefined) {
      this.#addRow({ record, comm }, this.#stackOf(record))
      return
    }
    this.#captured.add({ record, comm })
    if (this.#captured.full) this.#addCaptured()
  }

  #addCaptured(): void {
    for (const { sample, unwound } of this.#captured?.take() ?? []) {
      const { record } = sample
      this.#addRow(
        sample,
        unwound === undefined ? this.#stackOf(record) : this.#unwoundStack(record, unwound),
      )
    }
  }

  #addRow({ record, comm }: CapturedSample, stack: number): void {
    const { pid, tid, cpu, period: value, time, cgroup } = record.fields
    const row = { time, pid, tid, cpu, stack, value, comm }
    const tells = this.#tellCgroups[record.event] === true
    this.#builder.addSample(record.event, tells ? { ...row, cgroup } : row)
    if (cgroup !== 0n) this.#sampledCgroups.add(cgroup)
  }

  /** Equal chains with equal notes of a process whose mappings have not changed are one stack. */
  #stackOf(record: SampleRecord): number {
    const { pid, chain, ip } = record.fields
    const bytes = latin1(chain)
    const mode = chain.length === 0 ? `${record.cpumode}/${ip}` : ''
    const number = this.#notes?.numberOf(record.index) ?? 0
    const key = `${pid}/${this.#processes.epochOf(pid)}/${record.event}/${number}/${mode}/${bytes}`
    const known = this.#stacks.get(key)
    if (known !== undefined) return known
    const note = this.#notes?.note(number)
    const stack = note === undefined ? this.#makeStack(record) : this.#makeNotedStack(record, note)
    this.#stacks.set(key, stack)
    return stack
  }

  /** Equal ways through equal mappings are one stack. */
  #unwoundStack(record: SampleRecord, { frames, state, reason }: UnwoundStack): number {
    const { pid } = record.fields
    const chain = chainOf(record)
    const bytes = [chain.kernel, frames].map(latin1).join('/')
    const key = `${pid}/${this.#processes.epochOf(pid)}/${state}/${reason}/${chain.kernel.length}/${bytes}`
    const known = this.#stacks.get(key)
    if (known !== undefined) return known
    const places = Array.from(chain.kernel, (address, index) => this.#kernelFrame(address, index > 0))
    // What cannot be unwound has its leaf at least.
    const user = frames.length > 0 ? frames : chain.user.subarray(0, 1)
    for (const [index, word] of user.entries()) {
      const returnAddress = index > 0 && (word & EXACT_ADDRESS) === 0n
      places.push(this.#userFrame(pid, { address: word & ~EXACT_ADDRESS, returnAddress }))
    }
    const stack = reason === '' ? this.#addStack(places, state) : this.#broken(places, reason)
    this.#stacks.set(key, stack)
    return stack
  }

  /** A stack as it was when it was recorded. */
  #makeNotedStack(record: SampleRecord, note: StackNote): number {
    const frames = Array.from(notedChain(chainOf(record), note), (frame) => {
      switch (frame.kind) {
        case 'kernel':
          return this.#kernelFrame(frame.address, frame.returnAddress)
        case 'user':
          return this.#userFrame(record.fields.pid, frame)
        case 'interpreted':
        case 'reason':
          return this.#builder.addFrame(frame)
      }
    })
    return this.#addStack(frames, note.state)
  }

  /** A stack of which the file has only addresses. */
  #makeStack(record: SampleRecord): number {
    const { fields, event } = record
    const { pid } = fields
    const chain = chainOf(record)
    const frames = Array.from(chain.kernel, (address, index) => this.#kernelFrame(address, index > 0))
    for (const [index, address] of chain.user.entries()) {
      if (address >= UPPER_HALF) return this.#broken(frames, '[broken: bad frame pointer]')
      if (index === 0 || address >= FIRST_CODE_ADDRESS) {
        frames.push(this.#userFrame(pid, { address, returnAddress: index > 0 }))
      }
    }
    const maxStack = this.#maxStacks[event] ?? 0
    if (maxStack === 0 || chain.length < maxStack) return this.#addStack(frames, 'unverified')
    return this.#broken(frames, '[truncated: max stack]')
  }

  /** The stack of the frames so far, ending in the reason why it ends. */
  #broken(frames: readonly number[], text: string): number {
    return this.#addStack([...frames, this.#builder.addFrame({ kind: 'reason', text })], 'broken')
  }

  #addStack(frames: readonly number[], state: StackState): number {
    this.frames += frames.length
    return this.#builder.addStack(frames, state)
  }

  #userFrame(pid: number, { address, returnAddress, functions }: Omit<AddressFrame, 'kind'>): number {
    // A call may be the last instruction of a mapping: the return address then lies behind it.
    const live = this.#processes.mappingAt(pid, returnAddress ? address - 1n : address)
    const mapping = live === undefined ? this.#unknownRow(pid) : this.#rowOf(pid, live)
    const stated = () => svma(BigInt.asUintN(64, address - (live?.mapping.bias ?? 0n)))
    if (functions !== undefined) {
      return this.#builder.addFrame({
        kind: 'native',
        mapping,
        svma: stated(),
        returnAddress,
        functions,
      })
    }
    return this.#frame(mapping, address, returnAddress, () =>
      this.#builder.addFrame({ kind: 'native', mapping, svma: stated(), returnAddress }),
    )
  }

  #kernelFrame(address: bigint, returnAddress: boolean): number {
    return this.#frame(KERNEL, address, returnAddress, () =>
      this.#builder.addFrame({ kind: 'kernel', avma: avma(address), returnAddress }),
    )
  }

  /** The maps are keyed by numbers, which are found several times faster than bigints: 52 bits hold every user address. */
  #frame(place: number, address: bigint, returnAddress: boolean, make: () => number): number {
    const within = BigInt.asUintN(52, address)
    if (place !== KERNEL && within !== address) return make()
    let known = this.#frames.get(place)
    if (known === undefined) {
      known = new Map()
      this.#frames.set(place, known)
    }
    const key = Number(within) * 2 + (returnAddress ? 1 : 0)
    let frame = known.get(key)
    if (frame === undefined) {
      frame = make()
      known.set(key, frame)
    }
    return frame
  }

  #rowOf(pid: number, live: LiveMapping): number {
    const rows = this.#rows.get(live) ?? new Map<number, number>()
    this.#rows.set(live, rows)
    const known = rows.get(pid)
    if (known !== undefined) return known
    const row = this.#builder.addMapping({ ...live.mapping, pid, image: this.#builder.addImage(live.image) })
    rows.set(pid, row)
    return row
  }

  #unknownRow(pid: number): number {
    return this.#builder.addMapping({
      pid,
      image: this.#builder.addImage(UNKNOWN_IMAGE),
      start: avma(0n),
      end: avma(EVERYWHERE),
      fileOffset: fileOffset(0n),
      bias: 0n,
      addressSpace: 'avma',
      protection: 0,
      flags: 0,
    })
  }
}

/** For keys. */
const latin1 = ({ buffer, byteOffset, byteLength }: BigUint64Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
