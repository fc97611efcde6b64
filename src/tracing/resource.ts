// Who Sonde is, for whoever reads its spans.

import { keyValuesIn } from '../core/key-values.ts'
import { TRACING_SCOPE } from '../core/tracing.ts'
import type { Environment } from './endpoint.ts'

export interface Self {
  readonly version: string
  readonly hostname: string
}

/** OTEL_RESOURCE_ATTRIBUTES adds to it; whose spans they are only OTEL_SERVICE_NAME can say. */
export const ownResource = (
  environment: Environment,
  { version, hostname }: Self,
): Record<string, string> => ({
  'host.name': hostname,
  ...keyValuesIn(environment.OTEL_RESOURCE_ATTRIBUTES ?? '').values,
  'service.name': environment.OTEL_SERVICE_NAME?.trim() || TRACING_SCOPE,
  'service.version': version,
})
