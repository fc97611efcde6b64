// Why JavaScript functions of whole processes have no names: reasons that somebody can do something about.

import { inTurns } from '../base/turns.ts'
import { JAVASCRIPT_REASONS } from '../core/javascript-reasons.ts'
import type { Frame, ProfileBatch } from '../core/profile.ts'
import type { Problems } from './problems.ts'

/** By what stands in place of a function. */
const REASONS: ReadonlyMap<string, string> = new Map([
  [
    JAVASCRIPT_REASONS.memoryNotReadable,
    'the process has ended, or its memory may not be read (that takes its user and kernel.yama.ptrace_scope 0, or CAP_SYS_PTRACE)',
  ],
  [
    JAVASCRIPT_REASONS.v8NotKnown,
    'this version of V8, or build of it, is not known (those of Node.js 20, 22 and 24 are)',
  ],
])

export async function addJavaScriptProblems(batch: ProfileBatch, problems: Problems): Promise<void> {
  const { frames } = batch.stacks
  for await (const [from, to] of inTurns(frames.function.length)) {
    for (let index = from; index < to; index++) {
      if (frames.function[index]) addProblemOf(frames.at(index), batch, problems)
    }
  }
}

function addProblemOf(frame: Frame, { processes }: ProfileBatch, problems: Problems): void {
  if (frame.kind !== 'native') return
  const reason = REASONS.get(frame.functions?.[0]?.function ?? '')
  if (reason === undefined) return
  problems.add(`JavaScript of process ${processes.mappings.at(frame.mapping).pid}`, reason)
}
