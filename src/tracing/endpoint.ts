// Whether Sonde's own spans are to be sent, and where, by OpenTelemetry's variables.

export type Environment = Readonly<Record<string, string | undefined>>

/** Where spans go: they are sent as OTLP over HTTP, in JSON. */
export type TracesEndpoint =
  | { readonly send: 'to'; readonly url: string }
  | { readonly send: 'nowhere' }
  /** They were asked for, and cannot be had: why, without any value that may hold a secret. */
  | { readonly send: 'impossible'; readonly why: string }

const NOWHERE: TracesEndpoint = { send: 'nowhere' }

/** An empty variable is an unset one, says the specification. */
export function tracesEndpointOf(environment: Environment): TracesEndpoint {
  const value = (name: string): string => environment[name]?.trim() ?? ''
  const own = value('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')
  const general = value('OTEL_EXPORTER_OTLP_ENDPOINT')
  if (own === '' && general === '') return NOWHERE
  if (value('OTEL_SDK_DISABLED').toLowerCase() === 'true') return NOWHERE
  if (value('OTEL_TRACES_EXPORTER').toLowerCase() === 'none') return NOWHERE
  if (own !== '') {
    return value('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') === 'grpc'
      ? impossible('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL says grpc, and they are only sent by HTTP')
      : checked(own, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')
  }
  const protocol = value('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') || value('OTEL_EXPORTER_OTLP_PROTOCOL')
  if (protocol === 'grpc') {
    return impossible(
      'OTEL_EXPORTER_OTLP_ENDPOINT is one for gRPC: name one for HTTP in OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    )
  }
  return checked(`${general.replace(/\/+$/, '')}/v1/traces`, 'OTEL_EXPORTER_OTLP_ENDPOINT')
}

const impossible = (why: string): TracesEndpoint => ({ send: 'impossible', why })

function checked(url: string, variable: string): TracesEndpoint {
  const protocol = URL.parse(url)?.protocol
  return protocol === 'http:' || protocol === 'https:'
    ? { send: 'to', url }
    : impossible(`${variable} is no http:// or https:// URL`)
}
