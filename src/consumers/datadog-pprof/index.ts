// datadog_pprof: what was sampled, as one profile of each service, to a Datadog agent or to Datadog itself.

import type { ConsumerContext } from '../../core/consumer-context.ts'
import { lazyConsumer } from '../../core/lazy-consumer.ts'
import { definePlugin } from '../../core/plugin.ts'
import { type DatadogPprofConfig, datadogPprofSchema } from './schema.ts'

const type = 'datadog_pprof'

export const datadogPprof = definePlugin({
  type,
  schema: datadogPprofSchema,
  create: (config: DatadogPprofConfig, context: ConsumerContext) =>
    lazyConsumer({ name: type, wantsResources: true }, async () =>
      (await import('./consumer.ts')).openConsumer(config, context),
    ),
  check: async (config, outside) => (await import('./consumer.ts')).checkEndpoint(config, outside),
})
