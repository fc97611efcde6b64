import type { ProfileBatch } from './profile.ts'

/** The path of a cgroup that is not known. */
const UNKNOWN = ''

/** Numbers up to here are exact in a double. */
const EXACT_HIGH = 2 ** 21

/**
 * Which cgroup each sample of a batch is of. Samples are many and cgroups few: an id is read as two halves, because a
 * bigint for each sample would be garbage, and equal paths have one number.
 */
export class SampleCgroups {
  /** Distinct; [0] is '': not known. */
  readonly paths: string[] = [UNKNOWN]
  readonly #ids: BigUint64Array
  readonly #halves: Uint32Array
  readonly #pathOf: ReadonlyMap<bigint, string>
  readonly #known = new Map<number | bigint, number>()
  readonly #places = new Map<string, number>([[UNKNOWN, 0]])
  #low = 0
  #high = 0
  #last = 0

  constructor({ samples: { cgroup }, cgroups }: Pick<ProfileBatch, 'samples' | 'cgroups'>) {
    this.#ids = cgroup
    this.#halves = new Uint32Array(cgroup.buffer, cgroup.byteOffset, cgroup.length * 2)
    this.#pathOf = cgroups
  }

  /** Whether any sample tells its cgroup. */
  get areKnown(): boolean {
    return this.#ids.length > 0
  }

  /** Index into `paths`. */
  of(sample: number): number {
    const low = this.#halves[2 * sample] ?? 0
    const high = this.#halves[2 * sample + 1] ?? 0
    // Neighbours are mostly alike.
    if (low !== this.#low || high !== this.#high) {
      this.#low = low
      this.#high = high
      this.#last = this.#numberOf(high < EXACT_HIGH ? high * 2 ** 32 + low : (this.#ids[sample] ?? 0n))
    }
    return this.#last
  }

  pathOf(sample: number): string {
    return this.paths[this.of(sample)] ?? UNKNOWN
  }

  #numberOf(id: number | bigint): number {
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const path = this.#pathOf.get(BigInt(id)) ?? UNKNOWN
    const number = this.#places.get(path) ?? this.paths.push(path) - 1
    this.#places.set(path, number)
    this.#known.set(id, number)
    return number
  }
}
