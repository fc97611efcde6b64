// Every profile to its format, on the thread that asks.

import type {
  OpenProfile,
  ProfileAdded,
  ProfileEncoder,
  ProfileFormat,
  ProfileLimits,
  WindowSource,
} from '../core/encoder.ts'
import { encodeFlameGraph } from './flame-graph/flame-graph.ts'
import { encodeFolded } from './folded/folded.ts'
import { encodePprof } from './pprof/pprof.ts'
import { ProfileAggregate, type SessionProfile } from './profile/profile-aggregate.ts'
import { encodeSpeedscope } from './speedscope/speedscope.ts'

/** Quick compression rather than small: samples are sorted so that it does not matter much. */
export type Gzip = (bytes: Uint8Array) => Uint8Array

/** @throws Error when a format of one session is asked for several, or a session is not in the profile. */
export function encodeProfile(
  aggregate: ProfileAggregate,
  file: { readonly format: ProfileFormat; readonly sessions: readonly number[] },
  gzip: Gzip,
): Uint8Array {
  const profiles = file.sessions.map((id) => {
    const profile = aggregate.session(id)
    if (profile === undefined) throw new Error(`session ${id} is not in the profile`)
    return profile
  })
  switch (file.format) {
    case 'pprof':
      return gzip(encodePprof(only(profiles)))
    case 'folded':
      return encodeFolded(only(profiles))
    case 'speedscope':
      return encodeSpeedscope(profiles)
    case 'html':
      return encodeFlameGraph(profiles)
  }
}

function only(profiles: readonly SessionProfile[]): SessionProfile {
  const [profile] = profiles
  if (profile === undefined || profiles.length > 1)
    throw new Error(`one session fits, ${profiles.length} were given`)
  return profile
}

/** Encodes on the thread that asks. */
export class LocalEncoder implements ProfileEncoder {
  readonly #gzip: Gzip

  constructor(gzip: Gzip) {
    this.#gzip = gzip
  }

  openProfile(limits: ProfileLimits): OpenProfile {
    return new LocalProfile(limits, this.#gzip)
  }
}

class LocalProfile implements OpenProfile {
  readonly #gzip: Gzip
  #aggregate: ProfileAggregate | undefined

  constructor(limits: ProfileLimits, gzip: Gzip) {
    this.#aggregate = new ProfileAggregate(limits)
    this.#gzip = gzip
  }

  async add(window: WindowSource): Promise<ProfileAdded> {
    return this.#open().add(window)
  }

  async encode(format: ProfileFormat, sessions: readonly number[]): Promise<Uint8Array> {
    return encodeProfile(this.#open(), { format, sessions }, this.#gzip)
  }

  close(): void {
    this.#aggregate = undefined
  }

  #open(): ProfileAggregate {
    if (this.#aggregate === undefined) throw new Error('the profile is closed')
    return this.#aggregate
  }
}
