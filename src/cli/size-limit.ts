import type { Agent } from '../agent.ts'

const LOOK_MS = 200

/** Looks at what has been written, until that is as much as may be. */
export class SizeLimit {
  readonly #reached = Promise.withResolvers<void>()
  readonly #timer: NodeJS.Timeout

  constructor(agent: Pick<Agent, 'bytesWritten'>, maxBytes: number) {
    this.#timer = setInterval(() => {
      if (agent.bytesWritten() >= maxBytes) this.#reached.resolve()
    }, LOOK_MS)
  }

  get reached(): Promise<void> {
    return this.#reached.promise
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
