// What Datadog's agent or intake means by an answer to a profile.

import type { Delivery } from '../core/delivery.ts'
import { type HttpResponse, notTaken, perhapsTaken, refused } from './response.ts'
import { retryAfter } from './retry-after.ts'
import { saying } from './words.ts'

/** Taken with any 2xx; again after 408, 429 and 5xx, as its own clients do; refused otherwise. `now` is for Retry-After. */
export function datadogResponse(response: HttpResponse, now: () => number = Date.now): Delivery {
  const { status, headers, body } = response
  if (status >= 200 && status < 300) return { outcome: 'accepted', rejectedProfiles: 0, message: '' }
  const reason = `answered ${status}${saying(firstLine(body))}`
  if (status !== 408 && status !== 429 && status < 500) return refused(reason)
  const after = retryAfter(headers['retry-after'], now())
  // Whoever stands between gave up on somebody who may have it.
  return status === 502 || status === 504 ? perhapsTaken(reason, after) : notTaken(reason, after)
}

function firstLine(body: Uint8Array): string {
  const lines = Buffer.from(body)
    .toString('utf8')
    .split(/[\r\n]+/)
  return lines.find((line) => line.trim() !== '') ?? ''
}
