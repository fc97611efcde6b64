/** Different lines kept; a machine with more modules without names has one reason for them. */
const MAX_LINES = 200

/** What stays without names, and why: each line once, in the order it was first met. */
export class Problems {
  readonly #lines = new Set<string>()

  /** An empty problem is none. The module is named where the problem does not name it already. */
  add(module: string, problem: string): void {
    if (problem === '' || this.#lines.size >= MAX_LINES) return
    this.#lines.add(lineOf(module, problem))
  }

  lines(): readonly string[] {
    return [...this.#lines]
  }
}

const DELETED = ' (deleted)'

/** `openat2(/usr/bin/x): No such file or directory`: a system call that failed, as the addon reports it. */
const SYSTEM_CALL = /^\w+\(.*\): ([^:]+)$/s

/** As native/core/symbols/target_file.cc says it. */
const REPLACED = /: another file than the one that was mapped$/

function lineOf(module: string, problem: string): string {
  // What stands there now came after it.
  if (module.endsWith(DELETED) && REPLACED.test(problem))
    return `${module}: not on this machine any more; shown as module+offset`
  const reason = SYSTEM_CALL.exec(problem)?.[1]
  if (reason !== undefined) return `${module}: ${inWords(module, reason)}; shown as module+offset`
  return problem.includes(module) ? problem : `${module}: ${problem}`
}

function inWords(module: string, reason: string): string {
  switch (reason) {
    case 'No such file or directory':
      return module.endsWith(DELETED) ? 'not on this machine any more' : 'not on this machine'
    case 'Permission denied':
      return 'may not be read'
    default:
      return reason
  }
}
