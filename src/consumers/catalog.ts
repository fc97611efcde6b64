// Every consumer that a configuration can ask for. Each is loaded when somebody asks for it: schemas take time to make.

import type { Consumer } from '../core/consumer.ts'
import type { ConsumerContext } from '../core/consumer-context.ts'
import type { Plugin } from '../core/plugin.ts'

type ConsumerPlugin = Plugin<Consumer, ConsumerContext>

const LOAD: Readonly<Record<string, () => Promise<ConsumerPlugin>>> = {
  perf_data: async () => (await import('./perf-data/index.ts')).perfData,
  files: async () => (await import('./files/index.ts')).files,
  otlp_profiles: async () => (await import('./otlp-profiles/index.ts')).otlpProfiles,
  datadog_pprof: async () => (await import('./datadog-pprof/index.ts')).datadogPprof,
}

/** Those of `types`; all of them where nothing is said. A type that nobody has is left out. */
export const loadConsumers = (types: readonly string[] = Object.keys(LOAD)): Promise<ConsumerPlugin[]> =>
  Promise.all(types.flatMap((type) => LOAD[type]?.() ?? []))
