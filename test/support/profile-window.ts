// Windows from a few words, for tests of what is made of them.

import { avma, fileOffset, svma } from '../../src/core/address.ts'
import type { WindowSource } from '../../src/core/encoder.ts'
import type { LeftOutReason, LossReason } from '../../src/core/loss.ts'
import type { Image } from '../../src/core/process.ts'
import type { ProfileBatch, SessionInfo } from '../../src/core/profile.ts'
import type { FrameName, FrameNames } from '../../src/core/symbolizer.ts'
import { monotonicTime } from '../../src/core/units.ts'
import { WindowBuilder } from '../../src/core/window-builder.ts'
import { batchesOf } from '../../src/core/window-view.ts'
import { sessionInfo } from './session.ts'

/**
 * A frame in one text: `main@app` is native code with a name, `@app` native code without, `schedule@kernel` the
 * kernel's, `!no frame pointer` a reason; `inner|outer@app` has `inner` inlined in `outer`. `@anon` is anonymous memory.
 */
export type FrameText = string

export interface TestSample {
  /** Leaf first. */
  readonly stack: readonly FrameText[]
  readonly pid?: number
  readonly tid?: number
  readonly comm?: string
  readonly cpu?: number
  readonly value?: bigint
  /** Its path; '' where it is not known. Given with none: the window knows no cgroups. */
  readonly cgroup?: string
  /** How many of them; default 1. */
  readonly count?: number
}

export interface TestWindow {
  readonly samples: readonly TestSample[]
  readonly session?: SessionInfo
  readonly sequence?: number
  /** Monotonic ns; by default windows of WINDOW_LENGTH follow each other from WINDOW_START on. */
  readonly start?: bigint
  readonly length?: bigint
  readonly isLast?: boolean
  readonly losses?: Readonly<Partial<Record<LossReason, number>>>
  readonly leftOut?: Readonly<Partial<Record<LeftOutReason, number>>>
  /** Processes whose main thread has a name of its own. */
  readonly processNames?: Readonly<Record<number, string>>
}

/** Monotonic ns of the first window's start, and the length of each. */
export const WINDOW_START = 1_000_000_000_000n
export const WINDOW_LENGTH = 10_000_000_000n
/** 2026-01-02 03:04:05 UTC is the Unix time of WINDOW_START. */
export const UNIX_START = 1_767_323_045_000_000_000n
/** The clock's period at 99 Hz. */
export const PERIOD = 10_101_010n

const IMAGE_BIAS = 0x5555_0000_0000n
const IMAGE_BYTES = 0x5_0000_0000n

export function windowOf(window: TestWindow): WindowSource {
  return new TestWindowBuilder(window).build()
}

export function profileBatchOf(window: TestWindow): ProfileBatch {
  const { buffer, sessions, names } = windowOf(window)
  const [batch] = batchesOf(buffer, sessions, { names, isLast: window.isLast ?? false })
  if (batch === undefined) throw new Error('the window has no batch')
  return batch
}

class TestWindowBuilder {
  readonly #window: TestWindow
  readonly #session: SessionInfo
  readonly #builder = new WindowBuilder()
  readonly #namesOfFrame: string[][] = []
  readonly #cgroups = new Map<string, bigint>()
  readonly #start: bigint

  constructor(window: TestWindow) {
    this.#window = window
    this.#session = window.session ?? sessionInfo()
    this.#start = window.start ?? WINDOW_START + BigInt(window.sequence ?? 0) * WINDOW_LENGTH
  }

  build(): WindowSource {
    const { samples, losses, leftOut, processNames, sequence } = this.#window
    this.#builder.addSession(this.#session.id)
    for (const [pid, comm] of Object.entries(processNames ?? {})) this.#nameProcess(Number(pid), comm)
    samples.forEach((sample, index) => {
      this.#addSample(sample, this.#start + 1_000n + BigInt(index))
    })
    for (const [reason, count] of Object.entries(losses ?? {})) {
      this.#builder.addLoss(this.#session.id, reason as LossReason, count)
    }
    for (const [reason, count] of Object.entries(leftOut ?? {})) {
      this.#builder.addLeftOut(this.#session.id, reason as LeftOutReason, count)
    }
    const times = {
      start: this.#start,
      end: this.#start + (this.#window.length ?? WINDOW_LENGTH),
      unixOffset: UNIX_START - WINDOW_START,
    }
    return {
      buffer: this.#builder.build({ ...times, sequence: sequence ?? 0 }),
      sessions: [this.#session],
      names: frameNames(this.#namesOfFrame),
    }
  }

  #nameProcess(pid: number, comm: string): void {
    const time = monotonicTime(this.#start)
    this.#builder.addEvent({ kind: 'comm', time, pid, tid: pid, synthesised: true, comm, exec: false })
  }

  #addSample(sample: TestSample, time: bigint): void {
    const pid = sample.pid ?? 100
    const frames = sample.stack.map((text) => this.#frame(text, pid))
    const stack = this.#builder.addStack(
      frames,
      sample.stack.some((text) => text.startsWith('!')) ? 'broken' : 'complete',
    )
    for (let count = 0; count < (sample.count ?? 1); count++) {
      this.#builder.addSample(this.#session.id, {
        time,
        pid,
        tid: sample.tid ?? pid,
        cpu: sample.cpu ?? 0,
        stack,
        value: sample.value ?? PERIOD,
        comm: sample.comm ?? 'app',
        ...(this.#tellsCgroups && { cgroup: this.#cgroup(sample.cgroup ?? '') }),
      })
    }
  }

  get #tellsCgroups(): boolean {
    return this.#window.samples.some(({ cgroup }) => cgroup !== undefined)
  }

  /** A cgroup of each path. */
  #cgroup(path: string): bigint {
    if (path === '') return 0n
    const known = this.#cgroups.get(path)
    if (known !== undefined) return known
    const id = BigInt(this.#cgroups.size + 1) << 33n
    this.#cgroups.set(path, id)
    this.#builder.addCgroup(id, path)
    return id
  }

  #frame(text: FrameText, pid: number): number {
    if (text.startsWith('!'))
      return this.#named(this.#builder.addFrame({ kind: 'reason', text: text.slice(1) }), [])
    const [functions = '', module = ''] = text.split('@')
    const address = addressOf(text)
    const frame =
      module === 'kernel'
        ? this.#builder.addFrame({
            kind: 'kernel',
            avma: avma(0xffff_ffff_8100_0000n + (address & 0xfff_fff0n)),
            returnAddress: false,
          })
        : this.#builder.addFrame({
            kind: 'native',
            mapping: this.#mapping(module, pid),
            svma: svma(module === 'anon' ? IMAGE_BIAS + address : address),
            returnAddress: false,
          })
    return this.#named(frame, functions === '' ? [] : functions.split('|'))
  }

  #named(frame: number, names: string[]): number {
    this.#namesOfFrame[frame] = names
    return frame
  }

  #mapping(module: string, pid: number): number {
    const anonymous = module === 'anon'
    const image: Image = {
      kind: anonymous ? 'anonymous' : 'file',
      path: anonymous ? '//anon' : `/usr/lib/${module}`,
      buildId: anonymous ? '' : Buffer.from(module.padEnd(20, '.')).toString('hex'),
      device: anonymous ? 0n : 1n,
      inode: anonymous ? 0n : 7n,
    }
    return this.#builder.addMapping({
      pid,
      image: this.#builder.addImage(image),
      start: avma(IMAGE_BIAS),
      end: avma(IMAGE_BIAS + IMAGE_BYTES),
      fileOffset: fileOffset(0n),
      bias: anonymous ? 0n : IMAGE_BIAS,
      addressSpace: anonymous ? 'avma' : 'svma',
      protection: 5,
      flags: 2,
    })
  }
}

/** The same in every window. */
function addressOf(text: FrameText): bigint {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  return 0x1000n + 0x10n * BigInt(hash >>> 2)
}

function frameNames(namesOfFrame: readonly (readonly string[])[]): FrameNames {
  const table: FrameName[] = []
  const indices: number[] = []
  const offsets = [0]
  for (const names of namesOfFrame) {
    for (const name of names) {
      indices.push(
        table.push({ function: name, systemName: `_Z${name}`, file: `${name}.c`, line: 7, offset: 4 }) - 1,
      )
    }
    offsets.push(indices.length)
  }
  return { table, offsets: Uint32Array.from(offsets), indices: Uint32Array.from(indices) }
}
