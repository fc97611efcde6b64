const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Under npm, Ctrl-C arrives twice: from the terminal, and forwarded by npm. */
const SAME_SIGNAL_MS = 300

/**
 * Resolves at the first signal that asks the process to end. The second one has its usual effect: it ends the process
 * at once.
 */
export class Interrupt {
  readonly #asked = Promise.withResolvers<void>()
  readonly #listener = (): void => {
    this.#asked.resolve()
    setTimeout(() => this.close(), SAME_SIGNAL_MS).unref()
  }

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#listener)
  }

  get asked(): Promise<void> {
    return this.#asked.promise
  }

  close(): void {
    for (const signal of SIGNALS) process.removeListener(signal, this.#listener)
  }
}
