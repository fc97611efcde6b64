import type { ProfileConsumer } from '../../core/consumer.ts'
import type { ConsumerContext } from '../../core/consumer-context.ts'
import type { ContentEncoding, Payload, Transport } from '../../core/delivery.ts'
import type { SampleLabel } from '../../core/encoder.ts'
import { keyValuesIn } from '../../core/key-values.ts'
import type { OtlpEncoding } from '../../core/otlp-encoding.ts'
import type { Outside } from '../../core/plugin.ts'
import type { SessionInfo } from '../../core/profile.ts'
import { grpcTransport } from '../../transport/grpc.ts'
import { httpTransport } from '../../transport/http.ts'
import { openOutbox } from '../../transport/open-outbox.ts'
import { type OtlpJudgement, otlpGrpcResponse, otlpHttpResponse } from '../../transport/otlp-response.ts'
import { type CollectedProfile, ProfileUpload } from '../../transport/profile-upload.ts'
import { type OtlpEndpoint, otlpEndpoint } from './endpoint.ts'
import type { Environment } from './exporter-environment.ts'
import { hostAttributes } from './host-attributes.ts'
import { PRESET_NEEDS, type Preset, presetOf } from './presets.ts'
import type { OtlpProfilesConfig } from './schema.ts'

const withPreset = (written: OtlpProfilesConfig, environment: Environment): OtlpProfilesConfig => ({
  ...written,
  preset: presetOf(environment) ?? written.preset,
})

/** @throws AgentError for endpoints that cannot work */
export async function checkEndpoint(
  written: OtlpProfilesConfig,
  { environment, version }: Outside,
): Promise<void> {
  await transportTo(otlpEndpoint(withPreset(written, environment), environment, version)).close()
}

export function openConsumer(written: OtlpProfilesConfig, context: ConsumerContext): ProfileConsumer {
  const config = withPreset(written, context.environment)
  warnOfAttributes(context)
  const { environment, version } = context
  const endpoint = otlpEndpoint(config, environment, version)
  const preset = PRESET_NEEDS[config.preset]
  const sender = {
    name: 'otlp_profiles',
    transport: transportTo(endpoint, preset),
    format: formatOf(config, preset),
    encodings: encodingsOf(endpoint, preset),
  }
  return new ProfileUpload({
    name: sender.name,
    every: undefined,
    limits: { maxBytes: config.maxProfileBytes, labels: labelsOf(config) },
    outbox: openOutbox(sender, config, context),
    encode: (collected) => encode(collected, encodingOf(config, endpoint, context), sender.format),
    context,
  })
}

function warnOfAttributes({ environment, log }: ConsumerContext): void {
  const { malformed } = keyValuesIn(environment.OTEL_RESOURCE_ATTRIBUTES ?? '')
  const parts = malformed === 1 ? '1 part is' : `${malformed} parts are`
  if (malformed > 0)
    log('warn', `OTEL_RESOURCE_ATTRIBUTES: ${parts} not key=value, percent-encoded, and left out.`)
}

function transportTo({ protocol, options }: OtlpEndpoint, judgement: OtlpJudgement = {}): Transport {
  switch (protocol) {
    case 'http/protobuf':
      return httpTransport({ ...options, judge: (response) => otlpHttpResponse(response, judgement) })
    case 'grpc':
      return grpcTransport({ ...options, judge: (response) => otlpGrpcResponse(response, judgement) })
  }
}

/** With what backends read differently: after a change of the preset nothing is sent in the shape of the old one. */
const formatOf = ({ level }: OtlpProfilesConfig, { attributeValues, functions }: Preset): string =>
  [
    `otlp-profiles-${level}`,
    ...(attributeValues === 'strings' ? ['strings'] : []),
    ...(functions === 'twice' ? ['functions-twice'] : []),
  ].join('-')

/** gRPC knows no zstd. */
const encodingsOf = ({ protocol }: OtlpEndpoint, { compressions }: Preset): readonly ContentEncoding[] =>
  compressions.map(encodingNamed).filter((encoding) => protocol !== 'grpc' || encoding !== 'zstd')

const labelsOf = ({ attributes, timestamps }: OtlpProfilesConfig): readonly SampleLabel[] => [
  'resource',
  ...(attributes.includes('cpu.logical_number') ? (['cpu'] as const) : []),
  ...(timestamps ? (['time'] as const) : []),
]

type Encoding = Omit<OtlpEncoding, 'resourceAttributes'> & Pick<ConsumerContext, 'environment'>

function encodingOf(
  config: OtlpProfilesConfig,
  { compression }: OtlpEndpoint,
  { environment, version }: ConsumerContext,
): Encoding {
  return {
    level: config.level,
    scope: { name: 'sonde', version },
    resourcePer: config.resourcePer,
    sampleAttributes: config.attributes,
    attributeValues: PRESET_NEEDS[config.preset].attributeValues,
    functions: PRESET_NEEDS[config.preset].functions,
    shape: config.timestamps ? 'timestamps' : 'counts',
    originalPayload: config.originalPayload,
    maxMessageBytes: config.maxMessageBytes,
    compression: encodingNamed(compression),
    environment,
  }
}

const encodingNamed = (compression: OtlpEndpoint['compression']): ContentEncoding =>
  compression === 'none' ? 'identity' : compression

/** gRPC has a type of its own. */
const PROTOBUF = { 'content-type': 'application/x-protobuf' } as const

async function encode(
  { profile, sessions }: CollectedProfile,
  { environment, ...encoding }: Encoding,
  format: string,
): Promise<readonly Payload[]> {
  const [first] = sessions
  if (first === undefined) return []
  const payloads = await profile.payloads({
    kind: 'otlp',
    sessions: sessions.map(({ id }) => id),
    encoding: {
      ...encoding,
      resourceAttributes: { ...hostAttributes(first.host, environment), ...configAttributes(first) },
    },
  })
  return payloads.map(({ body, samples, profiles }) => ({
    body,
    encoding: encoding.compression,
    headers: PROTOBUF,
    format,
    samples,
    profiles,
  }))
}

/** In the resource, because readers see those. An attribute that is empty is none. */
function configAttributes({ config }: SessionInfo): Readonly<Record<string, string>> {
  const attributes = { 'sonde.config.name': config?.name, 'sonde.config.version': config?.version }
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([key, value]) => (value ? [[key, value]] : [])),
  )
}
