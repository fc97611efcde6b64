// Which rows belong to one service: Datadog takes a profile of each.

import type { ProcessResource, ServiceName } from '../../core/resource.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'

export interface ServiceRows {
  readonly service: string
  /** Nobody said that it is called so. */
  readonly isInferred: boolean
  /** The one container that all rows are of; '' where they are of several, or some are of none. */
  readonly containerId: string
  readonly samples: number
  /** In order of their stacks. */
  readonly rows: Uint32Array
}

/** The rows of a session by service, those in order of their names. */
export function rowsByService({ rows, resources }: SessionProfile): ServiceRows[] {
  const services = new Services(resources)
  for (const row of rows.byStack()) {
    const service = services.of(rows.resourceOf(row))
    service.rows.push(row)
    service.samples += rows.count(row)
  }
  return services.all
    .map(({ containerIds, rows: numbers, ...service }) => {
      const [containerId = ''] = containerIds
      return {
        ...service,
        containerId: containerIds.size === 1 ? containerId : '',
        rows: Uint32Array.from(numbers),
      }
    })
    .sort((one, two) => (one.service < two.service ? -1 : 1))
}

interface Service {
  readonly service: string
  isInferred: boolean
  /** '' among them: some are in none. */
  readonly containerIds: Set<string>
  samples: number
  readonly rows: number[]
}

class Services {
  readonly #resources: readonly ProcessResource[]
  readonly #ofResource: (Service | undefined)[] = []
  readonly #byName = new Map<string, Service>()

  constructor(resources: readonly ProcessResource[]) {
    this.#resources = resources
  }

  get all(): Service[] {
    return [...this.#byName.values()]
  }

  of(resource: number): Service {
    const known = this.#ofResource[resource]
    if (known !== undefined) return known
    const entry = this.#resources[resource]
    if (entry === undefined) throw new RangeError(`resource ${resource} of ${this.#resources.length}`)
    const service = this.#named(entry.service.name)
    service.isInferred &&= isInferred(entry.service)
    service.containerIds.add(entry.containerId)
    this.#ofResource[resource] = service
    return service
  }

  #named(name: string): Service {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const made = { service: name, isInferred: true, containerIds: new Set<string>(), samples: 0, rows: [] }
    this.#byName.set(name, made)
    return made
  }
}

function isInferred({ from }: ServiceName): boolean {
  switch (from) {
    case 'rule':
    case 'environment':
      return false
    case 'workload':
    case 'container':
    case 'executable':
    case 'default':
      return true
  }
}
