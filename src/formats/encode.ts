// Every profile to its format, on the thread that asks.

import type { ContentEncoding } from '../core/delivery.ts'
import type {
  EncodedPayload,
  OpenProfile,
  PayloadRequest,
  ProfileAdded,
  ProfileEncoder,
  ProfileFormat,
  ProfileLimits,
  WindowSource,
} from '../core/encoder.ts'
import type { OtlpEncoding } from '../core/otlp-encoding.ts'
import type { Effort } from './compress.ts'
import { encodeFirefoxProfile } from './firefox-profile/firefox-profile.ts'
import { encodeFlameGraph } from './flame-graph/flame-graph.ts'
import { encodeFolded } from './folded/folded.ts'
import { encodeOtlpProfiles } from './otlp/profiles.ts'
import { encodePprof } from './pprof/pprof.ts'
import { encodeServiceProfiles } from './pprof/service-profiles.ts'
import { ProfileAggregate, type SessionProfile } from './profile/profile-aggregate.ts'
import { encodeSpeedscope } from './speedscope/speedscope.ts'

/** What encoding needs of the outside. */
export interface EncoderTools {
  readonly compress: (bytes: Uint8Array, encoding: ContentEncoding, effort?: Effort) => Uint8Array
  readonly randomBytes: (count: number) => Uint8Array
}

/** @throws Error when a format of one session is asked for several, or a session is not in the profile. */
export function encodeProfile(
  aggregate: ProfileAggregate,
  file: { readonly format: ProfileFormat; readonly sessions: readonly number[] },
  tools: EncoderTools,
): Uint8Array {
  const profiles = sessionsOf(aggregate, file.sessions)
  switch (file.format) {
    case 'pprof':
      return tools.compress(encodePprof(only(profiles)), 'gzip')
    case 'folded':
      return encodeFolded(only(profiles))
    case 'speedscope':
      return encodeSpeedscope(profiles)
    case 'html':
      return encodeFlameGraph(profiles)
    case 'firefox':
      return tools.compress(encodeFirefoxProfile(profiles), 'gzip')
  }
}

/** What a network consumer sends of the sessions. */
export function encodePayloads(
  aggregate: ProfileAggregate,
  request: PayloadRequest,
  tools: EncoderTools,
): EncodedPayload[] {
  const profiles = sessionsOf(aggregate, request.sessions).filter(({ rows }) => rows.length > 0)
  switch (request.kind) {
    case 'otlp':
      return otlpPayloads(profiles, request.encoding, tools)
    case 'datadog':
      return profiles.flatMap((profile) =>
        encodeServiceProfiles(profile, (bytes) => tools.compress(bytes, request.compression)),
      )
  }
}

function otlpPayloads(
  profiles: readonly SessionProfile[],
  encoding: OtlpEncoding,
  { compress, randomBytes }: EncoderTools,
): EncodedPayload[] {
  const messages = encodeOtlpProfiles(profiles, encoding, {
    profileId: () => randomBytes(PROFILE_ID_BYTES),
    pprof: (profile, rows) => compress(encodePprof(profile, rows), 'gzip'),
  })
  return messages.map(({ bytes, samples, profiles: written }) => ({
    body: compress(bytes, encoding.compression, 'small'),
    samples,
    profiles: written,
    plainBytes: bytes.length,
  }))
}

const PROFILE_ID_BYTES = 16

const sessionsOf = (aggregate: ProfileAggregate, ids: readonly number[]): SessionProfile[] =>
  ids.map((id) => {
    const profile = aggregate.session(id)
    if (profile === undefined) throw new Error(`session ${id} is not in the profile`)
    return profile
  })

function only(profiles: readonly SessionProfile[]): SessionProfile {
  const [profile] = profiles
  if (profile === undefined || profiles.length > 1)
    throw new Error(`one session fits, ${profiles.length} were given`)
  return profile
}

/** Encodes on the thread that asks. */
export class LocalEncoder implements ProfileEncoder {
  readonly #tools: EncoderTools

  constructor(tools: EncoderTools) {
    this.#tools = tools
  }

  openProfile(limits: ProfileLimits): OpenProfile {
    return new LocalProfile(limits, this.#tools)
  }
}

class LocalProfile implements OpenProfile {
  readonly #tools: EncoderTools
  #aggregate: ProfileAggregate | undefined

  constructor(limits: ProfileLimits, tools: EncoderTools) {
    this.#aggregate = new ProfileAggregate(limits)
    this.#tools = tools
  }

  async add(window: WindowSource): Promise<ProfileAdded> {
    return this.#open().add(window)
  }

  async encode(format: ProfileFormat, sessions: readonly number[]): Promise<Uint8Array> {
    return encodeProfile(this.#open(), { format, sessions }, this.#tools)
  }

  async payloads(request: PayloadRequest): Promise<readonly EncodedPayload[]> {
    return encodePayloads(this.#open(), request, this.#tools)
  }

  close(): void {
    this.#aggregate = undefined
  }

  #open(): ProfileAggregate {
    if (this.#aggregate === undefined) throw new Error('the profile is closed')
    return this.#aggregate
  }
}
