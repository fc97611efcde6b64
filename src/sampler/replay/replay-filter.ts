// The sample filter of a recording: what the addon decides live, decided by what a file tells.

import { AgentError } from '../../core/errors.ts'
import type { SessionInfo } from '../../core/profile.ts'
import type { FilterRule, SampleFilter, SampleMatch } from '../../core/sample-filter.ts'
import { matchText } from '../../core/sample-match.ts'
import type { LifeRecord } from '../../formats/perf-data/file-records.ts'
import type { SampleFields } from '../../formats/perf-data/sample-layout.ts'

export interface ReplayFacts {
  commOf(pid: number, tid: number): string
  /** Paths by id. */
  readonly cgroups: ReadonlyMap<bigint, string>
}

/** From the most to the least specific. */
const SPECIFICITY: readonly SampleMatch['by'][] = ['pid', 'tree', 'cgroup', 'comm', 'process', 'uid']

/** What became of a sample: left out and why, or how many it stands for. */
export type Verdict = 'filtered' | 'sampled_out' | number

export class ReplayFilter {
  readonly #included: readonly SampleMatch[]
  readonly #excluded: readonly SampleMatch[]
  readonly #thinned: readonly Extract<FilterRule, { action: 'thin' }>[]
  readonly #facts: ReplayFacts
  readonly #random: () => number
  readonly #parents = new Map<number, number>()

  /** @param random in [0, 1) */
  constructor({ rules }: SampleFilter, facts: ReplayFacts, random: () => number = Math.random) {
    this.#included = rules.flatMap(({ action, match }) => (action === 'include' ? [match] : []))
    this.#excluded = rules.flatMap(({ action, match }) => (action === 'exclude' ? [match] : []))
    this.#thinned = rules
      .flatMap((rule) => (rule.action === 'thin' ? [rule] : []))
      .sort((a, b) => SPECIFICITY.indexOf(a.match.by) - SPECIFICITY.indexOf(b.match.by) || nearer(a, b))
    this.#facts = facts
    this.#random = random
  }

  /** Who descends from whom is known of processes whose start is in the recording. */
  fork({ pid, parentPid }: LifeRecord): void {
    if (pid !== parentPid) this.#parents.set(pid, parentPid)
  }

  judge(sample: SampleFields): Verdict {
    const matches = (match: SampleMatch): boolean => this.#matches(match, sample)
    if (this.#excluded.some(matches)) return 'filtered'
    if (this.#included.length > 0 && !this.#included.some(matches)) return 'filtered'
    const thinned = this.#thinned.find(({ match }) => matches(match))
    if (thinned === undefined) return 1
    return this.#random() * thinned.oneIn < 1 ? thinned.oneIn : 'sampled_out'
  }

  #matches(match: SampleMatch, { pid, tid, cgroup }: SampleFields): boolean {
    switch (match.by) {
      case 'pid':
        return pid === match.pid
      case 'tree':
        return this.#descends(pid, match.pid)
      case 'comm':
        return this.#facts.commOf(pid, tid) === match.comm
      case 'process':
        return this.#facts.commOf(pid, pid) === match.comm
      case 'cgroup': {
        if (cgroup === 0n) return false
        if ('id' in match && match.id === cgroup) return true
        const root = 'id' in match ? this.#facts.cgroups.get(match.id) : match.path
        return root !== undefined && isBelow(this.#facts.cgroups.get(cgroup), root)
      }
      case 'uid':
      case 'kernel_thread':
        return false
    }
  }

  #descends(pid: number, ancestor: number): boolean {
    const seen = new Set<number>()
    for (let at: number | undefined = pid; at !== undefined && !seen.has(at); at = this.#parents.get(at)) {
      if (at === ancestor) return true
      seen.add(at)
    }
    return false
  }
}

/** Of two cgroups one below the other, the deeper one first. */
function nearer({ match: a }: FilterRule, { match: b }: FilterRule): number {
  const depth = (match: SampleMatch): number =>
    match.by === 'cgroup' && 'path' in match ? match.path.length : 0
  return depth(b) - depth(a)
}

const isBelow = (path: string | undefined, root: string): boolean =>
  path !== undefined && (root === '/' || path === root || path.startsWith(`${root}/`))

/** @throws AgentError where the recording cannot say whom a rule is about */
export function checkFilter({ rules }: SampleFilter, sessions: readonly SessionInfo[]): void {
  for (const { action, match } of rules) {
    const missing = missingFor(match, sessions)
    if (missing === undefined) continue
    throw new AgentError('REPLAY.FILTER', `Cannot ${action} ${matchText(match)}: ${missing}.`)
  }
}

function missingFor(match: SampleMatch, sessions: readonly SessionInfo[]): string | undefined {
  switch (match.by) {
    case 'uid':
      return 'a recording does not say whose processes they were; name them by pid=, comm= or cgroup='
    case 'kernel_thread':
      return 'a recording does not say which threads were the kernel’s; name them by comm='
    case 'cgroup':
      if (sessions.every(({ tellsCgroups }) => tellsCgroups)) return undefined
      return 'this recording does not tell cgroups; perf record --all-cgroups and sonde record make such that do'
    default:
      return undefined
  }
}
