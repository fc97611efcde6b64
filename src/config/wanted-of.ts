// The wanted state in words: what is in force, and what is to be said about the directory.

import type { ConfigMounts } from './config-mounts.ts'
import { agentOf, type ConfigState, collectionsOf, statusesOf } from './config-state.ts'
import type { DirectoryState } from './directory-scan.ts'
import type { WantedState, Watching } from './wanted-state.ts'

/** What is known of the directory, besides what its files say. */
export interface Surroundings {
  readonly directory: string
  readonly is: DirectoryState
  readonly watching: Watching
  readonly anchor: string
  /** Of its files, with their paths. */
  readonly names: readonly string[]
  /** As they were when `anchor` or `names` changed last. */
  readonly mounts: ConfigMounts
}

export function wantedOf(state: ConfigState, surroundings: Surroundings): WantedState {
  const collections = collectionsOf(state)
  return {
    collections,
    agent: agentOf(state),
    files: statusesOf(state),
    watching: watchingOf(surroundings),
    notices: [...aboutDirectory(surroundings, collections.length === 0), ...aboutMounts(surroundings)],
  }
}

function watchingOf({ watching, mounts: { remote } }: Surroundings): Watching {
  if (watching.how !== 'inotify' || remote === undefined) return watching
  return {
    how: 'periodic',
    reason: `changes that are made elsewhere in ${remote} are not told to this machine`,
  }
}

function aboutDirectory({ directory, is }: Surroundings, isNothingWanted: boolean): readonly string[] {
  switch (is.is) {
    case 'missing':
      return [`${directory} does not exist: nothing is sampled until it does`]
    case 'unreadable':
      return [`${directory} ${is.problem}: what it said before stays in force`]
    case 'present':
      return isNothingWanted ? [`Nothing in ${directory} asks for a profile: nothing is sampled`] : []
  }
}

function aboutMounts({ directory, names, mounts }: Surroundings): readonly string[] {
  const single = names
    .filter((name) => mounts.single.includes(name))
    .map(
      (name) =>
        `${name} is mounted by itself (subPath): it will never change here, whatever becomes of the ConfigMap; mount all of it as a directory`,
    )
  if (!mounts.deleted) return single
  return [
    ...single,
    `${directory} was deleted where it is mounted from (a subPath?): it will never change here; mount the whole ConfigMap as a directory`,
  ]
}
