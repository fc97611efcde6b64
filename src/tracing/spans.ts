// Spans by the API of OpenTelemetry.

import { type Context, context, ROOT_CONTEXT, type Span, SpanStatusCode, trace } from '@opentelemetry/api'
import description from '../../package.json' with { type: 'json' }
import { messageOf } from '../core/errors.ts'
import {
  type OpenSpan,
  type SpanCounts,
  type SpanOptions,
  type Spans,
  TRACING_SCOPE,
} from '../core/tracing.ts'

function withSpan<Result>(
  name: string,
  counts: SpanCounts,
  work: (span: OpenSpan) => Promise<Result>,
  { signal, root = false }: SpanOptions,
): Promise<Result> {
  const parent = root ? ROOT_CONTEXT : context.active()
  const span = tracer().startSpan(name, { attributes: counts }, parent)
  const abort = (): void => close(span, signal?.reason ?? 'aborted')
  signal?.addEventListener('abort', abort, { once: true })
  return context.with(trace.setSpan(parent, span), async () => {
    try {
      return await work(openSpan(span))
    } catch (error) {
      note(span, messageOf(error))
      throw error
    } finally {
      signal?.removeEventListener('abort', abort)
      if (span.isRecording()) span.end()
    }
  })
}

function below(): <Result>(work: () => Result) => Result {
  const here: Context = context.active()
  return (work) => context.with(here, work)
}

/** Asked for each time, because an SDK may come after this module. */
const tracer = () => trace.getTracer(TRACING_SCOPE, description.version)

const openSpan = (span: Span): OpenSpan => ({
  count(counts) {
    if (span.isRecording()) span.setAttributes(counts)
  },
  failed: (why) => note(span, why),
})

/** An exception as the specification has it, without its stack: paths of this machine say nothing there. */
function note(span: Span, message: string): void {
  if (!span.isRecording()) return
  span.addEvent('exception', { 'exception.message': message })
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}

function close(span: Span, reason: unknown): void {
  if (!span.isRecording()) return
  note(span, messageOf(reason))
  span.end()
}

export const apiSpans: Spans = { withSpan, below }
