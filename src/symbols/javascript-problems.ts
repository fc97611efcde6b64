// Why JavaScript functions of whole processes have no names: reasons that somebody can do something about.

import type { ProfileBatch } from '../core/profile.ts'
import type { Problems } from './problems.ts'

/** By what stands in place of a function (native/core/perf/stack_resolver.cc). */
const REASONS: ReadonlyMap<string, string> = new Map([
  [
    '[JavaScript: memory not readable]',
    'the process has ended, or its memory may not be read (that takes its user and kernel.yama.ptrace_scope 0, or CAP_SYS_PTRACE)',
  ],
  [
    '[JavaScript: this V8 is not known]',
    'this version of V8, or build of it, is not known (those of Node.js 20, 22 and 24 are)',
  ],
])

export function addJavaScriptProblems(
  { stacks: { frames }, processes }: ProfileBatch,
  problems: Problems,
): void {
  frames.function.forEach((row, index) => {
    if (row === 0) return
    const frame = frames.at(index)
    const reason = frame.kind === 'native' ? REASONS.get(frame.functions?.[0]?.function ?? '') : undefined
    if (frame.kind !== 'native' || reason === undefined) return
    problems.add(`JavaScript of process ${processes.mappings.at(frame.mapping).pid}`, reason)
  })
}
