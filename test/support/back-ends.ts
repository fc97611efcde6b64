// Which back-ends work on this machine.

import type { BackEnd } from '../../src/core/back-end.ts'
import { messageOf } from '../../src/core/errors.ts'
import { EVERYTHING } from '../../src/core/sample-filter.ts'
import { hertz } from '../../src/core/units.ts'
import { planSampling } from '../../src/sampler/plan.ts'

/** Why the whole machine cannot be sampled by this back-end; undefined where it can. */
export function whyNot(backEnd: BackEnd): string | undefined {
  try {
    planSampling({
      backEnd,
      events: ['cpu-clock'],
      rate: { by: 'frequency', hertz: hertz(99) },
      target: { kind: 'machine' },
      callGraph: { method: 'fp' },
      maxStack: undefined,
      ringBytes: undefined,
      commandLine: [],
      filter: EVERYTHING,
      missingCgroups: 'refused',
    })
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}
