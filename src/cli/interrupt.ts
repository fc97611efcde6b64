import { ControllingTerminal } from './controlling-terminal.ts'

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
  readonly #ending: readonly Signal[]
  readonly #terminal = new ControllingTerminal()
  readonly #listener = (first: Signal): void => {
    this.#asked.resolve()
    this.#leave(this.#ending.filter((signal) => signal !== first))
    setTimeout(() => this.#leave(this.#ending), SAME_SIGNAL_MS).unref()
  }
  readonly #hangup = (): void => {
    if (this.#terminal.hasGone()) this.#asked.resolve()
    else if (this.#reload === undefined) this.#reloadAsked = true
    else this.#reload()
  }
  #reload: (() => void) | undefined
  #reloadAsked = false

  /** @param hangup what SIGHUP means; where it `reloads`, it ends the process only when its terminal has gone */
  constructor(hangup: 'ends' | 'reloads' = 'ends') {
    this.#ending = hangup === 'ends' ? SIGNALS : SIGNALS.filter((signal) => signal !== 'SIGHUP')
    for (const signal of this.#ending) process.on(signal, this.#listener)
    if (hangup === 'reloads') process.on('SIGHUP', this.#hangup)
  }

  get asked(): Promise<void> {
    return this.#asked.promise
  }

  /** What SIGHUP does from now on, and at once where it has been sent already. */
  onReload(reload: () => void): void {
    this.#reload = reload
    if (this.#reloadAsked) reload()
  }

  close(): void {
    this.#leave(this.#ending)
    process.removeListener('SIGHUP', this.#hangup)
  }

  #leave(signals: readonly Signal[]): void {
    for (const signal of signals) process.removeListener(signal, this.#listener)
  }
}
