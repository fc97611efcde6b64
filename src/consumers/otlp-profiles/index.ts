// otlp_profiles: what was sampled, as OpenTelemetry profiles, over HTTP or gRPC.

import type { ConsumerContext } from '../../core/consumer-context.ts'
import { lazyConsumer } from '../../core/lazy-consumer.ts'
import { definePlugin } from '../../core/plugin.ts'
import { type OtlpProfilesConfig, otlpProfilesSchema } from './schema.ts'

const type = 'otlp_profiles'

export const otlpProfiles = definePlugin({
  type,
  schema: otlpProfilesSchema,
  create: (config: OtlpProfilesConfig, context: ConsumerContext) =>
    lazyConsumer({ name: type, wantsResources: true }, async () =>
      (await import('./consumer.ts')).openConsumer(config, context),
    ),
  check: async (config, outside) => (await import('./consumer.ts')).checkEndpoint(config, outside),
})
