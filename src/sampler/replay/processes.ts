// What is known of the processes at a point in a replay, as the sampler knows it live.

import { avma, fileOffset } from '../../core/address.ts'
import { type AddressSpace, type Image, imageKindOf, type Mapping } from '../../core/process.ts'
import type { LifeRecord, MmapRecord } from '../../formats/perf-data/file-records.ts'

/**
 * The stated address (svma) of an offset in the file of `image`; undefined where its program headers cannot be had, or
 * are not those of the file that was mapped.
 */
export type SvmaOf = (image: Image, offset: bigint) => bigint | undefined

/** What the recording knew of a file besides what records say. */
export type FactsOf = (
  image: Image,
) => Pick<Image, 'runtime' | 'goBuildId' | 'contentHash'> & Partial<Pick<Image, 'buildId'>>

/** One executable mapping while it lasts. */
export interface LiveMapping {
  readonly image: Image
  readonly mapping: Omit<Mapping, 'image' | 'pid'>
}

/** What the kernel's idle threads, which all have tid 0, are called; they never say so. */
const IDLE_THREAD = 'swapper'

/** Is told what processes have mapped, as it changes. */
export interface MappingWatcher {
  mapped(pid: number, live: LiveMapping): void
  /** Nothing of what was mapped is left. */
  cleared(pid: number): void
  inherited(pid: number, parentPid: number): void
}

interface LiveProcess {
  readonly threads: Set<number>
  /** In ascending order of addresses; they do not overlap. */
  mappings: LiveMapping[]
  /** Changes whenever an address may have got another meaning. */
  epoch: number
}

export class ReplayedProcesses {
  readonly #svmaOf: SvmaOf | undefined
  readonly #factsOf: FactsOf
  readonly #watcher: MappingWatcher | undefined
  readonly #processes = new Map<number, LiveProcess>()
  readonly #comms = new Map<number, string>()
  /** By tid, oldest first. Memory is torn down after EXIT was written: samples of the thread still follow it. */
  readonly #gone = new Map<number, { readonly pid: number; readonly time: bigint }>()

  constructor(svmaOf: SvmaOf | undefined, factsOf: FactsOf = () => ({}), watcher?: MappingWatcher) {
    this.#svmaOf = svmaOf
    this.#factsOf = factsOf
    this.#watcher = watcher
  }

  /** pids with their live threads and mappings. */
  *all(): Generator<{
    readonly pid: number
    readonly threads: ReadonlySet<number>
    readonly mappings: readonly LiveMapping[]
  }> {
    for (const [pid, { threads, mappings }] of this.#processes) {
      if (threads.size > 0) yield { pid, threads, mappings }
    }
  }

  commOf(pid: number, tid: number): string {
    return this.#comms.get(tid) ?? this.#comms.get(pid) ?? (tid === 0 ? IDLE_THREAD : '')
  }

  epochOf(pid: number): number {
    return this.#processes.get(pid)?.epoch ?? 0
  }

  mappingAt(pid: number, address: bigint): LiveMapping | undefined {
    const mappings = this.#processes.get(pid)?.mappings ?? []
    let low = 0
    let high = mappings.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (mappings[middle]!.mapping.end <= address) low = middle + 1
      else high = middle
    }
    const found = mappings[low]
    return found !== undefined && found.mapping.start <= address ? found : undefined
  }

  comm({ pid, tid, comm, exec }: { pid: number; tid: number; comm: string; exec: boolean }): void {
    const process = this.#ensure(pid, tid)
    if (exec) {
      // exec ends the other threads and leaves nothing of what was mapped.
      for (const other of process.threads) if (other !== tid) this.#comms.delete(other)
      process.threads.clear()
      process.threads.add(tid)
      this.#changeMappings(process, [])
      this.#watcher?.cleared(pid)
    }
    this.#comms.set(tid, comm)
  }

  /** Returns the mapping that the record tells of. */
  mmap(record: MmapRecord): LiveMapping | undefined {
    if (record.length === 0n) return undefined
    const added = this.#liveMapping(record)
    const process = this.#ensure(record.pid, record.tid)
    const { start, end } = added.mapping
    const others = process.mappings.flatMap((other) => without(other, start, end))
    this.#changeMappings(
      process,
      [...others, added].sort((a, b) => (a.mapping.start < b.mapping.start ? -1 : 1)),
    )
    this.#watcher?.mapped(record.pid, added)
    return added
  }

  fork({ pid, tid, parentPid, parentTid, bringsMaps = false }: LifeRecord): void {
    if (pid !== parentPid && bringsMaps) this.#forget(pid)
    else if (pid !== parentPid) {
      this.#forget(pid)
      this.#changeMappings(this.#ensure(pid, tid), [...(this.#processes.get(parentPid)?.mappings ?? [])])
      this.#watcher?.inherited(pid, parentPid)
    }
    this.#ensure(pid, tid)
    const comm = this.commOf(parentPid, parentTid)
    this.#comms.set(tid, comm)
  }

  /** What is known of the thread is kept until its number is given anew, or `forgetGone`. */
  exit({ pid, tid, time }: LifeRecord): void {
    this.#processes.get(pid)?.threads.delete(tid)
    this.#gone.delete(tid)
    this.#gone.set(tid, { pid, time })
  }

  forgetGone({ before }: { readonly before: bigint }): void {
    for (const [tid, { pid, time }] of this.#gone) {
      if (time >= before) return
      this.#gone.delete(tid)
      this.#comms.delete(tid)
      if (this.#processes.get(pid)?.threads.size === 0) {
        this.#processes.delete(pid)
        this.#watcher?.cleared(pid)
      }
    }
  }

  /** Those that have gone, too. */
  forgetAll(): void {
    for (const pid of this.#processes.keys()) this.#watcher?.cleared(pid)
    this.#processes.clear()
    this.#comms.clear()
    this.#gone.clear()
  }

  #forget(pid: number): void {
    for (const tid of this.#processes.get(pid)?.threads ?? []) this.#comms.delete(tid)
    this.#processes.delete(pid)
  }

  /** The process with this thread alive; a new one where the last that bore the number has gone. */
  #ensure(pid: number, tid: number): LiveProcess {
    const known = this.#processes.get(pid)
    const lives = known !== undefined && known.threads.size > 0
    const process = lives ? known : { threads: new Set<number>(), mappings: [], epoch: this.#nextEpoch++ }
    if (known !== undefined && !lives) this.#watcher?.cleared(pid)
    this.#processes.set(pid, process)
    process.threads.add(tid)
    if (this.#gone.delete(tid)) this.#comms.delete(tid)
    return process
  }

  /** Unique in the replay, so that a pid's next owner never shares one. */
  #nextEpoch = 1

  #changeMappings(process: LiveProcess, mappings: LiveMapping[]): void {
    process.mappings = mappings
    process.epoch = this.#nextEpoch++
  }

  #liveMapping(record: MmapRecord): LiveMapping {
    const { start, length, protection, flags, path, buildId, device, inode } = record
    const kind = imageKindOf(path)
    const plain: Image = { kind, path, buildId, device, inode }
    const image = { ...plain, ...this.#factsOf(plain) }
    const meaning = this.#meaningOf(plain, start, record.fileOffset)
    const place = { start: avma(start), end: avma(start + length), fileOffset: fileOffset(record.fileOffset) }
    return { image, mapping: { ...place, ...meaning, protection, flags } }
  }

  #meaningOf(image: Image, start: bigint, offset: bigint): { bias: bigint; addressSpace: AddressSpace } {
    const bias = (stated: bigint) => BigInt.asUintN(64, start - stated)
    switch (image.kind) {
      case 'file': {
        const stated = this.#svmaOf?.(image, offset)
        if (stated === undefined) return { bias: bias(offset), addressSpace: 'file_offset' }
        return { bias: bias(stated), addressSpace: 'svma' }
      }
      case 'vdso':
        return { bias: start, addressSpace: 'svma' }
      case 'anonymous':
      case 'unknown':
        return { bias: 0n, addressSpace: 'avma' }
    }
  }
}

/** What is left of `live` when [start, end) is mapped over it. */
function without(live: LiveMapping, start: bigint, end: bigint): LiveMapping[] {
  const { mapping } = live
  if (mapping.end <= start || mapping.start >= end) return [live]
  const parts: LiveMapping[] = []
  if (mapping.start < start) parts.push({ ...live, mapping: { ...mapping, end: avma(start) } })
  if (mapping.end > end) {
    const offset = fileOffset(mapping.fileOffset + (end - mapping.start))
    parts.push({ ...live, mapping: { ...mapping, start: avma(end), fileOffset: offset } })
  }
  return parts
}
