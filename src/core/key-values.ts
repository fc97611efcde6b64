/** What a list like `key=value,key=value` says. */
export interface KeyValues {
  /** The last of each key. */
  readonly values: Readonly<Record<string, string>>
  /** How many of its parts are no such pair. */
  readonly malformed: number
}

/**
 * Percent-encoded pairs with commas between, as W3C Baggage has them: OTEL_RESOURCE_ATTRIBUTES and OTEL_EXPORTER_OTLP_HEADERS
 * (OpenTelemetry specification). Empty parts say nothing.
 */
export function keyValuesIn(text: string): KeyValues {
  const values: Record<string, string> = {}
  let malformed = 0
  for (const part of text.split(',')) {
    if (part.trim() === '') continue
    const equals = part.indexOf('=')
    const key = decoded(part.slice(0, Math.max(equals, 0)))
    const value = decoded(part.slice(equals + 1))
    if (key === undefined || key === '' || value === undefined) malformed++
    else values[key] = value
  }
  return { values, malformed }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.trim())
  } catch {
    return undefined
  }
}
