// Which hierarchy this machine's cgroups are told apart in, and which cgroups somebody means.

import { readdirSync, readFileSync } from 'node:fs'
import { didYouMean } from '../base/near.ts'
import { AgentError } from '../core/errors.ts'
import type { NativeCgroupHierarchy } from '../native/binding.ts'
import {
  type CgroupMount,
  type CgroupPlace,
  cgroupMountsOf,
  chooseHierarchy,
  directoryOf,
  placeOf,
} from './cgroup-hierarchy.ts'

export interface Cgroups {
  /** Undefined: none is mounted, and no sample tells its cgroup. */
  readonly hierarchy: NativeCgroupHierarchy | undefined
  /** Of the cgroups that were named, from the hierarchy's root. */
  readonly paths: readonly string[]
}

/** What is asked of the file system; a test has its own. */
export interface CgroupFiles {
  readonly mountinfo: () => string
  /** Undefined: no such directory. */
  readonly directories: (path: string) => readonly string[] | undefined
  /** Whether a process is in the cgroup or below it; undefined: version 1 does not tell. */
  readonly populated: (path: string) => boolean | undefined
}

/** As many neighbours are named in an error. */
const NEIGHBOURS = 8

/**
 * @param named directories of cgroups, or paths in the hierarchy that is chosen
 * @throws AgentError `CGROUP.UNKNOWN`, with what there is instead
 */
export function findCgroups(named: readonly string[], files: CgroupFiles = systemFiles): Cgroups {
  const mounts = cgroupMountsOf(files.mountinfo())
  const chosen = chooseHierarchy(mounts, ({ mount }) => isUsed(mount, files))
  const places = named.map((text) => existing(text, { mounts, chosen, files }))
  const [first] = places
  const hierarchy = first?.hierarchy ?? chosen
  const other = places.find((place) => place.hierarchy.mount !== hierarchy?.mount)
  if (other !== undefined) {
    const message = `The cgroups of one run are of one hierarchy: ${hierarchy?.mount} and ${other.hierarchy.mount} are two. Name cgroups of one of them.`
    throw new AgentError('CGROUP.UNKNOWN', message)
  }
  return { hierarchy, paths: places.map(({ path }) => path) }
}

/** Somebody may have made a cgroup for something else: what counts is whether processes are in one. */
const isUsed = (mount: string, files: CgroupFiles): boolean =>
  (files.directories(mount) ?? []).some((name) => files.populated(`${mount}/${name}`) ?? true)

interface Search {
  readonly mounts: readonly CgroupMount[]
  readonly chosen: NativeCgroupHierarchy | undefined
  readonly files: CgroupFiles
}

function existing(text: string, { mounts, chosen, files }: Search): CgroupPlace {
  const place = placeOf(text, mounts, chosen)
  if (place === undefined) {
    throw new AgentError('CGROUP.UNKNOWN', `There is no cgroup ${text}: no hierarchy of cgroups is mounted.`)
  }
  const directory = directoryOf(place)
  const isThere = directory !== undefined && !text.split('/').includes('..') && files.directories(directory)
  if (isThere) return place
  throw new AgentError(
    'CGROUP.UNKNOWN',
    `There is no cgroup ${text}: ${directory ?? place.path} is no directory${neighbours(place, files)}`,
  )
}

/** What there is where the path leaves what exists. */
function neighbours(place: CgroupPlace, files: CgroupFiles): string {
  const parts = place.path.split('/').filter(Boolean)
  for (let depth = parts.length - 1; depth >= 0; depth--) {
    const parent = `/${parts.slice(0, depth).join('/')}`
    const directory = directoryOf({ ...place, path: parent })
    const names = directory === undefined ? undefined : files.directories(directory)
    if (names === undefined) continue
    const meant = didYouMean(parts[depth] ?? '', names)
    const shown = names.slice(0, NEIGHBOURS).join(', ')
    const more = names.length > NEIGHBOURS ? `, and ${names.length - NEIGHBOURS} more` : ''
    if (names.length === 0) return `, and ${directory} has no cgroups.`
    return `${meant}. ${directory} has ${shown}${more}.`
  }
  return '.'
}

const systemFiles: CgroupFiles = {
  mountinfo: () => textOf('/proc/self/mountinfo'),
  directories(path) {
    try {
      return readdirSync(path, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
    } catch {
      return undefined
    }
  },
  populated(path) {
    const word = /^populated (\d)$/m.exec(textOf(`${path}/cgroup.events`))?.[1]
    return word === undefined ? undefined : word === '1'
  },
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
