// From what somebody asks for to what can be sampled on this machine.

import type { CallGraph } from '../core/call-graph.ts'
import type { HostInfo } from '../core/host.ts'
import type { SamplingRate, SessionInfo } from '../core/profile.ts'
import type { NativeSession, NativeTarget } from '../native/binding.ts'
import { onlineCpus } from './host.ts'
import { nativeSession } from './native-session.ts'
import { chooseEvents, cpuPmus } from './pmu.ts'
import { checkMaxStack, checkRate, permit } from './preflight.ts'
import { readPrivileges } from './privileges.ts'
import { ringBytesFor } from './ring-size.ts'

/** Whom to sample; processes and threads by their numbers. */
export type SampleTarget = { readonly kind: 'machine' } | Exclude<NativeTarget, { readonly kind: 'cpus' }>

export interface SamplingRequest {
  readonly events: readonly string[]
  readonly rate: SamplingRate
  readonly target: SampleTarget
  readonly callGraph: CallGraph
  /** Frames of a stack that the kernel follows; undefined: as many as are usual. */
  readonly maxStack: number | undefined
  /** Of each CPU; undefined: as the rate needs. */
  readonly ringBytes: number | undefined
  readonly commandLine: readonly string[]
}

export interface SamplingPlan {
  readonly native: readonly NativeSession[]
  readonly target: NativeTarget
  readonly ring: RingChoice
  /** What was chosen or left out, in a sentence each. */
  readonly notices: readonly string[]
  /** What the batches say of their sessions. It takes a while to look at the host: sampling need not wait for it. */
  describe(host: HostInfo): readonly SessionInfo[]
}

export interface RingChoice {
  /** Of each CPU. */
  readonly bytes: number
  /** Whether somebody asked for exactly so many. */
  readonly asked: boolean
}

/** @throws AgentError that says what this machine lacks, or does not allow */
export function planSampling(request: SamplingRequest): SamplingPlan {
  const { rate, callGraph, commandLine } = request
  const privileges = readPrivileges()
  const cpus = onlineCpus()
  const target: NativeTarget = request.target.kind === 'machine' ? { kind: 'cpus', cpus } : request.target
  const chosen = chooseEvents(request.events, cpuPmus())
  const permitted = permit(target.kind, chosen.events, privileges)
  checkRate(rate, permitted.events, privileges)
  const maxStack = checkMaxStack(request.maxStack, privileges)
  const inherit = target.kind !== 'cpus' && target.inherit
  return {
    native: permitted.events.map((event, id) => nativeSession(event, { id, rate, maxStack, callGraph })),
    target,
    ring: {
      bytes: request.ringBytes ?? ringBytesFor(permitted.events, { rate, callGraph, cpus: cpus.length }),
      asked: request.ringBytes !== undefined,
    },
    notices: [...chosen.notices, ...permitted.notices],
    describe: (host) =>
      permitted.events.map((event, id) => ({
        id,
        event,
        rate,
        config: null,
        cpus,
        callGraph,
        maxStack,
        inherit,
        host,
        commandLine,
      })),
  }
}
