// Everything that doctor says, from facts alone.

import type { BackEndChoice } from '../back-end.ts'
import { backEndFinding, backEndOf, hookFindings } from './back-end.ts'
import { capabilityFindings } from './capability-findings.ts'
import { cgroupFinding } from './cgroups.ts'
import type { MachineFacts } from './facts.ts'
import type { Finding, FindingGroup } from './finding.ts'
import { isTrouble } from './finding.ts'
import { kernelFinding, lockdownFinding, tracefsFinding, typesFinding } from './kernel.ts'
import { bpfMemoryFinding, ringMemoryFinding } from './memory-lock.ts'
import { pmuFinding } from './pmus.ts'
import { probeFindings } from './probe-findings.ts'
import { seccompFinding } from './seccomp.ts'
import { kptrFinding, paranoidFinding, unprivilegedBpfFinding } from './sysctls.ts'

export interface Diagnosis {
  readonly groups: readonly FindingGroup[]
  /** undefined: nothing can be sampled. */
  readonly backEnd: BackEndChoice | undefined
  /** Whether anything is degraded or missing. */
  readonly degraded: boolean
}

export function diagnosisOf(facts: MachineFacts): Diagnosis {
  const backEnd = backEndOf(facts)
  const groups = [
    { title: 'Machine', findings: machineFindings(facts, backEnd) },
    { title: 'Permissions', findings: permissionFindings(facts, backEnd) },
    { title: 'Tried', findings: triedFindings(facts) },
    { title: 'Sampling', findings: samplingFindings(facts, backEnd) },
  ]
  return { groups, backEnd, degraded: groups.some(({ findings }) => findings.some(isTrouble)) }
}

const machineFindings = (facts: MachineFacts, backEnd: BackEndChoice | undefined): readonly Finding[] => [
  kernelFinding(facts),
  pmuFinding(facts),
  typesFinding(facts),
  tracefsFinding(facts),
  cgroupFinding(facts, backEnd?.backEnd),
]

const permissionFindings = (facts: MachineFacts, backEnd: BackEndChoice | undefined): readonly Finding[] => [
  ...capabilityFindings(facts),
  paranoidFinding(facts),
  kptrFinding(facts),
  unprivilegedBpfFinding(facts),
  lockdownFinding(facts),
  seccompFinding(facts),
  ringMemoryFinding(facts, backEnd?.backEnd),
  bpfMemoryFinding(facts),
]

function triedFindings(facts: MachineFacts): readonly Finding[] {
  if ('problem' in facts.native)
    return [
      {
        subject: 'native part',
        state: 'missing',
        says: 'not usable: nothing can be sampled or tried',
        why: facts.native.problem,
      },
    ]
  return (['event', 'map', 'program', 'helper'] as const).flatMap((kind) => probeFindings(kind, facts))
}

const samplingFindings = (facts: MachineFacts, backEnd: BackEndChoice | undefined): readonly Finding[] => [
  backEndFinding(backEnd),
  ...hookFindings(facts, backEnd),
]
