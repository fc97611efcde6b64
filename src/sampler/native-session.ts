import { stackBytesOf } from '../core/call-graph.ts'
import type { EventInfo, SessionInfo } from '../core/profile.ts'
import type { NativeSession } from '../native/binding.ts'
import type { EventGroup } from './events/parse.ts'

const groupFields = ({ leader, size, isSampledByLeader }: EventGroup, place: number) => ({
  ...(leader === place ? { groupSize: size } : { leader }),
  leaderSampling: isSampledByLeader,
})

/** What a session is besides its event. */
export interface SessionForm
  extends Pick<SessionInfo, 'id' | 'rate' | 'maxStack' | 'callGraph' | 'stackParts'> {
  /** Default: true. */
  readonly threadNames?: boolean
  /** Which occurrences of a tracepoint count. Default: all. */
  readonly filter?: string
  readonly group?: EventGroup
  /** Among the sessions of its source. Default: the first. */
  readonly place?: number
  /** CPUs that the event's PMU counts on. Default: all that are sampled. */
  readonly onlyCpus?: readonly number[]
}

/** A session as the addon opens it. */
export function nativeSession(
  event: EventInfo,
  {
    id,
    rate,
    maxStack,
    callGraph,
    stackParts,
    threadNames = true,
    filter,
    onlyCpus,
    group,
    place = 0,
  }: SessionForm,
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
    ...(group === undefined ? {} : groupFields(group, place)),
    ...(onlyCpus === undefined ? {} : { cpus: onlyCpus }),
    clock: event.unit === 'nanoseconds',
    maxStack,
    stackBytes: stackBytesOf(callGraph),
    kernelStacks: stackParts.kernel,
    userStacks: stackParts.user,
    threadNames,
  }
}
