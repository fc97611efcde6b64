// The predecessor's Object (proto/object.proto) as YAML: type, name, version, ttl, and the configuration itself as base64 of
// a protobuf message in `data`, or as plain fields in its stead.

import * as z from 'zod'
import { parseDuration } from '../core/quantity-schema.ts'
import type { Milliseconds } from '../core/units.ts'
import { expecting } from './expecting.ts'
import { nameSchema, versionSchema } from './identity-schema.ts'
import { type Payload, type PayloadShape, readPayload } from './payload.ts'
import { fieldName, fieldProblem, problemsOf } from './problems.ts'
import { ProtobufError } from './protobuf-fields.ts'
import type { Path, YamlDocument } from './yaml-document.ts'

/** Ten thousand years, as google.protobuf.Duration has it. */
const MAX_TTL_MS = 315_576_000_000_000
const ttlText = expecting('how long it holds, more than 0: seconds such as 30s or 1.5s, or 1h30m')

const ttlSchema = z
  .string({ error: ttlText })
  .max(100, { error: ttlText })
  .transform((text, context) => {
    const ttl = parseDuration(text)
    if (ttl !== undefined && ttl > 0 && ttl <= MAX_TTL_MS) return ttl
    context.addIssue({ code: 'custom', message: ttlText({ input: text }) })
    return z.NEVER
  })
  .describe('How long it holds from when it is read: 30s')

const dataText = expecting('base64 of a protobuf message')
/** With or without padding, and folded lines. */
const dataSchema = z
  .string({ error: dataText })
  .regex(/^[A-Za-z0-9+/_\s-]*(={1,2}\s*)?$/, { error: dataText })
  .describe('The configuration as base64 of its protobuf message, in place of the plain fields')

/** Everything a wrapper of these types may have; `fields` are those that may stand in place of `data`. */
export const wrapperSchema = <Shape extends z.ZodRawShape>(
  types: readonly string[],
  fields: z.ZodObject<Shape>,
) =>
  z.strictObject({
    type: z.strictObject({
      kind: z.string({ error: expecting('a text') }).optional(),
      type: z.enum(types, { error: expecting(types.join(' or ')) }),
    }),
    name: nameSchema,
    version: versionSchema.optional(),
    ttl: ttlSchema.optional(),
    data: dataSchema.optional(),
    ...fields.partial().shape,
  })

/** A kind of configuration as a wrapper holds it. */
export interface WrappedKind<Fields> {
  /** Of its protobuf message: `ProfileCollectionConfig`. */
  readonly message: string
  readonly wrapper: z.ZodType
  /** Of what is in `data`, and of the fields in its stead. */
  readonly schema: z.ZodType<Fields>
  readonly shape: PayloadShape
  /** Those that may stand in place of `data`. */
  readonly fields: readonly string[]
  /** Later versions of a wire that is another's may have more. */
  readonly unknownNumbers: 'refused' | 'told'
}

export interface Unwrapped<Fields> {
  readonly name: string
  readonly version: string
  readonly ttl: Milliseconds | undefined
  readonly fields: Fields
  /** Where its fields stand: at the top, or in `data`. */
  readonly base: Path
  readonly warnings: readonly string[]
}

export type Unwrapping<Fields> =
  | { readonly is: 'valid'; readonly value: Unwrapped<Fields> }
  | { readonly is: 'invalid'; readonly problems: readonly string[] }

const headSchema = z.object({
  name: z.string(),
  version: z.string().default(''),
  ttl: z.custom<Milliseconds>().optional(),
  data: z.string().optional(),
})

export function unwrap<Fields>(document: YamlDocument, kind: WrappedKind<Fields>): Unwrapping<Fields> {
  const parsed = kind.wrapper.safeParse(document.value)
  if (!parsed.success) return invalid(problemsOf(parsed.error, kind.wrapper, document, []))
  const { name, version, ttl, data } = headSchema.parse(parsed.data)
  const content = data === undefined ? plainContent(document, kind) : payloadContent(document, kind, data)
  if (content.problems.length > 0) return invalid(content.problems)
  const fields = kind.schema.safeParse(content.fields)
  if (!fields.success) return invalid(problemsOf(fields.error, kind.schema, document, content.base))
  const { base, warnings } = content
  return { is: 'valid', value: { name, version, ttl, fields: fields.data, base, warnings } }
}

const invalid = (problems: readonly string[]) => ({ is: 'invalid', problems }) as const

/** What is to be checked, and where it stands. */
interface Content {
  readonly fields: unknown
  readonly base: Path
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

function plainContent<Fields>(document: YamlDocument, kind: WrappedKind<Fields>): Content {
  const fields = ownFields(document, kind)
  const problems =
    Object.keys(fields).length > 0
      ? []
      : [
          fieldProblem(
            document,
            ['data'],
            `is missing; expected base64 of a ${kind.message}, or the fields ${kind.fields.join(', ')}`,
          ),
        ]
  return { fields, base: [], problems, warnings: [] }
}

const ownFields = <Fields>({ value }: YamlDocument, { fields }: WrappedKind<Fields>) =>
  Object.fromEntries(Object.entries(value as object).filter(([key]) => fields.includes(key)))

function payloadContent<Fields>(document: YamlDocument, kind: WrappedKind<Fields>, data: string): Content {
  const base: Path = ['data']
  const at = (problem: string): string => fieldProblem(document, base, problem)
  const none: Content = { fields: {}, base, problems: [], warnings: [] }
  const [beside] = Object.keys(ownFields(document, kind))
  if (beside !== undefined) {
    const problem = fieldProblem(
      document,
      [beside],
      `either ${fieldName([beside])} and its like or data, not both`,
    )
    return { ...none, problems: [problem] }
  }
  try {
    return contentOf(readPayload(Buffer.from(data, 'base64'), kind.shape), kind, { ...none, at })
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error
    return { ...none, problems: [at(`is not a ${kind.message}: ${error.message}`)] }
  }
}

function contentOf<Fields>(
  payload: Payload,
  kind: WrappedKind<Fields>,
  { at, base }: Content & { readonly at: (problem: string) => string },
): Content {
  const refuses = kind.unknownNumbers === 'refused'
  const unknown = payload.unknown
    .slice(0, UNKNOWN_SHOWN)
    .map((number) =>
      at(
        refuses
          ? `has the field ${number}, which this version does not know; known are ${knownNumbers(kind)}`
          : `has the field ${number}, which this version does not know and leaves alone`,
      ),
    )
  return {
    fields: payload.fields,
    base,
    problems: [...payload.problems.slice(0, UNKNOWN_SHOWN).map(at), ...(refuses ? unknown : [])],
    warnings: refuses ? [] : unknown,
  }
}

const UNKNOWN_SHOWN = 10

const knownNumbers = <Fields>({ shape }: WrappedKind<Fields>): string =>
  Object.entries(shape)
    .map(([number, { name }]) => `${number} (${name})`)
    .join(', ')
