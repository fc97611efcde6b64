// Which endpoint, and how it is spoken to: the environment before the configuration, before what the preset says.

import { AgentError } from '../../core/errors.ts'
import { type Milliseconds, milliseconds } from '../../core/units.ts'
import type { EndpointOptions } from '../../transport/endpoint.ts'
import {
  type Environment,
  type ExporterEnvironment,
  exporterEnvironment,
  type OtlpProtocol,
} from './exporter-environment.ts'
import { PRESET_NEEDS } from './presets.ts'
import type { OtlpProfilesConfig } from './schema.ts'

export interface OtlpEndpoint {
  readonly protocol: OtlpProtocol
  readonly compression: 'gzip' | 'zstd' | 'none'
  readonly options: EndpointOptions
}

const HTTP_PATH = '/v1development/profiles'
/** opentelemetry-proto's development version of the profiles signal, which a server may check before it decodes. */
const VERSION_HEADER = { 'otlp-profiles-development-version': '1' } as const

/** @throws AgentError `OTLP.ENDPOINT`, `OTLP.ENVIRONMENT` */
export function otlpEndpoint(
  config: OtlpProfilesConfig,
  environment: Environment,
  version: string,
): OtlpEndpoint {
  const said = exporterEnvironment(environment)
  const protocol = protocolOf(config, said)
  const url = urlOf({ config, said, protocol, environment })
  const timeoutMs: Milliseconds = said.timeoutMs === undefined ? config.timeout : milliseconds(said.timeoutMs)
  return {
    protocol,
    compression: compressionOf(config, said, protocol),
    options: {
      url,
      userAgent: `sonde/${version}`,
      timeoutMs,
      ...headersFor(url, { config, said, protocol, environment }, version),
      tls: {
        caFile: said.caFile ?? config.tls.caFile,
        certFile: said.certFile ?? config.tls.certFile,
        keyFile: said.keyFile ?? config.tls.keyFile,
        serverName: config.tls.serverName,
      },
      environment,
    },
  }
}

function protocolOf(config: OtlpProfilesConfig, said: ExporterEnvironment): OtlpProtocol {
  const { protocols } = PRESET_NEEDS[config.preset]
  const protocol = said.protocol ?? config.protocol ?? protocols[0] ?? 'http/protobuf'
  if (protocols.includes(protocol)) return protocol
  throw unfit(config, `${protocol}; use ${protocols.join(' or ')}`)
}

function compressionOf(
  config: OtlpProfilesConfig,
  said: ExporterEnvironment,
  protocol: OtlpProtocol,
): OtlpEndpoint['compression'] {
  const preset = PRESET_NEEDS[config.preset]
  const compression = said.compression ?? config.compression ?? preset.compression
  const isKnown = preset.compressions.includes(compression) && (protocol !== 'grpc' || compression !== 'zstd')
  if (isKnown) return compression
  throw unfit(config, `${compression}${protocol === 'grpc' ? ' over grpc' : ''}; use gzip`)
}

const unfit = ({ preset }: OtlpProfilesConfig, what: string): AgentError =>
  new AgentError('OTLP.ENDPOINT', `otlp_profiles: the preset ${preset} does not take ${what}.`)

interface Question {
  readonly config: OtlpProfilesConfig
  readonly said: ExporterEnvironment
  readonly protocol: OtlpProtocol
  readonly environment: Environment
}

/** Of the configuration itself: what its headers are meant for. */
const ownEndpoint = ({ config, environment }: Question): string | undefined =>
  config.endpoint ?? (config.preset === 'datadog' ? datadogIntake(environment) : undefined)

/**
 * The variable of profiles goes before the configuration. That of all signals does not: it is there for traces, or for the
 * program beside, and would send a configured endpoint's profiles elsewhere.
 */
function urlOf(question: Question): string {
  const { config, said, protocol } = question
  const own = ownEndpoint(question)
  const insecure = said.insecure ?? config.insecure
  if (said.endpoint?.kind === 'exact') return withScheme(said.endpoint.url, { protocol, insecure })
  const url = own ?? said.endpoint?.url ?? PRESET_NEEDS[config.preset].endpoints[protocol] ?? ''
  const whole = withScheme(url, { protocol, insecure })
  const isBase = own === undefined || !hasPath(whole)
  return protocol === 'grpc' || !isBase ? whole : appended(whole)
}

/** Headers may be secrets: those of a configured endpoint go to no other. */
function headersFor(
  url: string,
  question: Question,
  version: string,
): Pick<EndpointOptions, 'headers' | 'headersFile'> {
  const { config, said, environment } = question
  const own = ownEndpoint(question)
  const isOwn =
    own === undefined ||
    originOf(url) === originOf(withScheme(own, { protocol: 'grpc', insecure: config.insecure }))
  return {
    headers: {
      ...(config.versionHeader ? VERSION_HEADER : {}),
      ...(config.preset === 'datadog' && isOwn ? datadogHeaders(environment, version) : {}),
      ...(isOwn ? config.headers : {}),
      ...said.headers,
    },
    headersFile: isOwn ? config.headersFile : undefined,
  }
}

const originOf = (url: string): string | undefined => URL.parse(url)?.origin

/** gRPC targets are often written host:port. */
function withScheme(
  text: string,
  { protocol, insecure }: { readonly protocol: OtlpProtocol; readonly insecure: boolean },
): string {
  if (/^https?:\/\//i.test(text)) return text
  if (protocol === 'grpc' && !text.includes('://')) return `${insecure ? 'http' : 'https'}://${text}`
  const form = `an http or https URL${protocol === 'grpc' ? ', or host:port' : ''}`
  throw new AgentError(
    'OTLP.ENDPOINT',
    `otlp_profiles: the endpoint (OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, endpoint) cannot be used: expected ${form}.`,
  )
}

const hasPath = (url: string): boolean => (URL.parse(url)?.pathname ?? '/') !== '/'

function appended(base: string): string {
  const url = URL.parse(base)
  if (url === null) return base // the transport says what is wrong with it
  url.pathname = `${url.pathname.replace(/\/$/, '')}${HTTP_PATH}`
  return url.href
}

const datadogIntake = (environment: Environment): string =>
  `https://intake.profile.${environment.DD_SITE || 'datadoghq.com'}`

function datadogHeaders(environment: Environment, version: string): Readonly<Record<string, string>> {
  return {
    ...(environment.DD_API_KEY ? { 'dd-api-key': environment.DD_API_KEY } : {}),
    'dd-evp-origin': 'sonde',
    'dd-evp-origin-version': version,
  }
}
