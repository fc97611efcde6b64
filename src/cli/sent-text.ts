// What became of what was sent, in a line.

import type { ConsumerOutcome } from '../core/consumer.ts'
import { bytes, counted } from './terminal.ts'

/** `12,345 samples to http://localhost:4318 (58.3 kB)`, `nothing to …`; undefined of a consumer that does not send. */
export function sentText({ delivery, written, spooled = 0 }: ConsumerOutcome): string | undefined {
  if (delivery === undefined) return undefined
  const { delivered, possiblyDuplicated, replayed, target } = delivery
  const parts = [
    written === 0
      ? `nothing to ${target}`
      : `${counted(written, 'sample')} to ${target} (${bytes(delivered.bytes)})`,
    ...(spooled === 0 ? [] : [`${counted(spooled, 'sample')} kept on disk for the next start`]),
    ...(replayed.samples === 0 ? [] : [`${counted(replayed.samples, 'sample')} of an earlier run`]),
    ...(possiblyDuplicated.samples === 0
      ? []
      : [`${counted(possiblyDuplicated.samples, 'sample')} perhaps twice`]),
  ]
  return parts.join(', ')
}
