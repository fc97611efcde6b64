import type { OpenProfile, ProfileFormat } from '../../core/encoder.ts'
import { isSameConfig, type ProfileBatch, type SessionInfo } from '../../core/profile.ts'
import { configInFileName, eventInFileName, holdsOneEvent } from '../../formats/profile/file-names.ts'

/** One file to write of a collection. */
export interface Part {
  readonly format: ProfileFormat
  readonly sessions: readonly number[]
  /** Configuration and event, as file names have them; undefined where the file holds those of all. */
  readonly label: string | undefined
}

interface CollectedSession {
  readonly session: SessionInfo
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
    const known = this.#sessions.get(session.id) ?? { session, samples: 0 }
    known.samples += kept
    this.#sessions.set(session.id, known)
    this.sequence = batch.window.sequence
    return tableFull
  }

  /** Whether the batch is of a configuration and version that are in it already, or none of its session is. */
  suits({ session }: ProfileBatch): boolean {
    const known = this.#sessions.get(session.id)
    return known === undefined || isSameConfig(known.session, session)
  }

  samplesBySession(): [session: number, samples: number][] {
    return [...this.#sessions].map(([id, { samples }]) => [id, samples])
  }

  /** The files that a format makes of it: one per session where it holds one, of those that have samples. */
  partsOf(format: ProfileFormat): Part[] {
    const sampled = [...this.#sessions.values()].filter(({ samples }) => samples > 0)
    const ids = sampled.map(({ session }) => session.id)
    if (!holdsOneEvent(format)) {
      const configs = new Set(sampled.map(({ session }) => configLabel(session)))
      const [config = ''] = configs
      return [{ format, sessions: ids, label: configs.size === 1 && config !== '' ? config : undefined }]
    }
    const labels = distinct(sampled.map(({ session }) => labelOf(session)))
    return ids.map((id, index) => ({ format, sessions: [id], label: labels[index] ?? String(id) }))
  }

  encode({ format, sessions }: Part): Promise<Uint8Array> {
    return this.#profile.encode(format, sessions)
  }

  close(): void {
    this.#profile.close()
  }
}

/** '' where none asked for the session. */
const configLabel = ({ config }: SessionInfo): string =>
  config === null ? '' : configInFileName(config.name)

const labelOf = (session: SessionInfo): string =>
  [configLabel(session), eventInFileName(session.event.name)].filter((part) => part !== '').join('.')

/** One configuration may sample the same event again: `cpu-clock`, `cpu-clock-2`. */
function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>()
  return names.map((name) => {
    let free = name
    for (let number = 2; taken.has(free); number++) free = `${name}-${number}`
    taken.add(free)
    return free
  })
}
