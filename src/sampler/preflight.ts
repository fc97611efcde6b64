// Whether what is asked for can be sampled, before anything is opened: the kernel answers EACCES or EINVAL without a
// word of why.

import { AgentError } from '../core/errors.ts'
import type { EventInfo, SamplingRate } from '../core/profile.ts'
import type { NativeTarget } from '../native/binding.ts'
import { happensInKernel } from './events/names.ts'
import { inUserMode } from './events/parse.ts'
import type { Privileges } from './privileges.ts'

export interface Permitted {
  /** The events as they may be sampled. */
  readonly events: readonly EventInfo[]
  /** What had to be left out, in a sentence each. */
  readonly notices: readonly string[]
}

/**
 * Without privileges one's own processes can be sampled in user mode: the kernel's part is left out then, and said.
 * @throws AgentError `SAMPLER.PERMISSION_DENIED`
 */
export function permit(
  target: NativeTarget['kind'],
  events: readonly EventInfo[],
  privileges: Privileges,
): Permitted {
  if (privileges.perfmon) return { events, notices: [] }
  const { paranoid } = privileges
  // Debian's and Android's own level: nothing without a capability.
  if (paranoid > 2) throw denied('sample anything', paranoid, 2)
  if (target === 'cpus' && paranoid > 0) throw denied('sample the whole machine', paranoid, 0)
  if (paranoid < 2) return { events, notices: [] }
  const kernelOnly = events.find((event) => event.excludeUser || happensInKernel(event))
  if (kernelOnly !== undefined) throw denied(`sample ${kernelOnly.name} in the kernel`, paranoid, 1)
  if (events.every((event) => event.excludeKernel)) return { events, notices: [] }
  return {
    events: events.map((event) => (event.excludeKernel ? event : inUserMode(event))),
    notices: [
      `Sampling user mode only: the kernel's part needs CAP_PERFMON, or kernel.perf_event_paranoid ≤ 1 (it is ${paranoid}).`,
    ],
  }
}

/** Whether one's own processes may be sampled, and the machine may not. */
export const mayProcessesOnly = ({ perfmon, paranoid }: Privileges): boolean =>
  !perfmon && paranoid > 0 && paranoid <= 2

const denied = (what: string, found: number, needed: number): AgentError =>
  new AgentError(
    'SAMPLER.PERMISSION_DENIED',
    `Cannot ${what}: kernel.perf_event_paranoid is ${found} and this process has no CAP_PERFMON.\n` +
      `Run as root, grant CAP_PERFMON, or set kernel.perf_event_paranoid to ${needed} or less.`,
  )

/** The kernel's shortest period of a clock event; a shorter one is stretched without a word (perf_swevent_hrtimer). */
const SHORTEST_CLOCK_PERIOD_NS = 10_000n

/** @throws AgentError `SAMPLER.RATE_TOO_HIGH` */
export function checkRate(rate: SamplingRate, events: readonly EventInfo[], privileges: Privileges): void {
  const clock = events.find((event) => event.unit === 'nanoseconds')
  switch (rate.by) {
    case 'frequency': {
      const fastest = clock === undefined ? Number.POSITIVE_INFINITY : 1e9 / Number(SHORTEST_CLOCK_PERIOD_NS)
      const { maxSampleRate } = privileges
      if (rate.hertz > fastest)
        throw tooFast(
          `${rate.hertz} Hz are more than ${clock?.name} can do: ask for ${fastest} or less (-F).`,
        )
      if (rate.hertz <= maxSampleRate) return
      throw tooFast(
        `${rate.hertz} Hz are more than kernel.perf_event_max_sample_rate allows (${maxSampleRate}).\n` +
          `Ask for less (-F), or run: sysctl kernel.perf_event_max_sample_rate=${rate.hertz}.`,
      )
    }
    case 'period':
      if (clock === undefined || rate.period >= SHORTEST_CLOCK_PERIOD_NS) return
      throw tooFast(
        `A period of ${rate.period} ns is too short for ${clock.name}: ask for ${SHORTEST_CLOCK_PERIOD_NS} or more (-c).`,
      )
  }
}

const tooFast = (message: string): AgentError => new AgentError('SAMPLER.RATE_TOO_HIGH', message)

/** Frames per chain where nobody asked: perf's own default, or less where the kernel allows less. */
export const DEFAULT_MAX_STACK = 127

/** @throws AgentError `SAMPLER.STACK_TOO_DEEP` */
export function checkMaxStack(asked: number | undefined, privileges: Privileges): number {
  const { maxStack } = privileges
  if (asked === undefined) return Math.min(DEFAULT_MAX_STACK, maxStack)
  if (asked <= maxStack) return asked
  throw new AgentError(
    'SAMPLER.STACK_TOO_DEEP',
    `Stacks of ${asked} frames are more than kernel.perf_event_max_stack allows (${maxStack}).\n` +
      `Ask for less, or run: sysctl kernel.perf_event_max_stack=${asked} (while no event is open).`,
  )
}
