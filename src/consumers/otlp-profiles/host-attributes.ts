import type { HostInfo } from '../../core/host.ts'
import { type Environment, keyValues } from './exporter-environment.ts'

/**
 * Of the host and the cluster, for every resource: its name, and what the agent's OTEL_RESOURCE_ATTRIBUTES says. What that
 * says of a service is about Sonde itself, and no profile's.
 */
export function hostAttributes(
  { hostname }: Pick<HostInfo, 'hostname'>,
  environment: Environment,
): Readonly<Record<string, string>> {
  const said = keyValues(environment.OTEL_RESOURCE_ATTRIBUTES ?? '') ?? {}
  const ofHost = Object.entries(said).filter(([key]) => !key.startsWith('service.'))
  return { ...(hostname === '' ? {} : { 'host.name': hostname }), ...Object.fromEntries(ofHost) }
}
