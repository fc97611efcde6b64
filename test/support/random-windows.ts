// Windows by chance, from a seed: everything that a batch may hold, and what it hardly ever holds.

import { avma, fileOffset, svma } from '../../src/core/address.ts'
import type { WindowSource } from '../../src/core/encoder.ts'
import type { Image } from '../../src/core/process.ts'
import type { Frame, FrameFunction, SessionInfo } from '../../src/core/profile.ts'
import type { ProcessResource } from '../../src/core/resource.ts'
import { type FrameName, type FrameNames, NO_NAMES } from '../../src/core/symbolizer.ts'
import { WindowBuilder } from '../../src/core/window-builder.ts'
import { batchesOf } from '../../src/core/window-view.ts'
import { UNKNOWN_RESOURCE } from '../../src/formats/profile/resource-table.ts'
import { sessionInfo, testHost } from './session.ts'

/** The same numbers for the same seed (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end)
  }

  oneOf<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item
  }

  listOf<Item>(most: number, make: () => Item): Item[] {
    return Array.from({ length: this.below(most + 1) }, make)
  }
}

const TEXTS = [
  ...['main', 'f', 'операция', '関数😀', 'a b', 'tab\there', 'line\nbreak', 'nul\0l', '\u001b[31mred'],
  ...['operator<<(std::ostream&)', '1', '0/0/0', 'x'.repeat(300)],
] as const
/** Names are missing, too, and come apart in more than one way. */
const NAMES = [...TEXTS, '', '', 'nul', 'l', 'nul\0'] as const
const ADDRESSES = [0n, 1n, 2n, 0x1000n, 0x1001n, 0x7fff_ffff_fff0n, 0xffff_ffff_ffff_fffen] as const
const KERNEL_ADDRESSES = [0xffff_ffff_8100_0000n, 0xffff_ffff_8100_0001n, 0xffff_ffff_c000_0010n] as const
const VALUES = [0n, 1n, 10_101_010n, 2n ** 32n, 2n ** 53n + 1n] as const
const PIDS = [0, 1, 100, 101, 4_194_304] as const
const BUILD_IDS = ['', 'a'.repeat(40), 'b'.repeat(40), 'ab'] as const

const WINDOW_START = 5_000_000_000n
const WINDOW_LENGTH = 10_000_000_000n
const UNIX_OFFSET = 1_767_323_045_000_000_000n

const image = (changes: Partial<Image>): Image => ({
  ...{ kind: 'file', path: '/usr/bin/app', buildId: '', device: 1n, inode: 1n },
  ...changes,
})

function imageOf(random: Random): Image {
  const buildId = random.oneOf(BUILD_IDS)
  const file = image({
    buildId,
    inode: BigInt(random.below(2)),
    path: random.oneOf(['/usr/bin/app', '/é\n.so']),
  })
  return random.oneOf([
    ...[file, file, file],
    { ...file, goBuildId: random.oneOf(TEXTS), contentHash: 'c'.repeat(32) },
    image({ kind: 'vdso', path: '[vdso]', buildId }),
    image({ kind: 'anonymous', path: random.oneOf(['//anon', '[heap]', '/memfd:x']), inode: 0n }),
    image({ kind: 'unknown', path: '', inode: 0n }),
  ])
}

/** The clock, and two events whose values differ. */
export const RANDOM_SESSIONS: readonly SessionInfo[] = [
  sessionInfo(),
  sessionInfo({
    id: 3,
    event: { ...sessionInfo().event, name: 'page-faults', unit: 'count' },
    rate: { by: 'period', period: 7n },
  }),
  sessionInfo({
    id: 4,
    event: { ...sessionInfo().event, name: 'cycles:u', type: 0, unit: 'count' },
    host: { ...testHost, hostname: 'node-1' },
  }),
]

export const randomWindows = (random: Random): WindowSource[] =>
  Array.from({ length: 1 + random.below(3) }, (_, sequence) => new RandomWindow(random, sequence).build())

class RandomWindow {
  readonly #random: Random
  readonly #sequence: number
  readonly #builder = new WindowBuilder()
  readonly #kinds: Frame['kind'][] = []

  constructor(random: Random, sequence: number) {
    this.#random = random
    this.#sequence = sequence
  }

  build(): WindowSource {
    const random = this.#random
    const sessions = RANDOM_SESSIONS.filter(() => random.below(4) > 0)
    const frames = Array.from({ length: 1 + random.below(30) }, () => this.#frame())
    const stacks = Array.from({ length: 1 + random.below(20) }, () => this.#stack(frames))
    const start = WINDOW_START + BigInt(this.#sequence) * WINDOW_LENGTH
    for (const { id } of sessions) this.#samples(id, stacks, start)
    const times = { start, end: start + WINDOW_LENGTH, unixOffset: UNIX_OFFSET, sequence: this.#sequence }
    const buffer = this.#builder.build(times)
    const names = random.below(8) === 0 ? NO_NAMES : this.#names()
    const source = { buffer, sessions, names }
    return { ...source, resources: this.#resources(source) }
  }

  #samples(session: number, stacks: readonly number[], start: bigint): void {
    const random = this.#random
    this.#builder.addSession(session)
    const count = random.below(80)
    for (let index = 0; index < count; index++) {
      const pid = random.oneOf(PIDS)
      this.#builder.addSample(session, {
        time: start + BigInt(Math.floor(index / 2)) * 1_000_000n,
        pid,
        tid: random.oneOf([pid, pid + 1]),
        cpu: random.below(3),
        stack: random.oneOf(stacks),
        value: random.oneOf(VALUES),
        comm: random.oneOf(['app', 'worker', '', 'имя', 'a\nb']),
      })
    }
  }

  #stack(frames: readonly number[]): number {
    const random = this.#random
    const depth = random.oneOf([0, 1, 2, 3, 5, 40])
    const chosen = Array.from({ length: depth }, () => random.oneOf(frames))
    const code = chosen.filter((frame) => this.#kinds[frame] !== 'reason')
    if (random.below(4) > 0) return this.#builder.addStack(code, 'complete')
    const reason = this.#added({ kind: 'reason', text: random.oneOf(TEXTS) })
    return this.#builder.addStack([...code, reason], 'broken')
  }

  #added(frame: Frame): number {
    const index = this.#builder.addFrame(frame)
    this.#kinds[index] = frame.kind
    return index
  }

  #frame(): number {
    const random = this.#random
    const returnAddress = random.below(2) === 0
    switch (random.below(6)) {
      case 0:
        return this.#added({ kind: 'kernel', avma: avma(random.oneOf(KERNEL_ADDRESSES)), returnAddress })
      case 1:
        return this.#added({ kind: 'interpreted', ...this.#function() })
      default: {
        const functions =
          random.below(4) === 0 ? [this.#function(), ...random.listOf(2, () => this.#function())] : []
        return this.#added({
          kind: 'native',
          mapping: this.#mapping(),
          svma: svma(random.oneOf(ADDRESSES)),
          returnAddress,
          ...(functions.length === 0 ? {} : { functions }),
        })
      }
    }
  }

  #function(): FrameFunction {
    const random = this.#random
    return {
      language: 'v8js',
      function: random.oneOf(NAMES),
      file: random.oneOf(['', 'file:///app.js', '\0main.c']),
      line: random.below(3),
    }
  }

  #mapping(): number {
    const random = this.#random
    const chosen = imageOf(random)
    const hasFile = chosen.kind === 'file' || chosen.kind === 'vdso'
    const start = 0x5555_0000_0000n + 0x1000n * BigInt(random.below(3))
    return this.#builder.addMapping({
      pid: random.oneOf(PIDS),
      image: this.#builder.addImage(chosen),
      start: avma(start),
      end: avma(start + 0x10_0000n),
      fileOffset: fileOffset(hasFile ? 0x1000n * BigInt(random.below(2)) : 0n),
      bias: hasFile ? 0x5555_0000_0000n : 0n,
      addressSpace: hasFile ? random.oneOf(['svma', 'file_offset'] as const) : 'avma',
      protection: 5,
      flags: 2,
    })
  }

  /** Of native and kernel code; the others name themselves. */
  #names(): FrameNames {
    const random = this.#random
    const table: FrameName[] = Array.from({ length: 8 }, () => ({
      function: random.oneOf(NAMES),
      systemName: random.oneOf(NAMES),
      file: random.oneOf(['', 'main.c', '\0main.c']),
      line: random.oneOf([0, 1, 0xffff_ffff]),
      offset: 0,
    }))
    const lists = this.#kinds.map((kind) =>
      kind === 'native' || kind === 'kernel' ? random.listOf(3, () => random.below(table.length)) : [],
    )
    const offsets = [0]
    for (const list of lists) offsets.push((offsets.at(-1) ?? 0) + list.length)
    return { table, offsets: Uint32Array.from(offsets), indices: Uint32Array.from(lists.flat()) }
  }

  #resources({ buffer, sessions }: WindowSource): NonNullable<WindowSource['resources']> {
    const random = this.#random
    const table = [UNKNOWN_RESOURCE, ...random.listOf(5, () => this.#resource())]
    return new Map(
      batchesOf(buffer, sessions).map(({ session, samples }) => [
        session.id,
        { table, ofSample: Uint32Array.from(samples.pid, () => random.below(table.length)) },
      ]),
    )
  }

  #resource(): ProcessResource {
    const random = this.#random
    const executableName = random.oneOf(['', 'app', 'ünï'])
    return {
      pid: random.oneOf(PIDS),
      service: {
        name: random.oneOf(['shop', 'магазин', 'a\nb']),
        from: random.oneOf(['environment', 'executable', 'rule'] as const),
      },
      executablePath: executableName === '' ? '' : `/usr/bin/${executableName}`,
      executableName,
      containerId: random.oneOf(['', 'c'.repeat(64), 'd'.repeat(64)]),
      cgroupPath: random.oneOf(['', '/system.slice', '/kubepods/burstable']),
    }
  }
}
