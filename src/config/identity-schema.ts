// What tells configurations apart, as documents spell it.

import * as z from 'zod'
import { expecting } from './expecting.ts'

const nameText = expecting(
  '1 to 253 letters, digits, dots, dashes and underscores, with a letter or digit at both ends',
)

export const nameSchema = z
  .string({ error: nameText })
  .max(253, { error: nameText })
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, { error: nameText })
  .describe('What tells it apart from others of its kind')

const versionText = expecting('a text of 253 characters at most; a number in quotes')

export const versionSchema = z
  .string({ error: versionText })
  .max(253, { error: versionText })
  .describe('Any text; the status and the profiles show it')

export const API_VERSION = 'sonde/v1'

/** A document of the plain form. */
export const plainDocument = <Kind extends string, Spec extends z.ZodType>(kind: Kind, spec: Spec) =>
  z.strictObject({
    apiVersion: z.literal(API_VERSION, { error: expecting(API_VERSION) }),
    kind: z.literal(kind, { error: expecting(kind) }),
    metadata: z.strictObject({ name: nameSchema, version: versionSchema.optional() }),
    spec,
  })
