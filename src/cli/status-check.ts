// What `sonde status --check` refuses: something that was asked for and is not in force.

import type { Status } from '../core/status.ts'

/**
 * A line for each. What a consumer cannot deliver is not among them: it is kept, counted and sent later, and an agent that is
 * replaced for it would have to begin anew.
 */
export function notInForce({ configuration, sampler }: Status): readonly string[] {
  const files = configuration?.files ?? []
  const collections = configuration?.collections ?? []
  const agent = configuration?.agent.problem
  return [
    ...(agent ? [`The AgentConfig of the directory is not in force: ${agent}`] : []),
    ...files.flatMap(({ state, problems }) => (state === 'invalid' ? problems : [])),
    ...collections.flatMap(({ name, state, problem }) =>
      state === 'failed' ? [`${name} is not sampled: ${problem}`] : [],
    ),
    ...(sampler?.filterProblem
      ? [`The filter that was given last is not in force: ${sampler.filterProblem}`]
      : []),
    ...(sampler?.cpuProblems ?? []),
  ]
}
