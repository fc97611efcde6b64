// What a recording will lack because a capability does, said before it begins. CAP_PERFMON is what sampling itself needs:
// preflight.ts.

import type { EventInfo } from '../core/profile.ts'
import type { NativeTarget } from '../native/binding.ts'
import { CAPABILITY_PURPOSES, type CapabilityName } from './capabilities.ts'
import type { Privileges } from './privileges.ts'

/** In a sentence each; none where nothing of what is sampled needs it. */
export function lackingNotices(
  target: NativeTarget['kind'],
  events: readonly EventInfo[],
  privileges: Privileges,
): readonly string[] {
  const samplesKernel = events.some((event) => !event.excludeKernel)
  return [
    ...(target === 'cpus' && !privileges.sysPtrace ? [withoutNotice('CAP_SYS_PTRACE')] : []),
    ...(samplesKernel ? kernelNameNotices(privileges) : []),
  ]
}

/** As the kernel decides it (kallsyms_show_value). */
function kernelNameNotices({ syslog, kptrRestrict, paranoid }: Privileges): readonly string[] {
  if (kptrRestrict >= 2) {
    return [
      `Names of kernel functions stay unknown: kernel.kptr_restrict is ${kptrRestrict}. Set it to 0 or 1.`,
    ]
  }
  const shownToAll = kptrRestrict === 0 && paranoid <= 1
  return syslog || shownToAll ? [] : [withoutNotice('CAP_SYSLOG')]
}

function withoutNotice(name: CapabilityName): string {
  const without = CAPABILITY_PURPOSES.find((each) => each.name === name)?.without ?? ''
  return `${name} is missing. ${without}`
}
