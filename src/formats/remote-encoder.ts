// The near side of encoding on another thread. It loads none of the profile formats: they stay over there.

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
import { withSpan } from '../core/tracing.ts'
import type { EncodeAnswer, EncodeRequest } from './encode-requests.ts'
import { packWindow } from './packed-window.ts'

/** Whoever carries requests to the other thread, and answers back, in order. */
export interface EncodeChannel {
  request(request: EncodeRequest): Promise<unknown>
}

export class RemoteEncoder implements ProfileEncoder {
  readonly #channel: EncodeChannel
  #profiles = 0

  constructor(channel: EncodeChannel) {
    this.#channel = traced(channel)
  }

  openProfile(limits: ProfileLimits): OpenProfile {
    return new RemoteProfile(this.#channel, { profile: this.#profiles++, limits })
  }
}

const traced = (channel: EncodeChannel): EncodeChannel => ({
  request: (request) =>
    withSpan(`encode ${request.kind}`, {}, async (span) => {
      const answer = await channel.request(request)
      if (answer instanceof Uint8Array) span.count({ 'sonde.bytes': answer.length })
      return answer
    }),
})

class RemoteProfile implements OpenProfile {
  readonly #channel: EncodeChannel
  readonly #profile: number
  readonly #limits: ProfileLimits
  #state: 'new' | 'open' | 'closed' = 'new'

  constructor(
    channel: EncodeChannel,
    { profile, limits }: { readonly profile: number; readonly limits: ProfileLimits },
  ) {
    this.#channel = channel
    this.#profile = profile
    this.#limits = limits
  }

  async add(window: WindowSource): Promise<ProfileAdded> {
    const packed = await packWindow(window)
    const opening = this.#open()
    const adding = this.#channel.request({ kind: 'add', profile: this.#profile, window: packed })
    const [, added] = await Promise.all([opening, adding])
    return added as ProfileAdded
  }

  async encode(format: ProfileFormat, sessions: readonly number[]): Promise<Uint8Array> {
    const answer = await this.#channel.request({ kind: 'file', profile: this.#profile, format, sessions })
    return bytesOf(answer as EncodeAnswer)
  }

  async payloads(request: PayloadRequest): Promise<readonly EncodedPayload[]> {
    return (await this.#channel.request({
      kind: 'payloads',
      profile: this.#profile,
      request,
    })) as readonly EncodedPayload[]
  }

  close(): void {
    // If the thread is gone, so is the profile.
    if (this.#state === 'open')
      this.#channel.request({ kind: 'close', profile: this.#profile }).catch(() => {})
    this.#state = 'closed'
  }

  /** The other thread is not started before there is something to keep. */
  async #open(): Promise<void> {
    if (this.#state !== 'new') return
    this.#state = 'open'
    await this.#channel.request({ kind: 'open', profile: this.#profile, limits: this.#limits })
  }
}

function bytesOf(answer: EncodeAnswer): Uint8Array {
  if (answer instanceof Uint8Array) return answer
  throw new Error('the encoder answered without bytes')
}
