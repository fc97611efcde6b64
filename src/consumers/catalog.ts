// Every consumer that a configuration can ask for.

import type { Consumer } from '../core/consumer.ts'
import type { ConsumerContext } from '../core/consumer-context.ts'
import type { Plugin } from '../core/plugin.ts'
import { datadogPprof } from './datadog-pprof/index.ts'
import { files } from './files/index.ts'
import { otlpProfiles } from './otlp-profiles/index.ts'
import { perfData } from './perf-data/index.ts'

export const consumerCatalog: readonly Plugin<Consumer, ConsumerContext>[] = [
  perfData,
  files,
  otlpProfiles,
  datadogPprof,
]
