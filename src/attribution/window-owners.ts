// Whom the incarnations of one window belong to: by /proc, by an earlier window, or by the process table.

import type { ServicePolicy } from '../core/service-policy.ts'
import { cgroupPathsOf, containerIdOf } from './container-id.ts'
import { executableNameOf, withoutDeletion } from './executable.ts'
import type { Incarnation, Incarnations } from './incarnations.ts'
import type { KnownProcess, KnownProcesses, Owner } from './known-processes.ts'
import type { ProcessReader } from './process-reader.ts'
import { isSame, type Sighting } from './process-status.ts'
import { serviceNameOf } from './service-name.ts'

/** What is asked about live processes; a recording has none. */
export interface Living {
  readonly reader: ProcessReader
  readonly known: KnownProcesses
  /** CLOCK_BOOTTIME less CLOCK_MONOTONIC, ns. */
  readonly slept: bigint
  /** Whether there is time left to read more. */
  readonly hasTime: () => boolean
}

/** What samples say of an incarnation. */
export interface SampledAs {
  /** When it was surely there. */
  readonly time: bigint
  /** '' where it is not known. */
  readonly cgroupPath: string
}

/** Both clocks are told to 10 ms. */
const CLOCKS_DIFFER_NS = 20_000_000n

/** How far up the line of parents a container is looked for. */
const MAX_ANCESTORS = 16

export class WindowOwners {
  readonly #incarnations: Incarnations
  readonly #policy: ServicePolicy
  readonly #living: Living | undefined
  /** By number: each is looked at once in a window, however many sessions have samples of it. */
  readonly #sightings = new Map<number, Sighting | undefined>()
  readonly #owners = new Map<Incarnation, Owner>()

  constructor(incarnations: Incarnations, policy: ServicePolicy, living: Living | undefined) {
    this.#incarnations = incarnations
    this.#policy = policy
    this.#living = living
  }

  async ownerOf(incarnation: Incarnation, sampled: SampledAs): Promise<Owner> {
    const before = this.#owners.get(incarnation)
    if (before !== undefined) return before
    const owner =
      (await this.#ofLiving(incarnation, sampled.time)) ??
      this.#knownAs(incarnation)?.owner ??
      this.#ofTable(incarnation, sampled.cgroupPath)
    this.#owners.set(incarnation, owner)
    return owner
  }

  async #ofLiving(incarnation: Incarnation, sampled: bigint): Promise<Owner | undefined> {
    const sighting = this.#sighting(incarnation, sampled)
    if (this.#living === undefined || sighting === undefined) return undefined
    const { known, reader } = this.#living
    const { pid } = incarnation
    const before = known.living(pid)
    if (before !== undefined && isSame(before.sighting, sighting)) return before.owner
    const owner = await reader.read(pid, sighting, this.#incarnations.executableOf(incarnation))
    if (owner !== undefined) known.keep(pid, { sighting, owner })
    return owner
  }

  /**
   * What /proc shows under its number, if that is the incarnation that lived at `time`: the last one of its number, begun
   * before then, and its program where the window's process table has it. (An exec after the window leaves the start time,
   * but programs hardly ever lie where the one before lay.)
   */
  #sighting(incarnation: Incarnation, time: bigint): Sighting | undefined {
    if (this.#living === undefined || !this.#incarnations.isLast(incarnation)) return undefined
    const sighting = this.#look(incarnation.pid, this.#living)
    if (sighting === undefined) return undefined
    const isLater = sighting.start - this.#living.slept > time + CLOCKS_DIFFER_NS
    return isLater || !this.#isOf(incarnation, sighting) ? undefined : sighting
  }

  #look(pid: number, { reader, hasTime }: Living): Sighting | undefined {
    const seen = this.#sightings.get(pid)
    if (seen !== undefined || this.#sightings.has(pid)) return seen
    const sighting = hasTime() ? reader.look(pid) : undefined
    this.#sightings.set(pid, sighting)
    return sighting
  }

  #isOf(incarnation: Incarnation, { startCode }: Sighting): boolean {
    return startCode === 0n || this.#incarnations.mayHold(incarnation, startCode)
  }

  /** What an earlier window learnt of the same incarnation. */
  #knownAs(incarnation: Incarnation): KnownProcess | undefined {
    if (this.#living === undefined || incarnation.from > 0n) return undefined
    const { known } = this.#living
    const { pid } = incarnation
    const process = this.#incarnations.isLast(incarnation) ? known.living(pid) : known.former(pid)
    return process !== undefined && this.#isOf(incarnation, process.sighting) ? process : undefined
  }

  #ofTable(incarnation: Incarnation, cgroupPath: string): Owner {
    const executablePath = withoutDeletion(this.#incarnations.executableOf(incarnation))
    const service = serviceNameOf(this.#policy, {
      executablePath,
      executableName: executableNameOf(executablePath),
      commandLine: undefined,
      cgroupPaths: cgroupPath === '' ? [] : [cgroupPath],
      environment: undefined,
    })
    return { service, executablePath, containerId: this.#inheritedContainer(incarnation) }
  }

  /** A child begins in its parent's container, and exec does not leave it. */
  #inheritedContainer(incarnation: Incarnation): string {
    let child = incarnation
    for (let generation = 0; generation < MAX_ANCESTORS; generation++) {
      const { parent, from } = child
      if (parent === undefined) return ''
      const container = this.#containerOf(parent, from)
      if (container !== undefined) return container
      child = parent
    }
    return ''
  }

  /** Undefined: not known. */
  #containerOf(incarnation: Incarnation, time: bigint): string | undefined {
    const known = this.#owners.get(incarnation) ?? this.#knownAs(incarnation)?.owner
    if (known !== undefined) return known.containerId
    const sighting = this.#sighting(incarnation, time)
    return sighting === undefined ? undefined : containerIdOf(cgroupPathsOf(sighting.cgroup))
  }
}
