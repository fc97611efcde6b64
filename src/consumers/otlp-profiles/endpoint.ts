// Which endpoint, and how it is spoken to: the environment before the configuration, before what the preset says.

import { AgentError } from '../../core/errors.ts'
import { type Milliseconds, milliseconds } from '../../core/units.ts'
import type { EndpointOptions } from '../../transport/endpoint.ts'
import { type Environment, exporterEnvironment, type OtlpProtocol } from './exporter-environment.ts'
import { PRESET_NEEDS, type Preset } from './presets.ts'
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
  const preset = PRESET_NEEDS[config.preset]
  const protocol = said.protocol ?? config.protocol ?? preset.protocols[0] ?? 'http/protobuf'
  if (!preset.protocols.includes(protocol))
    throw unfit(config, `${protocol}; use ${preset.protocols.join(' or ')}`)
  const compression = said.compression ?? config.compression ?? preset.compression
  if (!preset.compressions.includes(compression) || (protocol === 'grpc' && compression === 'zstd'))
    throw unfit(config, `${compression}${protocol === 'grpc' ? ' over grpc' : ''}; use gzip`)
  const timeoutMs: Milliseconds = said.timeoutMs === undefined ? config.timeout : milliseconds(said.timeoutMs)
  return {
    protocol,
    compression,
    options: {
      url: urlOf({ config, preset, protocol, environment }),
      userAgent: `sonde/${version}`,
      timeoutMs,
      headers: {
        ...(config.versionHeader ? VERSION_HEADER : {}),
        ...(config.preset === 'datadog' ? datadogHeaders(environment, version) : {}),
        ...config.headers,
        ...said.headers,
      },
      headersFile: config.headersFile,
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

const unfit = ({ preset }: OtlpProfilesConfig, what: string): AgentError =>
  new AgentError('OTLP.ENDPOINT', `otlp_profiles: the preset ${preset} does not take ${what}.`)

interface Question {
  readonly config: OtlpProfilesConfig
  readonly preset: Preset
  readonly protocol: OtlpProtocol
  readonly environment: Environment
}

function urlOf(question: Question): string {
  const { config, preset, protocol, environment } = question
  const said = exporterEnvironment(environment)
  const insecure = said.insecure ?? config.insecure
  if (said.endpoint !== undefined) {
    const url = withScheme(said.endpoint.url, { protocol, insecure })
    return said.endpoint.kind === 'exact' || protocol === 'grpc' ? url : appended(url)
  }
  const otherwise = config.preset === 'datadog' ? datadogIntake(environment) : preset.endpoints[protocol]
  const url = withScheme(config.endpoint ?? otherwise ?? '', { protocol, insecure })
  return protocol === 'grpc' || hasPath(url) ? url : appended(url)
}

/** gRPC targets are often written host:port. */
function withScheme(
  text: string,
  { protocol, insecure }: { readonly protocol: OtlpProtocol; readonly insecure: boolean },
): string {
  if (/^https?:\/\//i.test(text)) return text
  if (protocol === 'grpc' && !text.includes('://')) return `${insecure ? 'http' : 'https'}://${text}`
  throw new AgentError(
    'OTLP.ENDPOINT',
    `otlp_profiles: the endpoint cannot be used: expected an http or https URL${protocol === 'grpc' ? ', or host:port' : ''}.`,
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
