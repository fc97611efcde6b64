const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type Signal = (typeof SIGNALS)[number]

/** Under npm, Ctrl-C arrives twice: from the terminal, and forwarded by npm. */
const SAME_SIGNAL_MS = 300

/**
 * Resolves at the first signal that asks the process to end. The second one has its usual effect: it ends the process
 * at once. A repeat of the first within an instant is the same Ctrl-C; another signal never is.
 */
export class Interrupt {
  readonly #asked = Promise.withResolvers<void>()
  readonly #listener = (first: Signal): void => {
    this.#asked.resolve()
    this.#leave(SIGNALS.filter((signal) => signal !== first))
    setTimeout(() => this.close(), SAME_SIGNAL_MS).unref()
  }

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#listener)
  }

  get asked(): Promise<void> {
    return this.#asked.promise
  }

  close(): void {
    this.#leave(SIGNALS)
  }

  #leave(signals: readonly Signal[]): void {
    for (const signal of signals) process.removeListener(signal, this.#listener)
  }
}
