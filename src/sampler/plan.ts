// From what somebody asks for to what can be sampled on this machine.

import { existsSync } from 'node:fs'
import { BACK_ENDS, type BackEnd, type SamplerChoice } from '../core/back-end.ts'
import type { CallGraph, CallGraphRequest } from '../core/call-graph.ts'
import { AgentError } from '../core/errors.ts'
import type { HostInfo } from '../core/host.ts'
import {
  type EventInfo,
  type SamplingRate,
  type SessionInfo,
  type StackParts,
  WHOLE_STACKS,
} from '../core/profile.ts'
import type { SampleFilter } from '../core/sample-filter.ts'
import type { NativeCgroupHierarchy, NativeSession, NativeTarget } from '../native/binding.ts'
import { callGraphFor, chooseBackEnd } from './back-end.ts'
import { refusedByBpf } from './events/bpf.ts'
import { chooseEvents, type EventRequest } from './events/choose.ts'
import { type AskedEvent, rateFor } from './events/parse.ts'
import { locateCgroups, type MissingCgroups } from './filter-cgroups.ts'
import { onlineCpus, possibleCpus } from './host.ts'
import { lackingNotices } from './lacking.ts'
import { nativeSession } from './native-session.ts'
import { ownProcesses } from './own-processes.ts'
import { isFirstPidNamespace, readPidNamespace } from './pid-namespace.ts'
import { checkMaxStack, checkRate, mayProcessesOnly, permit } from './preflight.ts'
import { type Privileges, readPrivileges } from './privileges.ts'
import { ringBytesFor } from './ring-size.ts'

/** Whom to sample; processes and threads by their numbers. */
export type SampleTarget =
  | {
      readonly kind: 'machine'
      /** What is sampled where the machine may not be; absent: that is an error. */
      readonly otherwise?: 'own_processes'
    }
  | Exclude<NativeTarget, { readonly kind: 'cpus' }>

/** What tells the sessions of one source from all others of the run. */
export interface SourceIdentity extends Pick<SessionInfo, 'source' | 'config'> {
  /** SessionInfo.id of its first session; the others follow. */
  readonly firstSessionId: number
}

/** Of a run that has no others. */
export const ONLY_SOURCE: SourceIdentity = { source: 0, config: null, firstSessionId: 0 }

export interface SamplingRequest {
  readonly backEnd: SamplerChoice
  readonly events: readonly EventRequest[]
  readonly rate: SamplingRate
  /** Nobody asked for the rate: events that are counted one by one take none of it. Absent: somebody did. */
  readonly rateIsDefault?: boolean
  readonly target: SampleTarget
  readonly callGraph: CallGraphRequest
  /** Frames of a stack that the kernel follows; undefined: as many as are usual. */
  readonly maxStack: number | undefined
  /** Of each CPU; undefined: as the rate needs. */
  readonly ringBytes: number | undefined
  readonly commandLine: readonly string[]
  readonly filter: SampleFilter
  readonly missingCgroups: MissingCgroups
  /** Absent: WHOLE_STACKS. */
  readonly stackParts?: StackParts
  /** Whether samples go by their threads' names, or by their processes'. Absent: their threads'. */
  readonly threadNames?: boolean
  /** Absent: ONLY_SOURCE. */
  readonly identity?: SourceIdentity
  /** Whether other samplers run beside it, and share what may be locked: its rings are no larger than they have to be. Absent: it is alone. */
  readonly besideOthers?: boolean
}

export interface SamplingPlan {
  /** As it was asked for, its cgroups by their paths in the hierarchy. */
  readonly filter: SampleFilter
  /** In the order in which they are tried. */
  readonly ways: readonly SamplingWay[]
  readonly target: NativeTarget
  /** In which samples tell their cgroups; undefined: there is none. */
  readonly cgroups: NativeCgroupHierarchy | undefined
  /** What was chosen or left out, in a sentence each. */
  readonly notices: readonly string[]
  /** What the batches say of their sessions. It takes a while to look at the host: sampling need not wait for it. */
  describe(host: HostInfo, way: SamplingWay): readonly SessionInfo[]
}

/** A back-end, and what is asked of it. */
export interface SamplingWay {
  readonly backEnd: BackEnd
  readonly native: readonly NativeSession[]
  readonly callGraph: CallGraph
  readonly ring: RingChoice
}

export interface RingChoice {
  /** Of each CPU. */
  readonly bytes: number
  /** Whether somebody asked for exactly so many. */
  readonly asked: boolean
}

/** @throws AgentError that says what this machine lacks, or does not allow */
export function planSampling(request: SamplingRequest): SamplingPlan {
  const privileges = readPrivileges()
  const cpus = onlineCpus()
  const chosen = chooseEvents(request.events)
  const targeted = targetOf(request.target, { cpus, events: chosen.events.length, privileges })
  const { target } = targeted
  const permitted = permit(
    target.kind,
    chosen.events.map(({ info }) => info),
    privileges,
  )
  const events = chosen.events.map((event, place) =>
    plannedEvent(event, permitted.events[place], { ...request, place }),
  )
  for (const { info, rate } of events.filter(takesSamples)) checkRate(rate, [info], privileges)
  const maxStack = checkMaxStack(request.maxStack, privileges)
  const located = locateCgroups(request.filter, request.missingCgroups)
  const tried = backEndsOf(request, privileges, events)
  const { identity = ONLY_SOURCE } = request
  const shared: SharedPlan = { request, identity, events, cpus, maxStack }
  const { hierarchy: cgroups } = located
  return {
    ways: tried.backEnds.map((backEnd) => wayOf(backEnd, shared)),
    target,
    cgroups,
    filter: located.filter,
    notices: [
      ...[targeted, chosen, permitted, tried, located].flatMap(({ notices }) => notices),
      ...lackingNotices(target.kind, permitted.events, privileges),
    ],
    describe: (host, way) =>
      describeSessions(shared, {
        host,
        callGraph: way.callGraph,
        inherit: target.kind !== 'cpus' && target.inherit,
        tellsCgroups: cgroups !== undefined,
      }),
  }
}

/** What all ways have in common. */
interface SharedPlan {
  readonly request: SamplingRequest
  readonly identity: SourceIdentity
  readonly events: readonly PlannedEvent[]
  readonly cpus: readonly number[]
  readonly maxStack: number
}

/** An event as it may be sampled, at its own rate. */
type PlannedEvent = AskedEvent & { readonly rate: SamplingRate }

/** A member that is sampled by its leader takes none of its own. */
const takesSamples = ({ rate }: PlannedEvent): boolean => rate.by === 'frequency' || rate.period > 0n

const plannedEvent = (
  event: AskedEvent,
  permitted: EventInfo | undefined,
  { rate, rateIsDefault: isDefault = false, place }: SamplingRequest & { readonly place: number },
): PlannedEvent => ({
  ...event,
  info: permitted ?? event.info,
  rate: rateFor(event, { rate, isDefault, place }),
})

const FRAME_POINTERS: CallGraph = { method: 'fp' }

function wayOf(backEnd: BackEnd, { request, identity, events, cpus, maxStack }: SharedPlan): SamplingWay {
  const { ringBytes, stackParts = WHOLE_STACKS, threadNames = true, besideOthers = false } = request
  // Nothing of the user is followed where that part is not wanted.
  const callGraph = stackParts.user ? callGraphFor(request.callGraph, backEnd) : FRAME_POINTERS
  const form = { maxStack, callGraph, stackParts, threadNames }
  return {
    backEnd,
    callGraph,
    native: events.map(({ info, ...event }, place) =>
      nativeSession(info, { ...form, ...event, place, id: identity.firstSessionId + place }),
    ),
    ring: {
      bytes:
        ringBytes ??
        ringBytesFor(
          events.filter(takesSamples).map(({ info: { unit }, rate }) => ({ unit, rate })),
          { rate: request.rate, callGraph, cpus: cpus.length, backEnd, besideOthers },
        ),
      asked: ringBytes !== undefined,
    },
  }
}

const describeSessions = (
  { request: { commandLine, stackParts = WHOLE_STACKS }, identity, events, cpus, maxStack }: SharedPlan,
  about: Pick<SessionInfo, 'host' | 'callGraph' | 'inherit' | 'tellsCgroups'>,
): readonly SessionInfo[] =>
  events.map(({ info: event, rate }, place) => ({
    id: identity.firstSessionId + place,
    source: identity.source,
    event,
    rate,
    config: identity.config,
    stackParts,
    cpus,
    maxStack,
    commandLine,
    ...about,
  }))

interface ChosenTarget {
  readonly target: NativeTarget
  readonly notices: readonly string[]
}

/** Descriptors for the sampling of an agent's own user's processes. */
const MAX_OWN_DESCRIPTORS = 2_048

function targetOf(
  target: SampleTarget,
  {
    cpus,
    events,
    privileges,
  }: { readonly cpus: readonly number[]; readonly events: number; readonly privileges: Privileges },
): ChosenTarget {
  if (target.kind !== 'machine') return { target, notices: goneNotices(target) }
  const { otherwise } = target
  if (otherwise === undefined || !mayProcessesOnly(privileges)) {
    return { target: { kind: 'cpus', cpus: possibleCpus() }, notices: [] }
  }
  const perThread = cpus.length * (events + 1)
  const { pids, leftOut } = ownProcesses(process.pid, Math.floor(MAX_OWN_DESCRIPTORS / perThread))
  const rest = leftOut === 0 ? '' : ` ${leftOut} more of them are left out.`
  return {
    target: { kind: 'processes', pids, inherit: true },
    notices: [
      `Sampling only the ${pids.length} processes of this user that run now, and their children: the whole machine needs CAP_PERFMON, or kernel.perf_event_paranoid ≤ 0 (it is ${privileges.paranoid}).${rest}`,
    ],
  }
}

/** Where others are left; that none is, is an error when they are opened. */
function goneNotices(target: Exclude<SampleTarget, { readonly kind: 'machine' }>): readonly string[] {
  switch (target.kind) {
    case 'processes':
      return goneOf('process', target.pids)
    case 'threads':
      return goneOf('thread', target.tids)
    case 'command':
      return []
  }
}

function goneOf(what: string, numbers: readonly number[]): readonly string[] {
  const gone = numbers.filter((number) => !existsSync(`/proc/${number}`))
  if (gone.length === numbers.length) return []
  return gone.map(
    (number) => `There is no ${what} ${number}: it has ended, or never was. The others are sampled.`,
  )
}

interface TriedBackEnds {
  readonly backEnds: readonly BackEnd[]
  readonly notices: readonly string[]
}

function backEndsOf(
  { backEnd: asked }: SamplingRequest,
  privileges: Privileges,
  events: readonly AskedEvent[],
): TriedBackEnds {
  if (asked === 'perf') return { backEnds: [asked], notices: [] }
  const { backEnd, why } = chooseBackEnd({
    mayLoadBpf: privileges.bpf,
    perfmon: privileges.perfmon,
    hasBtf: existsSync('/sys/kernel/btf/vmlinux'),
    inFirstPidNamespace: isFirstPidNamespace(readPidNamespace()),
    events: events.length,
    refused: refusedByBpf(events),
  })
  if (asked === 'bpf') {
    if (backEnd === asked) return { backEnds: [asked], notices: [] }
    throw new AgentError(
      'SAMPLER.BPF_REFUSED',
      `Cannot sample by bpf: ${why}.\nsonde doctor tells more; --sampler perf does without.`,
    )
  }
  if (backEnd === 'bpf') return { backEnds: BACK_ENDS, notices: [] }
  // Who samples without privileges knows that he has none.
  return { backEnds: [backEnd], notices: privileges.perfmon ? [`Sampling by perf rings: ${why}.`] : [] }
}
