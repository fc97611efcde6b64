// In which hierarchy cgroups are told apart. Pure: the texts of /proc come in.

import type { NativeCgroupHierarchy } from '../native/binding.ts'

/** A mounted hierarchy, or a part of one. */
export interface CgroupMount {
  /** Of version 1, `name=systemd` among them; none: cgroup2. */
  readonly controllers: readonly string[]
  readonly mount: string
  /** Which cgroup is mounted, from the root of the reader's cgroup namespace: `/`, `/../..`, `/docker/ID`. */
  readonly root: string
}

/** A cgroup that somebody has named. */
export interface CgroupPlace {
  readonly hierarchy: NativeCgroupHierarchy
  /** From the hierarchy's root: `/`, `/kubepods/burstable`. */
  readonly path: string
}

/**
 * Hierarchies of version 1, best first. Everything that starts containers or services makes a cgroup for each in memory
 * and pids, for their limits; in cpu and blkio only where a limit is set (systemd); systemd's own has no containers where
 * the engine makes its cgroups itself; in the rest only containers are told apart.
 */
const PREFERRED = ['memory', 'pids', 'cpu', 'cpuacct', 'blkio', 'name=systemd', 'devices', 'freezer']

/** Options of a mounted hierarchy that are no controllers. */
const FLAGS = new Set(['rw', 'ro', 'noprefix', 'clone_children', 'xattr', 'cpuset_v2_mode', 'favordynmods'])

/** The hierarchies of /proc/PID/mountinfo, as they stand there. */
export const cgroupMountsOf = (mountinfo: string): readonly CgroupMount[] =>
  mountinfo.split('\n').flatMap((line) => {
    const [place = '', type = ''] = line.split(' - ')
    const [, , , root = '/', mount = ''] = place.split(' ')
    const [system, , options = ''] = type.split(' ')
    if (system !== 'cgroup' && system !== 'cgroup2') return []
    const controllers = system === 'cgroup2' ? [] : controllersIn(options)
    return [{ controllers, mount: unescaped(mount), root: unescaped(root) }]
  })

const controllersIn = (options: string): string[] =>
  options
    .split(',')
    .filter((option) => !FLAGS.has(option) && (!option.includes('=') || option.startsWith('name=')))

/** Blanks and the like are written as three octal digits. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

/**
 * cgroup2, unless it has no cgroups where version 1 has some: then all that is known of containers and services is in one
 * of version 1's hierarchies. Undefined: none is mounted.
 *
 * @param hasCgroups whether there is any besides the root
 */
export function chooseHierarchy(
  mounts: readonly CgroupMount[],
  hasCgroups: (mount: CgroupMount) => boolean,
): NativeCgroupHierarchy | undefined {
  const ranked = [...mounts].sort((a, b) => rankOf(a) - rankOf(b) || reachOf(b.root) - reachOf(a.root))
  const chosen = ranked.find(hasCgroups) ?? ranked[0]
  return chosen && hierarchyOf(chosen)
}

/**
 * Where a cgroup lies that is named by its directory (`/sys/fs/cgroup/memory/x`), or by its path in the hierarchy that was
 * chosen (`/kubepods`, `kubepods`). Undefined: no hierarchy is mounted.
 */
export function placeOf(
  text: string,
  mounts: readonly CgroupMount[],
  chosen: NativeCgroupHierarchy | undefined,
): CgroupPlace | undefined {
  const [mount] = mounts
    .filter((each) => text === each.mount || text.startsWith(`${each.mount}/`))
    .sort((a, b) => b.mount.length - a.mount.length)
  if (mount === undefined) return chosen && { hierarchy: chosen, path: normalized(text) }
  const below = normalized(text.slice(mount.mount.length))
  const path = isPart(mount.root) ? normalized(`${mount.root}${below}`) : below
  return { hierarchy: hierarchyOf(mount), path }
}

/** The directory of a cgroup; undefined where it is not mounted. */
export function directoryOf({ hierarchy: { mount, root }, path }: CgroupPlace): string | undefined {
  if (!isPart(root)) return path === '/' ? mount : `${mount}${path}`
  return path === root || path.startsWith(`${root}/`) ? `${mount}${path.slice(root.length)}` : undefined
}

const hierarchyOf = ({
  controllers: [controller = ''],
  mount,
  root,
}: CgroupMount): NativeCgroupHierarchy => ({
  controller,
  mount,
  root,
})

/** Lowest first. */
function rankOf({ controllers }: CgroupMount): number {
  if (controllers.length === 0) return -1
  const ranks = controllers.map((controller) => PREFERRED.indexOf(controller)).filter((rank) => rank >= 0)
  return Math.min(PREFERRED.length, ...ranks)
}

/** Of several mounts of one hierarchy, the one that shows more: the host's reaches above the reader's own namespace. */
const reachOf = (root: string): number =>
  isPart(root) ? -root.length : root.split('/').filter((part) => part === '..').length

/** Whether a mount shows only what is below one cgroup whose names are known. */
const isPart = (root: string): boolean => root.split('/').some((part) => part !== '' && part !== '..')

const normalized = (path: string): string => `/${path.split('/').filter(Boolean).join('/')}`
