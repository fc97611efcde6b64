// Which rows belong to one resource, and in what order they are written.

import type { OtlpEncoding } from '../../core/otlp-encoding.ts'
import type { ProcessResource } from '../../core/resource.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'

/** What becomes one ResourceProfiles. */
export interface ResourceGroup {
  readonly resource: ProcessResource
  /** Undefined where the group is of several processes: their samples say which. */
  readonly pid: number | undefined
}

/** Rows of several sessions, by group, then session, then stack: neighbours look alike, and gzip finds them. */
export interface GroupedRows {
  readonly groups: readonly ResourceGroup[]
  readonly length: number
  /** Index into `groups`. */
  readonly group: Uint32Array
  /** Index into the profiles. */
  readonly session: Uint32Array
  readonly row: Uint32Array
}

/** `profiles` are sessions of one aggregate. */
export function groupRows(
  profiles: readonly SessionProfile[],
  resourcePer: OtlpEncoding['resourcePer'],
): GroupedRows {
  const length = profiles.reduce((sum, { rows }) => sum + rows.length, 0)
  const unsorted = {
    group: new Uint32Array(length),
    session: new Uint32Array(length),
    row: new Uint32Array(length),
  }
  const groups = new Groups(profiles[0]?.resources ?? [], resourcePer)
  let at = 0
  for (const [session, { rows }] of profiles.entries()) {
    for (const row of rows.byStack()) {
      unsorted.group[at] = groups.of(rows.resourceOf(row), rows.pidOf(row))
      unsorted.session[at] = session
      unsorted.row[at++] = row
    }
  }
  return { groups: groups.all, length, ...sortedByGroup(unsorted, groups.all.length) }
}

class Groups {
  readonly all: ResourceGroup[] = []
  readonly #resources: readonly ProcessResource[]
  readonly #perContainer: boolean
  readonly #byProcess = new Map<number, number>()
  readonly #byKey = new Map<string, number>()

  constructor(resources: readonly ProcessResource[], resourcePer: OtlpEncoding['resourcePer']) {
    this.#resources = resources
    this.#perContainer = resourcePer === 'container'
  }

  of(number: number, pid: number): number {
    const process = number * 2 ** 32 + pid // exact below 2 million resources
    const known = this.#byProcess.get(process)
    if (known !== undefined) return known
    const resource = this.#resources[number]
    if (resource === undefined) throw new RangeError(`resource ${number} of ${this.#resources.length}`)
    const group = this.#intern(resource, pid)
    this.#byProcess.set(process, group)
    return group
  }

  #intern(resource: ProcessResource, pid: number): number {
    const shared = this.#perContainer && resource.containerId !== ''
    const key = shared
      ? JSON.stringify([resource.containerId, resource.service.name])
      : JSON.stringify([resource, pid])
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const group = this.all.push({ resource, pid: shared ? undefined : pid }) - 1
    this.#byKey.set(key, group)
    return group
  }
}

type Columns = Pick<GroupedRows, 'group' | 'session' | 'row'>

/** A counting sort, which keeps the order within a group. */
function sortedByGroup({ group, session, row }: Columns, groups: number): Columns {
  const next = new Uint32Array(groups + 1)
  for (const number of group) next[number + 1]!++
  for (let number = 0; number < groups; number++) next[number + 1]! += next[number]!
  const sorted = {
    group: new Uint32Array(group.length),
    session: new Uint32Array(group.length),
    row: new Uint32Array(group.length),
  }
  for (let at = 0; at < group.length; at++) {
    const to = next[group[at]!]!++
    sorted.group[to] = group[at]!
    sorted.session[to] = session[at]!
    sorted.row[to] = row[at]!
  }
  return sorted
}
