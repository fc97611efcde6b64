import * as z from 'zod'
import { byteSizeSchema, durationSchema } from '../../core/quantity-schema.ts'
import { SETTING_FACTS, type StandardVariables, standardVariables } from '../../core/setting-facts.ts'
import { milliseconds } from '../../core/units.ts'
import { deliveryKeys } from '../../transport/delivery-schema.ts'
import { AGENT_VARIABLES, agentIn, said } from './agent-variables.ts'
import { parseTags } from './tags.ts'

const text = z.string().min(1)

const agentVariables: StandardVariables = {
  names: AGENT_VARIABLES,
  read(environment) {
    const name = AGENT_VARIABLES.find((each) => said(environment, each) !== undefined)
    return name === undefined ? undefined : { name, value: agentIn(environment) }
  },
}

export const datadogPprofSchema = z
  .strictObject({
    url: text
      .optional()
      .describe(
        'Where the Datadog agent listens: http://host:port or unix:///path; default: /var/run/datadog/apm.socket if it is there, else http://localhost:8126',
      )
      .register(SETTING_FACTS, { standard: agentVariables }),
    apiKey: text
      .optional()
      .describe('Sends to Datadog itself where no agent is named; apiKeyFile keeps the key out of here')
      .register(SETTING_FACTS, {
        secret: true,
        insteadOf: ['url', 'apiKeyFile'],
        standard: standardVariables(['DD_API_KEY']),
      }),
    apiKeyFile: text
      .optional()
      .describe('A file that holds nothing but the API key; read for every request')
      .register(SETTING_FACTS, { insteadOf: ['url', 'apiKey'] }),
    site: text
      .optional()
      .describe('Of Datadog, with an API key; default: datadoghq.com')
      .register(SETTING_FACTS, { standard: standardVariables(['DD_SITE']) }),
    intakeUrl: text
      .optional()
      .describe(
        'Where to with an API key instead: https://intake.profile.<site>/api/v2/profile is the default',
      )
      .register(SETTING_FACTS, { insteadOf: ['url'] }),
    env: text
      .optional()
      .describe('The tag env of every profile')
      .register(SETTING_FACTS, { standard: standardVariables(['DD_ENV']) }),
    version: text
      .optional()
      .describe('The tag version of every profile')
      .register(SETTING_FACTS, { standard: standardVariables(['DD_VERSION']) }),
    tags: z
      .record(z.string(), z.string())
      .default({})
      .describe('Of every profile')
      .register(SETTING_FACTS, {
        standard: standardVariables(['DD_TAGS'], (tags) => Object.fromEntries(parseTags(tags))),
      }),
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
