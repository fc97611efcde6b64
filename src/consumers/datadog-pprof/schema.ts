import * as z from 'zod'
import { byteSizeSchema, durationSchema } from '../../core/quantity-schema.ts'
import { milliseconds } from '../../core/units.ts'
import { deliveryKeys } from '../../transport/delivery-schema.ts'

const text = z.string().min(1)

export const datadogPprofSchema = z
  .strictObject({
    url: text
      .optional()
      .describe(
        'Where the Datadog agent listens: http://host:port or unix:///path (DD_TRACE_AGENT_URL, DD_AGENT_HOST, DD_TRACE_AGENT_PORT); default: /var/run/datadog/apm.socket if it is there, else http://localhost:8126',
      ),
    apiKey: text
      .optional()
      .describe(
        'Sends to Datadog itself where no agent is named (DD_API_KEY); apiKeyFile keeps it out of here',
      ),
    apiKeyFile: text.optional().describe('A file that holds nothing but the API key; read for every request'),
    site: text.optional().describe('Of Datadog, with an API key (DD_SITE); default: datadoghq.com'),
    intakeUrl: text
      .optional()
      .describe(
        'Where to with an API key instead: https://intake.profile.<site>/api/v2/profile is the default',
      ),
    env: text.optional().describe('The tag env of every profile (DD_ENV)'),
    version: text.optional().describe('The tag version of every profile (DD_VERSION)'),
    tags: z
      .record(z.string(), z.string())
      .default({})
      .describe('Of every profile; those of DD_TAGS (k:v,k:v) come before them'),
    uploadInterval: durationSchema
      .refine((ms) => ms >= 1_000, 'expected 1s or more')
      .default(milliseconds(60_000))
      .describe('How long is collected for one upload of each service and event'),
    compression: z
      .enum(['zstd', 'gzip'], 'expected zstd or gzip')
      .default('zstd')
      .describe('Of the profiles'),
    timeout: durationSchema
      .refine((ms) => ms > 0, 'expected more than 0')
      .default(milliseconds(30_000))
      .describe('Of one attempt'),
    labels: z
      .array(z.enum(['cpu'], 'expected cpu'))
      .default(['cpu'])
      .describe('What samples are told apart by besides process, thread and container: cpu'),
    maxProfileBytes: byteSizeSchema
      .default(64 * 2 ** 20)
      .describe('Memory for the profile under way; samples that do not fit are counted as table_full'),
    ...deliveryKeys,
  })
  .refine(({ apiKey, apiKeyFile }) => apiKey === undefined || apiKeyFile === undefined, {
    message: 'state either apiKey or apiKeyFile, not both',
  })

export type DatadogPprofConfig = z.output<typeof datadogPprofSchema>
