/** Different lines kept; a machine with more modules without names has one reason for them. */
const MAX_LINES = 200

/** What stays without names, and why: each line once, in the order it was first met. */
export class Problems {
  readonly #lines = new Set<string>()

  /** An empty problem is none. The module is named where the problem does not name it already. */
  add(module: string, problem: string): void {
    if (problem === '' || this.#lines.size >= MAX_LINES) return
    this.#lines.add(problem.includes(module) ? problem : `${module}: ${problem}`)
  }

  lines(): readonly string[] {
    return [...this.#lines]
  }
}
