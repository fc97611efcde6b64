import type { Agent } from '../agent.ts'
import { messageOf } from '../core/errors.ts'
import type { Milliseconds } from '../core/units.ts'
import type { Log } from './log.ts'

/** SIGUSR2: what was sampled until now is written. One that comes before the agent samples is remembered. */
export class RotationSignal {
  #isAsked = false
  #rotate: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #listener = (): void => {
    this.#isAsked = true
    this.#rotate?.()
  }

  constructor() {
    process.on('SIGUSR2', this.#listener)
  }

  /** @param interval the same as often as this, without a signal */
  follow(agent: Pick<Agent, 'rotate'>, log: Log, interval?: Milliseconds): void {
    this.#rotate = () => {
      agent.rotate().catch((error: unknown) => log.write('error', `cannot rotate: ${messageOf(error)}`))
    }
    if (this.#isAsked) this.#rotate()
    if (interval !== undefined) this.#timer = setInterval(this.#rotate, interval)
  }

  /** From now on the signal has its usual effect, which is to end the process. */
  close(): void {
    clearInterval(this.#timer)
    process.removeListener('SIGUSR2', this.#listener)
  }
}
