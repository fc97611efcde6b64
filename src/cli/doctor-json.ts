// Doctor's findings for programs; docs/doctor.md describes the shape.

import type { Diagnosis } from '../sampler/diagnosis/diagnosis.ts'
import { type MachineFacts, probesOf } from '../sampler/diagnosis/facts.ts'
import { VERSION } from './version.ts'

export function doctorJson(diagnosis: Diagnosis, facts: MachineFacts): string {
  const findings = diagnosis.groups.flatMap(({ title, findings: found }) =>
    found.map(({ subject, state, says, why, fix }) => ({
      group: title.toLowerCase(),
      subject,
      state,
      says,
      why: why ?? null,
      fix: fix ?? null,
    })),
  )
  const report = {
    version: 1,
    sondeVersion: VERSION,
    degraded: diagnosis.degraded,
    backEnd: diagnosis.backEnd?.backEnd ?? null,
    findings,
    probes: probesOf(facts),
  }
  return `${JSON.stringify(report, null, 2)}\n`
}
