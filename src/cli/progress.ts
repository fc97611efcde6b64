import { counted, duration, integer } from './terminal.ts'

export interface ProgressOptions {
  readonly name: string
  readonly figures: () => { readonly taken: number; readonly lost: number }
  /** performance.now() at which it ends; undefined: not known. */
  readonly endsAt: number | undefined
}

const INTERVAL_MS = 250

/** One line that is rewritten on a terminal, and nothing anywhere else. Returns what removes it. */
export function showProgress(options: ProgressOptions): () => void {
  if (!process.stderr.isTTY) return () => undefined
  const started = performance.now()
  const draw = (): void => {
    process.stderr.write(`\r\x1b[K${progressLine(options, { started, now: performance.now() })}`)
  }
  const timer = setInterval(draw, INTERVAL_MS)
  timer.unref()
  return () => {
    clearInterval(timer)
    process.stderr.write('\r\x1b[K')
  }
}

/** `sonde record: 12,345 samples, 0 lost, 17 s left` */
export function progressLine(
  { name, figures, endsAt }: ProgressOptions,
  { started, now }: { readonly started: number; readonly now: number },
): string {
  const { taken, lost } = figures()
  const time =
    endsAt === undefined
      ? `${duration((now - started) / 1000)} (Ctrl-C ends)`
      : `${duration(Math.max(0, endsAt - now) / 1000)} left`
  return `sonde ${name}: ${counted(taken, 'sample')}, ${integer(lost)} lost, ${time}`
}
