// What ends a recording.

import type { Agent } from '../agent.ts'
import type { RunEnd } from '../core/summary.ts'
import { type CommandEnd, exitCodeOf } from '../sampler/command.ts'
import { DONE, FAILURE } from './exit-codes.ts'
import type { RecordParts } from './record-parts.ts'
import { SizeLimit } from './size-limit.ts'

export type Ending =
  | { readonly by: 'command'; readonly end: CommandEnd }
  | { readonly by: 'target' | 'duration' | 'interrupt' | 'size' }
  | { readonly by: 'failure'; readonly error: unknown }

export interface Limits {
  readonly endsAt: number | undefined
  readonly maxBytes: number | undefined
  /** Resolves when --control says stop. */
  readonly stopped: Promise<void>
}

/** Waits for whatever ends the recording first. */
export function whatEnds(
  agent: Agent,
  { cmd, interrupt }: RecordParts,
  { endsAt, maxBytes, stopped }: Limits,
): Promise<Ending> {
  const ended = (by: 'target' | 'duration' | 'interrupt' | 'size') => (): Ending => ({ by })
  const commandEnded = async (): Promise<Ending> => {
    const end = await (cmd?.ended ?? new Promise<never>(() => undefined))
    return { by: 'command', end }
  }
  const waits: Promise<Ending>[] = [
    // A command that is sampled itself has gone as a target, too: its exit status counts.
    agent.ended.then(cmd === undefined ? ended('target') : commandEnded),
    interrupt.asked.then(ended('interrupt')),
    stopped.then(ended('interrupt')),
    commandEnded(),
  ]
  if (endsAt !== undefined) waits.push(sleepUntil(endsAt).then(ended('duration')))
  const size = maxBytes === undefined ? undefined : new SizeLimit(agent, maxBytes)
  if (size !== undefined) waits.push(size.reached.then(ended('size')))
  const first = Promise.race(waits).finally(() => size?.close())
  return first.catch((error: unknown): Ending => ({ by: 'failure', error }))
}

const sleepUntil = (time: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now())))

export function exitCode(ending: Exclude<Ending, { by: 'failure' }>, end: RunEnd): number {
  const own = end.problems.length > 0 ? FAILURE : DONE
  switch (ending.by) {
    case 'command':
      return exitCodeOf(ending.end) || own
    case 'target':
    case 'duration':
    case 'interrupt':
    case 'size':
      return own
  }
}
