// From what somebody asks for to what can be sampled on this machine.

import type { SamplingRate, SessionInfo } from '../core/profile.ts'
import type { NativeAddon, NativeTarget } from '../native/binding.ts'
import { onlineCpus, readHost } from './host.ts'
import { chooseEvents, cpuPmus } from './pmu.ts'
import { checkMaxStack, checkRate, permit } from './preflight.ts'
import { readPrivileges } from './privileges.ts'

/** Whom to sample; processes and threads by their numbers. */
export type SampleTarget = { readonly kind: 'machine' } | Exclude<NativeTarget, { readonly kind: 'cpus' }>

export interface SamplingRequest {
  readonly events: readonly string[]
  readonly rate: SamplingRate
  readonly target: SampleTarget
  /** Frames of a stack; undefined: as many as are usual. */
  readonly maxStack: number | undefined
  readonly commandLine: readonly string[]
}

export interface SamplingPlan {
  readonly sessions: readonly SessionInfo[]
  readonly target: NativeTarget
  /** What was chosen or left out, in a sentence each. */
  readonly notices: readonly string[]
}

/** @throws AgentError that says what this machine lacks, or does not allow */
export function planSampling(
  request: SamplingRequest,
  addon: Pick<NativeAddon, 'kernelFacts'>,
): SamplingPlan {
  const { rate, commandLine } = request
  const privileges = readPrivileges()
  const cpus = onlineCpus()
  const target: NativeTarget = request.target.kind === 'machine' ? { kind: 'cpus', cpus } : request.target
  const chosen = chooseEvents(request.events, cpuPmus())
  const permitted = permit(target.kind, chosen.events, privileges)
  checkRate(rate, permitted.events, privileges)
  const traits = {
    rate,
    config: null,
    cpus,
    maxStack: checkMaxStack(request.maxStack, privileges),
    inherit: target.kind !== 'cpus' && target.inherit,
    host: readHost(addon.kernelFacts()),
    commandLine,
  }
  return {
    sessions: permitted.events.map((event, id): SessionInfo => ({ id, event, ...traits })),
    target,
    notices: [...chosen.notices, ...permitted.notices],
  }
}
