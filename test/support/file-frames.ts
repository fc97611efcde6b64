// Names of addresses of one file, through the whole symbolizer, as a window of a recording would ask for them.

import { execFileSync } from 'node:child_process'
import { avma, fileOffset, svma } from '../../src/core/address.ts'
import type { SymbolPolicy } from '../../src/core/symbol-policy.ts'
import type { FrameName } from '../../src/core/symbolizer.ts'
import { WindowBuilder } from '../../src/core/window-builder.ts'
import { batchesOf } from '../../src/core/window-view.ts'
import { loadAddon } from '../../src/native/load.ts'
import { createSymbolizer, type NativeSymbolizer } from '../../src/symbols/symbolizer.ts'
import { sessionInfo } from './session.ts'

export interface NamedFrames {
  /** Of each address, innermost function first. */
  readonly chains: readonly (readonly FrameName[])[]
  readonly problems: readonly string[]
}

/** The file is opened by its path, and has a build id. */
export async function namedFrames(
  file: string,
  addresses: readonly bigint[],
  policy: SymbolPolicy,
): Promise<NamedFrames> {
  const frames = new FileFrames(file, policy)
  try {
    return await frames.named(addresses)
  } finally {
    frames.close()
  }
}

/** One symbolizer for several windows of one file. */
export class FileFrames {
  readonly #file: string
  readonly #symbolizer: NativeSymbolizer
  readonly buildId: string

  constructor(file: string, policy: SymbolPolicy) {
    this.#file = file
    this.buildId = buildIdOf(file)
    this.#symbolizer = createSymbolizer({
      addon: loadAddon(),
      limitMs: () => 120_000,
      maxCacheBytes: 64 << 20,
      trust: 'local-build-id',
      policy,
    })
  }

  /** What a window of these addresses is told. */
  async named(addresses: readonly bigint[]): Promise<NamedFrames> {
    const batch = batchOf(this.#file, this.buildId, addresses)
    const names = await this.#symbolizer.name(batch, new AbortController().signal)
    const chains = addresses.map((_, frame) =>
      [...names.indices.subarray(names.offsets[frame], names.offsets[frame + 1])].flatMap(
        (index) => names.table[index] ?? [],
      ),
    )
    return { chains, problems: this.#symbolizer.problems() }
  }

  close(): void {
    this.#symbolizer.close()
  }
}

export const buildIdOf = (file: string): string =>
  /Build ID: ([0-9a-f]+)/.exec(
    execFileSync('readelf', ['-n', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  )?.[1] ?? ''

function batchOf(file: string, buildId: string, addresses: readonly bigint[]) {
  const window = new WindowBuilder()
  const image = window.addImage({
    kind: 'file',
    path: file,
    buildId,
    device: 0n,
    inode: 0n,
  })
  const mapping = window.addMapping({
    pid: 10,
    image,
    start: avma(0n),
    end: avma(1n << 40n),
    fileOffset: fileOffset(0n),
    bias: 0n,
    addressSpace: 'svma',
    protection: 5,
    flags: 2,
  })
  const frames = addresses.map((address) =>
    window.addFrame({ kind: 'native', mapping, svma: svma(address), returnAddress: false }),
  )
  const stack = window.addStack(frames, 'complete')
  const session = sessionInfo()
  window.addSample(session.id, { time: 1n, pid: 10, tid: 10, cpu: 0, stack, value: 1n, comm: 'work' })
  const [batch] = batchesOf(window.build({ start: 0n, end: 10n, unixOffset: 0n, sequence: 0 }), [session])
  if (batch === undefined) throw new Error('no batch')
  return batch
}
