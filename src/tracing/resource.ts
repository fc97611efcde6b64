// Who Sonde is, for whoever reads its spans.

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
  ...attributesIn(environment.OTEL_RESOURCE_ATTRIBUTES ?? ''),
  'service.name': environment.OTEL_SERVICE_NAME?.trim() || TRACING_SCOPE,
  'service.version': version,
})

/** `key=value,key=value`, percent-encoded; what is not of this form is left out. */
function attributesIn(text: string): Record<string, string> {
  const pairs = text.split(',').flatMap((pair) => {
    const [key, value, ...rest] = pair.split('=')
    if (key === undefined || value === undefined || rest.length > 0 || key.trim() === '') return []
    const decoded = decodedText(value.trim())
    return decoded === undefined ? [] : [[key.trim(), decoded] as const]
  })
  return Object.fromEntries(pairs)
}

function decodedText(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
