// Which back-ends work on this machine.

import type { BackEnd } from '../../src/core/back-end.ts'
import { messageOf } from '../../src/core/errors.ts'
import { EVERYTHING } from '../../src/core/sample-filter.ts'
import { hertz } from '../../src/core/units.ts'
import { planSampling, type SamplingPlan } from '../../src/sampler/plan.ts'

/** How the whole machine is sampled by this back-end. @throws AgentError where it cannot be */
export const machinePlan = (backEnd: BackEnd, rate = 99): SamplingPlan =>
  planSampling({
    backEnd,
    events: ['cpu-clock'],
    rate: { by: 'frequency', hertz: hertz(rate) },
    target: { kind: 'machine' },
    callGraph: { method: 'fp' },
    maxStack: undefined,
    ringBytes: undefined,
    commandLine: [],
    filter: EVERYTHING,
    missingCgroups: 'refused',
  })

/** Why the whole machine cannot be sampled by this back-end; undefined where it can. */
export function whyNot(backEnd: BackEnd): string | undefined {
  try {
    machinePlan(backEnd)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}
