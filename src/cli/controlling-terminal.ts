import { closeSync, constants, openSync } from 'node:fs'

/** The terminal that the process was started in, if there is one: a daemon has none. */
export class ControllingTerminal {
  readonly #wasThere = isThere()

  /** Closed, or its connection broken: the kernel takes it from its processes, and sends them SIGHUP. */
  hasGone(): boolean {
    return this.#wasThere && !isThere()
  }
}

function isThere(): boolean {
  try {
    closeSync(openSync('/dev/tty', constants.O_RDONLY | constants.O_NONBLOCK))
    return true
  } catch {
    return false
  }
}
