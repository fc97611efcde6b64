import type { OpenProfile, ProfileFormat } from '../../core/encoder.ts'
import type { ProfileBatch } from '../../core/profile.ts'
import { eventInFileName, holdsOneEvent } from '../../formats/profile/file-names.ts'

/** One file to write of a collection. */
export interface Part {
  readonly format: ProfileFormat
  readonly sessions: readonly number[]
  /** The event, as file names have it; undefined where the file holds all. */
  readonly event: string | undefined
}

interface CollectedSession {
  readonly event: string
  samples: number
}

/** A profile under way, and what is known of it here. */
export class Collection {
  /** When its first window began. */
  readonly begin: Date
  /** Of its newest window. */
  sequence: number
  readonly #profile: OpenProfile
  readonly #sessions = new Map<number, CollectedSession>()

  constructor(profile: OpenProfile, first: ProfileBatch) {
    this.#profile = profile
    this.begin = new Date(Number(first.window.unixStart / 1_000_000n))
    this.sequence = first.window.sequence
  }

  /** Samples that it holds. */
  get samples(): number {
    return [...this.#sessions.values()].reduce((sum, { samples }) => sum + samples, 0)
  }

  /** Returns the number of samples that found no room. */
  async add(batch: ProfileBatch): Promise<number> {
    const { buffer, session, names } = batch
    const { kept, tableFull } = await this.#profile.add({ buffer, sessions: [session], names })
    const known = this.#sessions.get(session.id) ?? { event: session.event.name, samples: 0 }
    known.samples += kept
    this.#sessions.set(session.id, known)
    this.sequence = batch.window.sequence
    return tableFull
  }

  hasAll(sessions: readonly number[]): boolean {
    return sessions.every((id) => this.#sessions.has(id))
  }

  samplesBySession(): [session: number, samples: number][] {
    return [...this.#sessions].map(([id, { samples }]) => [id, samples])
  }

  /** The files that a format makes of it: one per event where it holds one, of those that have samples. */
  partsOf(format: ProfileFormat): Part[] {
    const sampled = [...this.#sessions].filter(([, { samples }]) => samples > 0)
    if (!holdsOneEvent(format)) return [{ format, sessions: sampled.map(([id]) => id), event: undefined }]
    const names = distinct(sampled.map(([, { event }]) => eventInFileName(event)))
    return sampled.map(([id], index) => ({ format, sessions: [id], event: names[index] ?? String(id) }))
  }

  encode({ format, sessions }: Part): Promise<Uint8Array> {
    return this.#profile.encode(format, sessions)
  }

  close(): void {
    this.#profile.close()
  }
}

/** Two configurations may sample the same event: `cpu-clock`, `cpu-clock-2`. */
function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>()
  return names.map((name) => {
    let free = name
    for (let number = 2; taken.has(free); number++) free = `${name}-${number}`
    taken.add(free)
    return free
  })
}
