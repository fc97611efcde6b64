// The OpenTelemetry SDK behind the spans of src/core/tracing.ts.

import { context, DiagLogLevel, diag, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { settledWithin } from '../base/settled-within.ts'
import type { ConsumerContext } from '../core/consumer-context.ts'
import { traceWith } from '../core/tracing.ts'
import type { Tracing } from './open.ts'
import { apiSpans } from './spans.ts'

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
  const failed = firstFailure(log)
  const quiet = (): void => undefined
  diag.setLogger(
    { error: failed, warn: quiet, info: quiet, debug: quiet, verbose: quiet },
    DiagLogLevel.ERROR,
  )
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
  traceWith(apiSpans)
  return {
    async close(ms) {
      traceWith(undefined)
      trace.disable()
      context.disable()
      // Nobody waits for spans any longer than that, and nobody misses them.
      await settledWithin(provider.shutdown(), ms, 'spans were not sent in time').catch(failed)
      diag.disable()
    },
  }
}

/** What the SDK says may hold the URL, and what a server said: only a code is passed on, and only once. */
function firstFailure(log: ConsumerContext['log']): (failure: unknown) => void {
  let said = false
  return (failure) => {
    if (said) return
    said = true
    const code = codeOf(failure)
    const why = code === undefined ? '' : ` (${code})`
    log('warn', `Sonde's own traces cannot be sent${why}. Profiles are not affected; this is said once.`)
  }
}

/** The SDK fails with errors, and logs them as JSON text. Both have the error's code: `ECONNREFUSED`, `503`. */
function codeOf(failure: unknown): string | undefined {
  const status = failure instanceof Error && 'code' in failure ? failure.code : undefined
  const text = `"code":"${String(status)}" ${typeof failure === 'string' ? failure : ''}`
  const [, name, digits] = /"code":"?(?:(E[A-Z]+)|(\d{3}))\b/.exec(text) ?? []
  return name ?? (digits === undefined ? undefined : `HTTP ${digits}`)
}
