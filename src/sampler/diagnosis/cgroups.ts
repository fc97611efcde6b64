// In which hierarchy samples are told apart by their cgroups, and what that costs.

import type { BackEnd } from '../../core/back-end.ts'
import { cgroupMountsOf } from '../cgroup-hierarchy.ts'
import { type MachineFacts, textOf } from './facts.ts'
import type { Finding } from './finding.ts'

export function cgroupFinding({ files, hierarchy }: MachineFacts, backEnd: BackEnd | undefined): Finding {
  const subject = 'cgroups'
  if ('error' in files.mounts)
    return {
      subject,
      state: 'info',
      says: 'cannot be told',
      why: `/proc/self/mountinfo: ${files.mounts.error}`,
    }
  if (hierarchy === undefined) {
    return {
      subject,
      state: 'degraded',
      says: 'not mounted here: no sample tells its cgroup',
      why: 'neither cgroup nor cgroup2 is in /proc/self/mountinfo',
      fix: 'mount -t cgroup2 cgroup2 /sys/fs/cgroup; in a container, mount that of the host read-only',
    }
  }
  const layout = layoutOf(textOf(files.mounts))
  const { controller, mount } = hierarchy
  if (controller === '') return { subject, state: 'ok', says: `${layout}; told apart at ${mount}` }
  const says = `${layout}; told apart by ${controller}, at ${mount}`
  if (backEnd === 'bpf') return { subject, state: 'ok', says }
  return {
    subject,
    state: 'degraded',
    says: `${says}; a process that ends before it is looked at has no cgroup`,
    why: 'perf puts cgroups of version 2 alone into its records; others are read from /proc/PID/cgroup',
    fix: 'let bpf sample (see back-end), or boot with systemd.unified_cgroup_hierarchy=1',
  }
}

function layoutOf(mountinfo: string): string {
  const mounts = cgroupMountsOf(mountinfo)
  const legacy = mounts.filter(({ controllers }) => controllers.length > 0).length
  if (legacy === 0) return 'version 2'
  return legacy === mounts.length ? 'version 1' : 'hybrid'
}
