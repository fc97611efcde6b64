// What an encoder on another thread is asked, and its answers.

import type {
  EncodedPayload,
  OpenProfile,
  PayloadRequest,
  ProfileAdded,
  ProfileFormat,
  ProfileLimits,
} from '../core/encoder.ts'
import { AgentError } from '../core/errors.ts'
import type { LocalEncoder } from './encode.ts'
import { type PackedWindow, unpackWindow } from './packed-window.ts'

/** Profiles are numbered by who asks; numbers are not used again. */
export type EncodeRequest =
  | { readonly kind: 'open'; readonly profile: number; readonly limits: ProfileLimits }
  | { readonly kind: 'add'; readonly profile: number; readonly window: PackedWindow }
  | {
      readonly kind: 'file'
      readonly profile: number
      readonly format: ProfileFormat
      readonly sessions: readonly number[]
    }
  | { readonly kind: 'payloads'; readonly profile: number; readonly request: PayloadRequest }
  | { readonly kind: 'close'; readonly profile: number }

export type EncodeAnswer = Uint8Array | ProfileAdded | readonly EncodedPayload[] | undefined

/** The far side: answers requests one after the other. */
export class EncodeService {
  readonly #encoder: LocalEncoder
  readonly #profiles = new Map<number, OpenProfile>()

  constructor(encoder: LocalEncoder) {
    this.#encoder = encoder
  }

  async answer(request: EncodeRequest): Promise<EncodeAnswer> {
    switch (request.kind) {
      case 'open':
        this.#profiles.set(request.profile, this.#encoder.openProfile(request.limits))
        return undefined
      case 'add':
        return this.#profile(request.profile).add(unpackWindow(request.window))
      case 'file':
        return this.#profile(request.profile).encode(request.format, request.sessions)
      case 'payloads':
        return this.#profile(request.profile).payloads(request.request)
      case 'close':
        this.#profiles.get(request.profile)?.close()
        this.#profiles.delete(request.profile)
        return undefined
    }
  }

  #profile(number: number): OpenProfile {
    const profile = this.#profiles.get(number)
    if (profile !== undefined) return profile
    throw new AgentError(
      'ENCODER.PROFILE_GONE',
      'The encoding thread ended, and with it the profile that it kept.',
    )
  }
}
