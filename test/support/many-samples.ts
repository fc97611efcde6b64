// A large window with names, for benchmarks of encoders.

import { avma, fileOffset, svma } from '../../src/core/address.ts'
import type { WindowSource } from '../../src/core/encoder.ts'
import type { FrameName } from '../../src/core/symbolizer.ts'
import { WindowBuilder } from '../../src/core/window-builder.ts'
import { sessionInfo } from './session.ts'

const FRAMES = 16_000
const FUNCTIONS = 4_000
const THREADS = 64

let seed = 7
const random = (limit: number): number => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
  return Math.floor((seed / 2 ** 32) * limit)
}

export interface Load {
  readonly samples: number
  /** Distinct ones. */
  readonly stacks: number
  /** `skewed`: few stacks have most samples, as in life. `even`: nearly every sample differs from all others. */
  readonly spread: 'skewed' | 'even'
}

/** Stacks of 8 to 60 frames that share prefixes near the root. */
export function manySamples({ samples, stacks: stackCount, spread }: Load): WindowSource {
  const session = sessionInfo()
  const builder = new WindowBuilder()
  const image = builder.addImage({
    kind: 'file',
    path: '/usr/bin/app',
    buildId: '00'.repeat(20),
    device: 1n,
    inode: 1n,
  })
  const place = {
    pid: 1,
    image,
    start: avma(0x1000n),
    end: avma(0x1000_0000n),
    fileOffset: fileOffset(0n),
    bias: 0n,
  }
  const mapping = builder.addMapping({ ...place, addressSpace: 'svma', protection: 5, flags: 2 })
  const frames = Array.from({ length: FRAMES }, (_, index) =>
    builder.addFrame({
      kind: 'native',
      mapping,
      svma: svma(BigInt(0x1000 + index * 16)),
      returnAddress: false,
    }),
  )
  const stacks = Array.from({ length: stackCount }, (_, index) => {
    const root = index % 50
    const depth = 8 + random(53)
    const chain = Array.from(
      { length: depth },
      (_, level) => frames[level < 8 ? root * 8 + level : random(FRAMES)] ?? 0,
    )
    return builder.addStack(chain.reverse(), 'complete')
  })
  for (let index = 0; index < samples; index++) {
    const stack = stacks[random(spread === 'skewed' ? random(stackCount) + 1 : stackCount)] ?? 0
    const tid = 1 + random(THREADS)
    const time = 1_000n + BigInt(index)
    builder.addSample(session.id, {
      time,
      pid: 1,
      tid,
      cpu: 0,
      stack,
      value: 10_101_010n,
      comm: `thread-${tid % 8}`,
    })
  }
  const table: FrameName[] = Array.from({ length: FRAMES }, (_, index) => {
    const name = `namespace::function_${index % FUNCTIONS}(int, char const*)`
    return {
      function: name,
      systemName: `_ZN9namespace8function${index % FUNCTIONS}`,
      file: '',
      line: 0,
      offset: index,
    }
  })
  const offsets = Uint32Array.from({ length: FRAMES + 1 }, (_, index) => index)
  const names = { table, offsets, indices: Uint32Array.from({ length: FRAMES }, (_, index) => index) }
  return {
    buffer: builder.build({ start: 1n, end: 10_000_000_001n, unixOffset: 0n, sequence: 0 }),
    sessions: [session],
    names,
  }
}
