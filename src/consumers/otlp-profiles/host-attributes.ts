import type { HostInfo } from '../../core/host.ts'
import { keyValuesIn } from '../../core/key-values.ts'
import type { Environment } from './exporter-environment.ts'

/** What the agent's own attributes may say of every profile: of the host, the cluster, the place. All else is about the agent. */
const OF_HOST = /^(host|os|cloud|deployment|device|k8s\.cluster|k8s\.node)\./

/**
 * Of the host and the cluster, for every resource: its name, and what the agent's OTEL_RESOURCE_ATTRIBUTES says of them. What
 * that says of a service, a process, a container or a pod is about Sonde itself, and no profile's.
 */
export function hostAttributes(
  { hostname }: Pick<HostInfo, 'hostname'>,
  environment: Environment,
): Readonly<Record<string, string>> {
  const said = keyValuesIn(environment.OTEL_RESOURCE_ATTRIBUTES ?? '')
  const ofHost = Object.entries(said.values).filter(([key]) => OF_HOST.test(key))
  return { ...(hostname === '' ? {} : { 'host.name': hostname }), ...Object.fromEntries(ofHost) }
}
