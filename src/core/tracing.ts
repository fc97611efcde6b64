// Spans of Sonde's own work. Without an SDK (src/tracing/) the calls do nothing, at a fraction of a microsecond each.

import { type Context, context, ROOT_CONTEXT, type Span, SpanStatusCode, trace } from '@opentelemetry/api'
import description from '../../package.json' with { type: 'json' }
import { messageOf } from './errors.ts'

/** The name of the instrumentation scope. */
export const TRACING_SCOPE = 'sonde'

/** Counts and sizes only: no text that a target, an endpoint or a configuration chose. */
export type SpanCounts = Readonly<Record<`sonde.${string}`, number>>

export interface SpanOptions {
  /** Ends the span, as failed, where the work does not settle although it was asked to. */
  readonly signal?: AbortSignal
  /** Begins a trace of its own, whatever is under way: for loops that one window happened to start. */
  readonly root?: boolean
}

/** What can still be said of a span while its work goes on. */
export interface OpenSpan {
  /** Known at the end only. */
  count(counts: SpanCounts): void
  /** The work is over, and went wrong without throwing. */
  failed(why: string): void
}

/** Does the work within a span: what the work begins is below it. A rejection is noted, and passed on as it is. */
export function withSpan<Result>(
  name: string,
  counts: SpanCounts,
  work: (span: OpenSpan) => Promise<Result>,
  { signal, root = false }: SpanOptions = {},
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

/** What is under way now, for work that begins later, elsewhere: its spans are below this one's. */
export function below(): <Result>(work: () => Result) => Result {
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
