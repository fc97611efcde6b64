// Each capability, with what it serves and how it can be had.

import { CAPABILITY_PURPOSES, type Capability } from '../capabilities.ts'
import { capabilitiesOf, type MachineFacts, maskHas, statusField } from './facts.ts'
import type { Finding } from './finding.ts'

export function capabilityFindings(facts: MachineFacts): readonly Finding[] {
  const held = capabilitiesOf(facts)
  return CAPABILITY_PURPOSES.map((capability) =>
    held.has(capability.name)
      ? { subject: capability.name, state: 'ok', says: `held, for ${capability.serves}` }
      : lacking(capability, facts),
  )
}

function lacking({ name, bit, serves, without }: Capability, facts: MachineFacts): Finding {
  const { status } = facts.files
  if ('error' in status) {
    const why = `/proc/self/status: ${status.error}`
    return { subject: name, state: 'degraded', says: 'cannot be told', why, fix: 'mount -t proc proc /proc' }
  }
  return {
    subject: name,
    state: 'degraded',
    says: `not held, for ${serves}. ${without}`,
    why: whyLacking(bit, facts),
    fix: fixFor(name, bit, facts),
  }
}

function whyLacking(bit: number, facts: MachineFacts): string {
  if (maskHas(facts, 'CapPrm', bit)) return 'it is permitted to this process, but not in effect'
  if (!maskHas(facts, 'CapBnd', bit))
    return 'it is not in the bounding set: whoever started this process took it away for good'
  if (facts.uid === 0) return 'this process is root, and dropped it'
  const given = `it may be given to this process, but uid ${facts.uid} does not get what only root has by itself`
  return noNewPrivileges(facts) ? `${given}, and no_new_privs keeps it from the capabilities of files` : given
}

/** Kubernetes: `allowPrivilegeEscalation: false`. */
const noNewPrivileges = (facts: MachineFacts): boolean => statusField(facts, 'NoNewPrivs') === '1'

/** In the words of whoever can give it: the bounding set is the container's or the service's. */
function fixFor(name: string, bit: number, facts: MachineFacts): string {
  const short = name.replace('CAP_', '')
  const option = short.toLowerCase()
  const inContainer = [
    `Docker: --cap-add ${short}`,
    `Kubernetes: securityContext.capabilities.add: [${short}]`,
    `systemd: AmbientCapabilities=${name}`,
  ].join('; ')
  if (facts.uid === 0) return inContainer
  const shell = `setpriv --inh-caps +${option} --ambient-caps +${option}`
  if (!maskHas(facts, 'CapBnd', bit)) return `${inContainer}; as root: ${shell}`
  return noNewPrivileges(facts)
    ? `Kubernetes: allowPrivilegeEscalation: true, and begin the container with sonde-launcher; systemd: AmbientCapabilities=${name}; as root: ${shell}`
    : `begin the container with sonde-launcher; systemd: AmbientCapabilities=${name}; as root: ${shell}`
}
