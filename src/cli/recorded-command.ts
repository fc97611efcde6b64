// The command behind `--`, from its preparation to its end.

import { openCommand } from '../agent.ts'
import { type CommandEnd, startCommand } from '../sampler/command.ts'

const SIGTERM = 15
const SIGKILL = 9

export class RecordedCommand {
  readonly #argv: readonly string[]
  readonly #native: ReturnType<typeof openCommand>
  readonly #end = Promise.withResolvers<CommandEnd>()
  #state: 'prepared' | 'running' | 'ended' = 'prepared'

  /** The process exists from now on, and waits. */
  constructor(argv: readonly string[]) {
    this.#argv = argv
    this.#native = openCommand(argv)
  }

  get pid(): number {
    return this.#native.pid
  }

  /** Resolves when it has ended by itself or by a signal. */
  get ended(): Promise<CommandEnd> {
    return this.#end.promise
  }

  /** Lets it become the command. */
  start(): void {
    this.#state = 'ended'
    startCommand(this.#native, this.#argv)
    this.#state = 'running'
    const over = this.#native.wait().then((end) => {
      this.#state = 'ended'
      this.#end.resolve(end)
    })
    over.catch(this.#end.reject)
    this.#end.promise.catch(() => undefined)
  }

  /** Asks a running command to end, as perf does; one that never began just goes. Safe twice. */
  terminate(): void {
    const signal = this.#state === 'running' ? SIGTERM : SIGKILL
    if (this.#state !== 'ended') this.#native.kill(signal)
    this.#state = 'ended'
  }
}
