// The cgroups that a filter names, as paths of the hierarchy that samples tell.

import { messageOf } from '../core/errors.ts'
import type { FilterRule, SampleFilter } from '../core/sample-filter.ts'
import type { NativeCgroupHierarchy } from '../native/binding.ts'
import { findCgroups } from './cgroups.ts'

/**
 * What becomes of a cgroup that is not there.
 * - `refused`: whoever waits for its samples would wait in vain
 * - `awaited`: it may be made while the agent runs, and is said
 */
export type MissingCgroups = 'refused' | 'awaited'

export interface LocatedFilter {
  readonly filter: SampleFilter
  /** Undefined: none is mounted. */
  readonly hierarchy: NativeCgroupHierarchy | undefined
  /** What is not there, in a sentence each. */
  readonly notices: readonly string[]
}

/**
 * @param find findCgroups; a test has its own
 * @throws AgentError `CGROUP.UNKNOWN` where one that is missing is refused
 */
export function locateCgroups(
  filter: SampleFilter,
  missing: MissingCgroups,
  find: typeof findCgroups = findCgroups,
): LocatedFilter {
  const named = [...new Set(filter.rules.flatMap((rule) => pathIn(rule) ?? []))]
  switch (missing) {
    case 'refused': {
      const { hierarchy, paths } = find(named)
      return { filter: withPaths(filter, new Map(zipped(named, paths))), hierarchy, notices: [] }
    }
    case 'awaited': {
      const located = new Map<string, string>()
      const notices: string[] = []
      for (const path of named) {
        try {
          located.set(path, find([path]).paths[0] ?? path)
        } catch (error) {
          notices.push(`${messageOf(error)} Until there is, its rule matches nothing.`)
        }
      }
      return { filter: withPaths(filter, located), hierarchy: find([]).hierarchy, notices }
    }
  }
}

const pathIn = ({ match }: FilterRule): string | undefined =>
  match.by === 'cgroup' && 'path' in match ? match.path : undefined

const zipped = (keys: readonly string[], values: readonly string[]): [string, string][] =>
  keys.map((key, index) => [key, values[index] ?? key])

const withPaths = ({ rules }: SampleFilter, located: ReadonlyMap<string, string>): SampleFilter => ({
  rules: rules.map((rule): FilterRule => {
    const path = pathIn(rule)
    if (path === undefined) return rule
    return { ...rule, match: { by: 'cgroup', path: located.get(path) ?? path } }
  }),
})
