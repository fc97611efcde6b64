import * as z from 'zod'
import { OTLP_LEVELS, OTLP_SAMPLE_ATTRIBUTES } from '../../core/otlp-encoding.ts'
import { byteSizeSchema, durationSchema } from '../../core/quantity-schema.ts'
import { milliseconds } from '../../core/units.ts'
import { deliveryKeys } from '../../transport/delivery-schema.ts'
import { OTLP_PROTOCOLS } from './exporter-environment.ts'
import { PRESETS } from './presets.ts'

const tlsSchema = z.strictObject({
  caFile: z.string().min(1).optional().describe('PEM; trusted instead of the system’s authorities'),
  certFile: z.string().min(1).optional().describe('PEM; the client’s certificate'),
  keyFile: z.string().min(1).optional().describe('PEM; its key'),
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
    .optional()
    .describe(
      'Where to; over HTTP without a path /v1development/profiles is appended (OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT)',
    ),
  protocol: z
    .enum(OTLP_PROTOCOLS, `expected ${OTLP_PROTOCOLS.join(' or ')}`)
    .optional()
    .describe('http/protobuf or grpc (OTEL_EXPORTER_OTLP_PROTOCOL)'),
  headers: z
    .record(z.string(), z.string())
    .default({})
    .describe('Sent with every request (OTEL_EXPORTER_OTLP_HEADERS)'),
  headersFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A file with a header in each line, name: value; read for every request, so that secrets can change',
    ),
  compression: z
    .enum(['gzip', 'zstd', 'none'], 'expected gzip, zstd or none')
    .optional()
    .describe('Of requests (OTEL_EXPORTER_OTLP_COMPRESSION); default: what the preset takes'),
  timeout: durationSchema
    .refine((ms) => ms > 0, 'expected more than 0')
    .default(milliseconds(10_000))
    .describe('Of one attempt (OTEL_EXPORTER_OTLP_TIMEOUT, in milliseconds)'),
  insecure: z
    .boolean('expected true or false')
    .default(false)
    .describe(
      'Whether a grpc endpoint without a scheme is spoken to without TLS (OTEL_EXPORTER_OTLP_INSECURE)',
    ),
  tls: tlsSchema
    .prefault({})
    .describe('OTEL_EXPORTER_OTLP_CERTIFICATE, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _KEY'),
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

export type OtlpProfilesConfig = z.output<typeof otlpProfilesSchema>
