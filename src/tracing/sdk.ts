// The OpenTelemetry SDK behind the spans of src/core/tracing.ts.

import { context, DiagLogLevel, diag, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { settledWithin } from '../base/settled-within.ts'
import type { ConsumerContext } from '../core/consumer-context.ts'
import type { Tracing } from './open.ts'

export interface SdkOptions {
  /** As it is posted to. The exporter reads headers, certificates and time limits from the environment by itself. */
  readonly url: string
  /** Of the resource. */
  readonly attributes: Readonly<Record<string, string>>
  readonly log: ConsumerContext['log']
}

/** Spans beyond these are dropped: a window makes about ten. */
const MAX_QUEUED_SPANS = 512
const MAX_BATCH = 128

export function startSdk({ url, attributes, log }: SdkOptions): Tracing {
  sayFirstFailure(log)
  const exporter = new OTLPTraceExporter({ url })
  const processor = new BatchSpanProcessor({
    exporter,
    maxQueueSize: MAX_QUEUED_SPANS,
    maxExportBatchSize: MAX_BATCH,
  })
  const provider = new TracerProvider({
    resource: resourceFromAttributes(attributes),
    spanProcessors: [processor],
  })
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  return {
    async close(ms) {
      trace.disable()
      context.disable()
      // Nobody waits for spans any longer than that, and nobody misses them.
      await settledWithin(provider.shutdown(), ms, 'spans were not sent in time').catch(() => undefined)
      diag.disable()
    },
  }
}

/** The SDK's own words may hold the URL, and what a server said: only their code is passed on, once. */
function sayFirstFailure(log: ConsumerContext['log']): void {
  const quiet = (): void => undefined
  let said = false
  const error = (...words: readonly unknown[]): void => {
    if (said) return
    said = true
    const code = /\bE[A-Z]{3,}\b|"code":"?(\d{3})\b/.exec(words.map(String).join(' '))
    const why = code === null ? '' : ` (${code[1] === undefined ? code[0] : `HTTP ${code[1]}`})`
    log('warn', `Sonde's own traces cannot be sent${why}. Profiles are not affected; this is said once.`)
  }
  diag.setLogger({ error, warn: quiet, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.ERROR)
}
