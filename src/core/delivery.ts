// What network consumers send, and what became of it.

import type { Milliseconds } from './units.ts'

/** How a payload's body is compressed, by HTTP's names. */
export const CONTENT_ENCODINGS = ['identity', 'gzip', 'zstd'] as const
export type ContentEncoding = (typeof CONTENT_ENCODINGS)[number]

/** One request's worth. It never changes: what is sent again is byte-identical, its ids included. */
export interface Payload {
  /** As it goes over the wire, compressed. */
  readonly body: Uint8Array
  readonly encoding: ContentEncoding
  /**
   * Headers that are this payload's own, in lower case: its content type (a multipart boundary stands in it), the
   * container that it is of. Never a secret: it is written to disk. Those are the transport's.
   */
  readonly headers: Readonly<Record<string, string>>
  /** Format, level and what else backends read differently (`otlp-profiles-1.10-strings`): one that was spooled in another format than is sent now is not sent. */
  readonly format: string
  readonly samples: number
  readonly profiles: number
}

/** What became of one attempt to send a payload. */
export type Delivery =
  | {
      readonly outcome: 'accepted'
      /** Profiles that the far side took and then rejected (OTLP's partial success), and its words. */
      readonly rejectedProfiles: number
      readonly message: string
    }
  | {
      readonly outcome: 'retry'
      /** What the far side asked for (Retry-After, RetryInfo). */
      readonly after: Milliseconds | undefined
      /** In words, without any secret. */
      readonly reason: string
      /** Whether the far side may have taken it all the same: the answer was lost, not the request. */
      readonly perhapsTaken: boolean
      /** Whether it was connected to: what failed then may be due to this very payload. */
      readonly reached: boolean
    }
  /** It will be refused every time. */
  | { readonly outcome: 'refused'; readonly reason: string }

/** Brings payloads to an endpoint, one at a time. Never rejects but for `signal`'s sake: failures are deliveries. */
export interface Transport {
  /** The endpoint as a person may read it: no credentials. */
  readonly target: string
  send(payload: Payload, signal: AbortSignal): Promise<Delivery>
  /** Closes connections. Safe twice. */
  close(): Promise<void>
}

/** Why payloads were given up. */
export const DROP_REASONS = {
  refused: 'were refused by the endpoint',
  given_up: 'were repeated in vain while the endpoint took others',
  queue_full: 'found no room in the queue: the oldest were dropped',
  spool_full: 'found no room in the spool: the oldest were dropped',
  spool_failed: 'could not be written to the spool, and the queue had no room',
  spool_damaged: 'were in a damaged file of the spool',
  other_format: 'were spooled in a format that is not sent any more',
  not_sent: 'were not sent before the end',
} as const
export type DropReason = keyof typeof DROP_REASONS

/** Payloads, and what is in them. */
export interface Amount {
  readonly payloads: number
  readonly samples: number
  readonly bytes: number
}

/** What became of what a network consumer took over, since the agent's start. */
export interface DeliveryStats {
  readonly target: string
  /** Not delivered yet: in memory and on disk. */
  readonly queued: Amount
  /** That part of `queued` which a kill would not take. */
  readonly spooled: Amount
  /** Accepted by the endpoint; of this run. */
  readonly delivered: Amount
  /** Accepted by the endpoint; left over from an earlier run. */
  readonly replayed: Amount
  /** Given up, by reason; of this run. */
  readonly dropped: Readonly<Partial<Record<DropReason, Amount>>>
  /** The same, left over from an earlier run. */
  readonly droppedReplays: Readonly<Partial<Record<DropReason, Amount>>>
  /** Accepted after an earlier attempt that the endpoint may have taken, too. */
  readonly possiblyDuplicated: Amount
  /** Profiles in accepted payloads that the endpoint rejected. */
  readonly rejectedProfiles: number
  /** Attempts that were to be repeated. */
  readonly retries: number
  /** The newest failure, and since when nothing was accepted; undefined when the newest attempt succeeded. */
  readonly trouble: { readonly error: string; readonly since: Date } | undefined
  /** The newest failure and its time, also when that is over; undefined: there was none. */
  readonly lastError: { readonly error: string; readonly at: Date } | undefined
}
