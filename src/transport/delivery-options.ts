// How the deliveries of a consumer are configured, the same for every one that sends.

import { join } from 'node:path'
import * as z from 'zod'
import { systemClock } from '../base/clock.ts'
import type { ConsumerContext } from '../core/consumer-context.ts'
import type { Transport } from '../core/delivery.ts'
import { byteSizeSchema } from '../core/quantity-schema.ts'
import { Outbox } from './outbox.ts'
import { RefusedPayloads } from './refused-payloads.ts'
import { SPOOL_DEFAULTS, Spool } from './spool.ts'
import { MEMORY_DEFAULTS } from './stock.ts'

const spoolSchema = z.strictObject({
  maxBytes: byteSizeSchema
    .default(SPOOL_DEFAULTS.maxBytes)
    .describe('Bytes on disk that wait for the endpoint; beyond that the oldest are dropped'),
})

/** Keys that every consumer that sends has. */
export const deliveryKeys = {
  spool: z
    .union([z.literal(['off', false]), spoolSchema], 'expected off, or maxBytes')
    .prefault({})
    .describe('What could not be sent yet waits on disk below the data directory; off: in memory only'),
  maxQueueBytes: byteSizeSchema
    .default(MEMORY_DEFAULTS.maxBytes)
    .describe('Bytes that wait in memory where there is no spool, or it cannot be written'),
  keepRefused: z
    .int('expected a whole number')
    .min(0)
    .default(0)
    .describe('How many refused payloads are kept for inspection, the newest; 0: none'),
} as const

export type DeliveryConfig = z.output<z.ZodObject<typeof deliveryKeys>>

export interface Sender {
  /** The consumer's type. */
  readonly name: string
  readonly transport: Transport
  /** Payload.format. */
  readonly format: string
}

export function openOutbox(sender: Sender, config: DeliveryConfig, context: ConsumerContext): Outbox {
  const { spoolDirectory, log } = context
  const directory = spoolDirectory === undefined ? undefined : join(spoolDirectory, sender.name)
  const { spool, keepRefused, maxQueueBytes } = config
  const isOff = spool === 'off' || spool === false
  return new Outbox({
    transport: sender.transport,
    format: sender.format,
    spool:
      directory === undefined || isOff
        ? undefined
        : new Spool({ directory, maxBytes: spool.maxBytes, maxPayloads: SPOOL_DEFAULTS.maxPayloads }),
    refused:
      directory === undefined || keepRefused === 0
        ? undefined
        : new RefusedPayloads({ directory: `${directory}-refused`, maxPayloads: keepRefused }),
    memory: { ...MEMORY_DEFAULTS, maxBytes: maxQueueBytes },
    clock: systemClock,
    random: Math.random,
    wallClock: () => new Date(),
    log,
  })
}
