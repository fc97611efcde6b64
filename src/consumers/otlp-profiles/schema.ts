import * as z from 'zod'
import { keyValuesIn } from '../../core/key-values.ts'
import { OTLP_LEVELS, OTLP_SAMPLE_ATTRIBUTES } from '../../core/otlp-encoding.ts'
import { byteSizeSchema, durationSchema } from '../../core/quantity-schema.ts'
import { SETTING_FACTS, type StandardVariables, standardVariables } from '../../core/setting-facts.ts'
import { milliseconds } from '../../core/units.ts'
import { deliveryKeys } from '../../transport/delivery-schema.ts'
import { OTLP_PROTOCOLS, otlpVariables } from './exporter-environment.ts'
import { PRESETS } from './presets.ts'

const otlp = (suffix: string, toValue?: (text: string) => unknown): StandardVariables =>
  standardVariables(otlpVariables(suffix), toValue)

const endpointVariables: StandardVariables = {
  names: otlpVariables('ENDPOINT'),
  /** That of all signals is there for whoever has no endpoint of its own. */
  read(environment, written) {
    const said = otlp('ENDPOINT').read(environment, written)
    return written === undefined || said?.name.includes('_PROFILES_') === true ? said : undefined
  },
}

const tlsSchema = z.strictObject({
  caFile: z
    .string()
    .min(1)
    .optional()
    .describe('PEM; trusted instead of the system’s authorities')
    .register(SETTING_FACTS, { standard: otlp('CERTIFICATE') }),
  certFile: z
    .string()
    .min(1)
    .optional()
    .describe('PEM; the client’s certificate')
    .register(SETTING_FACTS, { standard: otlp('CLIENT_CERTIFICATE') }),
  keyFile: z
    .string()
    .min(1)
    .optional()
    .describe('PEM; the key of the client’s certificate')
    .register(SETTING_FACTS, { standard: otlp('CLIENT_KEY') }),
  serverName: z.string().min(1).optional().describe('The name in the server’s certificate, if not the host'),
})

export const otlpProfilesSchema = z.strictObject({
  preset: z
    .enum(PRESETS, `expected ${PRESETS.join(', ')}`)
    .default('collector')
    .describe('The backend: collector, pyroscope, parca, datadog, or generic for any other'),
  endpoint: z
    .string()
    .min(1)
    .refine(isEndpoint, 'expected a URL such as http://localhost:4318')
    .optional()
    .describe('Where to; over HTTP without a path /v1development/profiles is appended')
    .register(SETTING_FACTS, { standard: endpointVariables }),
  protocol: z
    .enum(OTLP_PROTOCOLS, `expected ${OTLP_PROTOCOLS.join(' or ')}`)
    .optional()
    .describe('http/protobuf or grpc; default: the preset’s first')
    .register(SETTING_FACTS, { standard: otlp('PROTOCOL') }),
  headers: z
    .record(z.string(), z.string())
    .default({})
    .describe('Sent with every request')
    .register(SETTING_FACTS, {
      secret: true,
      sentTo: 'endpoint',
      standard: otlp('HEADERS', (text) => keyValuesIn(text).values),
    }),
  headersFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A file with a header in each line, name: value; read for every request, so that secrets can change',
    )
    .register(SETTING_FACTS, { sentTo: 'endpoint' }),
  compression: z
    .enum(['gzip', 'zstd', 'none'], 'expected gzip, zstd or none')
    .optional()
    .describe('Of requests; default: what the preset takes')
    .register(SETTING_FACTS, { standard: otlp('COMPRESSION') }),
  timeout: durationSchema
    .refine((ms) => ms > 0, 'expected more than 0')
    .default(milliseconds(10_000))
    .describe('Of one attempt; the standard’s variables are in milliseconds')
    .register(SETTING_FACTS, { standard: otlp('TIMEOUT', (text) => `${text}ms`) }),
  insecure: z
    .boolean('expected true or false')
    .default(false)
    .describe('Whether a grpc endpoint without a scheme is spoken to without TLS')
    .register(SETTING_FACTS, { standard: otlp('INSECURE', (text) => text.toLowerCase() === 'true') }),
  tls: tlsSchema.prefault({}).describe('Of connections; its files are read again when they change'),
  maxMessageBytes: byteSizeSchema
    .refine((bytes) => bytes >= 65_536, 'expected 64KiB or more')
    .default(4 * 2 ** 20)
    .describe('A message is split to take less than this before compression'),
  level: z
    .enum(OTLP_LEVELS, `expected ${OTLP_LEVELS.join(', ')} in quotes`)
    .default('1.10')
    .describe(
      'Release of opentelemetry-proto that the backend reads; a wrong one is read as garbage, without an error',
    ),
  versionHeader: z
    .boolean('expected true or false')
    .default(true)
    .describe('Whether OTLP-Profiles-Development-Version: 1 is sent'),
  resourcePer: z
    .enum(['process', 'container'], 'expected process or container')
    .default('process')
    .describe('What one resource is'),
  attributes: z
    .array(z.enum(OTLP_SAMPLE_ATTRIBUTES, `expected ${OTLP_SAMPLE_ATTRIBUTES.join(', ')}`))
    .default(['thread.id', 'thread.name'])
    .describe('What tells samples apart besides their stacks: thread.id, thread.name, cpu.logical_number'),
  timestamps: z
    .boolean('expected true or false')
    .default(false)
    .describe('Every sample’s time instead of counts'),
  originalPayload: z
    .enum(['none', 'pprof'], 'expected none or pprof')
    .default('none')
    .describe('pprof: the same samples as pprof in each profile, for backends that only open that'),
  maxProfileBytes: byteSizeSchema
    .default(64 * 2 ** 20)
    .describe('Memory for the profile under way; samples that do not fit are counted as table_full'),
  ...deliveryKeys,
})

/** A URL of HTTP, or the host and port that gRPC takes. */
function isEndpoint(text: string): boolean {
  const isWhole = /^https?:\/\//i.test(text)
  const url = URL.parse(isWhole ? text : `http://${text}`)
  return url !== null && url.hostname !== '' && (isWhole || !text.includes('://'))
}

export type OtlpProfilesConfig = z.output<typeof otlpProfilesSchema>
