// Cgroups that come and go while they are sampled.

import type { SampledCgroupsStatus } from '../core/status.ts'

/** What changes of the cgroups that a filter names. */
export class CgroupChanges {
  #missing: readonly string[] | undefined
  #refused: string | null = null

  /** Another filter: what it names in vain has been said. */
  begin(): void {
    this.#missing = undefined
  }

  /** Since the last look, in a sentence each. */
  look({ missing, refused }: SampledCgroupsStatus): readonly string[] {
    if (missing === null) return []
    const before = this.#missing ?? missing
    const isNew = refused !== null && refused !== this.#refused
    this.#missing = missing
    this.#refused = refused
    return [
      ...missing
        .filter((name) => !before.includes(name))
        .map((name) => `There is no cgroup ${name} now. Until there is, its rule matches nothing.`),
      ...before
        .filter((name) => !missing.includes(name))
        .map((name) => `There is a cgroup ${name} now: its rule matches.`),
      ...(isNew ? [refusedText(refused)] : []),
    ]
  }
}

const refusedText = (why: string): string =>
  `perf cannot sample these cgroups alone (${why}): everything is captured, and the filter leaves out what is not of them.`
