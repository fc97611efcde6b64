import { EVENT_TYPE } from '../../core/profile.ts'
import type { AskedEvent } from './parse.ts'

/**
 * Why one of the events can have no BPF program, in a clause; undefined: each can. A program of the perf_event kind samples
 * everything that overflows; tracepoints take programs of another kind, which cannot capture what ours does, and the kernel
 * refuses stacks of precise events to programs without perf's own chain (-EPROTO).
 */
export function refusedByBpf(asked: readonly AskedEvent[]): string | undefined {
  if (asked.some(({ group }) => group?.isSampledByLeader === true)) {
    return 'the BPF sampler does not read a group at the samples of its leader'
  }
  const events = asked.map(({ info }) => info)
  const tracepoint = events.find(({ type }) => type === EVENT_TYPE.tracepoint)
  if (tracepoint !== undefined) return `${tracepoint.name} is a tracepoint, which the BPF sampler cannot take`
  const precise = events.find(({ details }) => details?.preciseIp !== undefined)
  return precise === undefined
    ? undefined
    : `the stacks of precise events (${precise.name}) need perf's rings`
}
