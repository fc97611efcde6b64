import { stackBytesOf } from '../core/call-graph.ts'
import type { EventInfo, SessionInfo } from '../core/profile.ts'
import type { NativeSession } from '../native/binding.ts'

/** What a session is besides its event. */
export interface SessionForm
  extends Pick<SessionInfo, 'id' | 'rate' | 'maxStack' | 'callGraph' | 'stackParts'> {
  /** Default: true. */
  readonly threadNames?: boolean
  /** Which occurrences of a tracepoint count. Default: all. */
  readonly filter?: string
  /** CPUs that the event's PMU counts on. Default: all that are sampled. */
  readonly onlyCpus?: readonly number[]
}

/** A session as the addon opens it. */
export function nativeSession(
  event: EventInfo,
  { id, rate, maxStack, callGraph, stackParts, threadNames = true, filter, onlyCpus }: SessionForm,
): NativeSession {
  return {
    id,
    name: event.name,
    type: event.type,
    config: event.config,
    ...(rate.by === 'frequency' ? { frequency: rate.hertz } : { period: rate.period }),
    excludeUser: event.excludeUser,
    excludeKernel: event.excludeKernel,
    ...event.details,
    ...(filter === undefined ? {} : { filter }),
    ...(onlyCpus === undefined ? {} : { cpus: onlyCpus }),
    clock: event.unit === 'nanoseconds',
    maxStack,
    stackBytes: stackBytesOf(callGraph),
    kernelStacks: stackParts.kernel,
    userStacks: stackParts.user,
    threadNames,
  }
}
