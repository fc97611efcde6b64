// What a consumer's payloads go through.

import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import type { ConsumerContext } from '../core/consumer-context.ts'
import type { ContentEncoding, Transport } from '../core/delivery.ts'
import type { DeliveryConfig } from './delivery-schema.ts'
import { Outbox } from './outbox.ts'
import { RefusedPayloads } from './refused-payloads.ts'
import { SPOOL_DEFAULTS, Spool } from './spool.ts'
import { MEMORY_DEFAULTS } from './stock.ts'
import { tracedTransport } from './traced.ts'

export interface Sender {
  /** The consumer's type. */
  readonly name: string
  readonly transport: Transport
  /** Payload.format. */
  readonly format: string
  /** What the far side can decompress; without a word everything. */
  readonly encodings?: readonly ContentEncoding[]
}

export function openOutbox(sender: Sender, config: DeliveryConfig, context: ConsumerContext): Outbox {
  const { spoolDirectory, log } = context
  const directory = spoolDirectory === undefined ? undefined : join(spoolDirectory, sender.name)
  const { spool, keepRefused, maxQueueBytes } = config
  const isOff = spool === 'off' || spool === false
  return new Outbox({
    transport: tracedTransport(sender.transport),
    format: sender.format,
    encodings: sender.encodings,
    spool:
      directory === undefined || isOff
        ? undefined
        : new Spool({ directory, maxBytes: spool.maxBytes, maxPayloads: SPOOL_DEFAULTS.maxPayloads }),
    refused:
      directory === undefined || keepRefused === 0
        ? undefined
        : new RefusedPayloads({ directory: `${directory}-refused`, maxPayloads: keepRefused }),
    whenFull: context.sourceWaits ? 'wait' : 'drop_oldest',
    memory: { ...MEMORY_DEFAULTS, maxBytes: maxQueueBytes },
    clock: systemClock,
    random: Math.random,
    wallClock: () => new Date(),
    log,
  })
}
