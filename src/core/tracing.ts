// Spans of Sonde's own work, through @opentelemetry/api. Whoever traces nothing does not even load it: `traceWith` is called
// by the SDK's side (src/tracing/) where spans are taken, and until then the work is just done.

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

/** Who makes spans. */
export interface Spans {
  withSpan<Result>(
    name: string,
    counts: SpanCounts,
    work: (span: OpenSpan) => Promise<Result>,
    options: SpanOptions,
  ): Promise<Result>
  below(): <Result>(work: () => Result) => Result
}

const NO_SPAN: OpenSpan = { count: () => undefined, failed: () => undefined }
const JUST_DO_IT = <Result>(work: () => Result): Result => work()

/** One for the process, as the API has it: spans of rooms that do not know each other belong together. */
let spans: Spans | undefined

/** From now on spans are made, or (undefined) no more. */
export function traceWith(given: Spans | undefined): void {
  spans = given
}

/** Does the work within a span: what the work begins is below it. A rejection is noted, and passed on as it is. */
export function withSpan<Result>(
  name: string,
  counts: SpanCounts,
  work: (span: OpenSpan) => Promise<Result>,
  options: SpanOptions = {},
): Promise<Result> {
  return spans === undefined ? work(NO_SPAN) : spans.withSpan(name, counts, work, options)
}

/** What is under way now, for work that begins later, elsewhere: its spans are below this one's. */
export const below = (): (<Result>(work: () => Result) => Result) => spans?.below() ?? JUST_DO_IT
