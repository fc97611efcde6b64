// A window of a runtime's frames: functions that it says itself beside what symbols say.

import { avma, fileOffset, svma } from '../../src/core/address.ts'
import type { WindowSource } from '../../src/core/encoder.ts'
import { WindowBuilder } from '../../src/core/window-builder.ts'
import { batchesOf } from '../../src/core/window-view.ts'
import { NamesBuilder } from '../../src/symbols/names-builder.ts'
import { sessionInfo } from './session.ts'

export interface RuntimeFrame {
  /** In memory without a file; otherwise in `/usr/bin/node`. */
  readonly anonymous?: boolean
  /** Innermost first: `f /app/a.js`; '' is the symbol table's to name. */
  readonly said?: readonly string[]
  /** `f /src/a.cc`, as symbols and lines have it. */
  readonly symbols?: readonly string[]
  /** A map's names are used instead of those that were said. */
  readonly instead?: boolean
}

const named = (text: string) => {
  const [name = '', file = ''] = text.split(' ')
  return { function: name, file, line: 1 }
}

/** One sample of each stack; leaf first. */
export async function runtimeWindow(stacks: readonly (readonly RuntimeFrame[])[]): Promise<WindowSource> {
  const window = new WindowBuilder()
  const session = sessionInfo()
  window.addSession(session.id)
  const mappings = (['file', 'anonymous'] as const).map((kind) =>
    window.addMapping({
      pid: 1,
      image: window.addImage({
        kind,
        path: kind === 'file' ? '/usr/bin/node' : '//anon',
        buildId: '',
        device: 0n,
        inode: 0n,
      }),
      start: avma(0n),
      end: avma(0x10000n),
      fileOffset: fileOffset(0n),
      bias: 0n,
      addressSpace: kind === 'file' ? 'svma' : 'avma',
      protection: 5,
      flags: 2,
    }),
  )
  const numbers = new Map<RuntimeFrame, number>()
  for (const frames of stacks) {
    const stack = window.addStack(
      frames.map((frame) => {
        const number = window.addFrame({
          kind: 'native',
          mapping: mappings[frame.anonymous ? 1 : 0] ?? -1,
          svma: svma(BigInt(numbers.size + 1)),
          returnAddress: false,
          ...(frame.said && { functions: frame.said.map((text) => ({ language: 'v8js', ...named(text) })) }),
        })
        numbers.set(frame, number)
        return number
      }),
      'complete',
    )
    window.addSample(session.id, { time: 1n, pid: 1, tid: 1, cpu: 0, stack, value: 1n, comm: 'node' })
  }
  const buffer = window.build({ start: 0n, end: 9n, unixOffset: 0n, sequence: 0 })
  const [batch] = batchesOf(buffer, [session])
  if (batch === undefined) throw new Error('the window has no batch')
  const names = await NamesBuilder.of(batch.stacks.frames)
  for (const [{ symbols = [], instead }, number] of numbers) {
    const chain = symbols.map((text) => ({ ...named(text), systemName: text, offset: 0 }))
    if (chain.length === 0) continue
    if (instead) names.setInstead(number, chain)
    else names.setChain(number, chain)
  }
  return { buffer, sessions: [session], names: await names.build() }
}
