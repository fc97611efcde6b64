// How the deliveries of a consumer are configured, the same for every one that sends.

import * as z from 'zod'
import { byteSizeSchema } from '../core/quantity-schema.ts'

const spoolSchema = z.strictObject({
  maxBytes: byteSizeSchema
    .refine((bytes) => bytes >= 2 ** 20, 'expected 1MiB or more')
    .default(256 * 2 ** 20)
    .describe('Bytes on disk that wait for the endpoint; beyond that the oldest are dropped'),
})

/** Keys that every consumer that sends has. */
export const deliveryKeys = {
  spool: z
    .union([z.literal(['off', false]), spoolSchema], 'expected off, or maxBytes')
    .prefault({})
    .describe('What could not be sent yet waits on disk below the data directory; off: in memory only'),
  maxQueueBytes: byteSizeSchema
    .default(64 * 2 ** 20)
    .describe('Bytes that wait in memory where there is no spool, or it cannot be written'),
  keepRefused: z
    .int('expected a whole number')
    .min(0)
    .default(0)
    .describe('How many refused payloads are kept for inspection, the newest; 0: none'),
} as const

export type DeliveryConfig = z.output<z.ZodObject<typeof deliveryKeys>>
