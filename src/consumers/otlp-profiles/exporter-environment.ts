// The standard variables of OTLP exporters (OpenTelemetry specification, "OpenTelemetry Protocol Exporter"), for profiles.

import { AgentError } from '../../core/errors.ts'
import { keyValuesIn } from '../../core/key-values.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export const OTLP_PROTOCOLS = ['http/protobuf', 'grpc'] as const
export type OtlpProtocol = (typeof OTLP_PROTOCOLS)[number]

/** What the environment says; undefined where it says nothing. */
export interface ExporterEnvironment {
  /** `exact`: the whole URL. `base`: of all signals, each of which has a path of its own below it. */
  readonly endpoint: { readonly url: string; readonly kind: 'exact' | 'base' } | undefined
  readonly protocol: OtlpProtocol | undefined
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly compression: 'gzip' | 'zstd' | 'none' | undefined
  readonly timeoutMs: number | undefined
  readonly insecure: boolean | undefined
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
}

interface Variable {
  readonly name: string
  readonly value: string
}

/** @throws AgentError `OTLP.ENVIRONMENT`: which variable, and what it may be. Never a value: headers are secrets. */
export function exporterEnvironment(environment: Environment): ExporterEnvironment {
  const find = (name: string): Variable | undefined => variable(environment, name)
  const text = (name: string): string | undefined => find(name)?.value
  return {
    endpoint: endpointOf(environment),
    protocol: oneOf(find('PROTOCOL'), OTLP_PROTOCOLS),
    headers: headersOf(find('HEADERS')),
    compression: oneOf(find('COMPRESSION'), ['gzip', 'zstd', 'none']),
    timeoutMs: millisecondsOf(find('TIMEOUT')),
    insecure: booleanOf(find('INSECURE')),
    caFile: text('CERTIFICATE'),
    certFile: text('CLIENT_CERTIFICATE'),
    keyFile: text('CLIENT_KEY'),
  }
}

/** That of the signal before that of all. */
export const otlpVariables = (suffix: string): readonly string[] => [
  `OTEL_EXPORTER_OTLP_PROFILES_${suffix}`,
  `OTEL_EXPORTER_OTLP_${suffix}`,
]

/** An empty variable is none. */
function variable(environment: Environment, suffix: string): Variable | undefined {
  for (const name of otlpVariables(suffix)) {
    const value = environment[name]?.trim()
    if (value !== undefined && value !== '') return { name, value }
  }
  return undefined
}

function endpointOf(environment: Environment): ExporterEnvironment['endpoint'] {
  const found = variable(environment, 'ENDPOINT')
  if (found === undefined) return undefined
  return { url: found.value, kind: found.name.includes('_PROFILES_') ? 'exact' : 'base' }
}

const wrong = ({ name }: Variable, expected: string): AgentError =>
  new AgentError('OTLP.ENVIRONMENT', `${name} cannot be used: expected ${expected}.`)

function oneOf<Value extends string>(
  found: Variable | undefined,
  values: readonly Value[],
): Value | undefined {
  if (found === undefined) return undefined
  const value = values.find((each) => each === found.value)
  if (value === undefined) throw wrong(found, `${values.join(', ')}, not '${found.value}'`)
  return value
}

function millisecondsOf(found: Variable | undefined): number | undefined {
  if (found === undefined) return undefined
  if (!/^\d+$/.test(found.value) || Number(found.value) === 0) throw wrong(found, 'a number of milliseconds')
  return Number(found.value)
}

function booleanOf(found: Variable | undefined): boolean | undefined {
  return found === undefined ? undefined : found.value.toLowerCase() === 'true'
}

/** `name=value,name=value`, percent-encoded as in W3C Baggage. */
function headersOf(found: Variable | undefined): Readonly<Record<string, string>> | undefined {
  if (found === undefined) return undefined
  const { values, malformed } = keyValuesIn(found.value)
  if (malformed > 0) throw wrong(found, 'name=value pairs with commas between, each percent-encoded')
  return values
}
