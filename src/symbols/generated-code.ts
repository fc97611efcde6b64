// Names only what nobody can name later: code that processes make while they run.

import { orAborted } from '../base/or-aborted.ts'
import type { ProfileBatch } from '../core/profile.ts'
import type { FrameNames } from '../core/symbolizer.ts'
import { addJavaScriptProblems } from './javascript-problems.ts'
import { JitNames, type JitNamesOptions } from './jit-names.ts'
import { NamesBuilder } from './names-builder.ts'
import { Problems } from './problems.ts'
import type { NativeSymbolizer } from './symbolizer.ts'

/** For live batches that are only recorded: files and the kernel can be asked when the recording is read. */
export function createGeneratedCodeSymbolizer(options: JitNamesOptions): NativeSymbolizer {
  const problems = new Problems()
  const jit = new JitNames(options, problems)
  const nameWindow = async (batch: ProfileBatch): Promise<FrameNames> => {
    const names = await NamesBuilder.of(batch.stacks.frames)
    await jit.name(batch, names)
    await addJavaScriptProblems(batch, problems)
    return await names.build()
  }
  const named = new WeakMap<ProfileBatch['stacks'], Promise<FrameNames>>()
  return {
    async name(batch, signal) {
      signal.throwIfAborted()
      const names = named.get(batch.stacks) ?? nameWindow(batch)
      named.set(batch.stacks, names)
      return await orAborted(names, signal)
    },
    readKernelNames: async () => undefined,
    checkNamedKernel: async () => undefined,
    problems: () => problems.lines(),
    cacheBytes: () => jit.cacheBytes(),
    close: () => jit.close(),
  }
}
