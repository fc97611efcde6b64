// From events to sessions: what the batches say of themselves, and what the addon opens.

import type { HostInfo } from '../core/host.ts'
import type { EventInfo, SamplingRate, SessionInfo } from '../core/profile.ts'
import type { NativeSession } from '../native/binding.ts'

/** What all sessions of one configuration share. */
export interface SessionTraits {
  readonly rate: SamplingRate
  readonly config: SessionInfo['config']
  readonly cpus: readonly number[]
  readonly maxStack: number
  readonly inherit: boolean
  readonly host: HostInfo
  readonly commandLine: readonly string[]
}

export const sessionsOf = (events: readonly EventInfo[], traits: SessionTraits): readonly SessionInfo[] =>
  events.map((event, id) => ({ id, event, ...traits }))

export function nativeSession(session: SessionInfo): NativeSession {
  const { event, rate } = session
  return {
    id: session.id,
    name: event.name,
    type: event.type,
    config: event.config,
    ...(rate.by === 'frequency' ? { frequency: rate.hertz } : { period: rate.period }),
    excludeUser: event.excludeUser,
    excludeKernel: event.excludeKernel,
    clock: event.unit === 'nanoseconds',
    maxStack: session.maxStack,
  }
}
