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

/** What is in a wrapper. */
export interface Content<Fields> {
  readonly fields: Fields
  /** Where its fields stand: at the top, or in `data`. */
  readonly base: Path
  readonly warnings: readonly string[]
}

export interface Unwrapped<Fields> extends Content<Fields> {
  readonly name: string
  readonly version: string
  readonly ttl: Milliseconds | undefined
}

export type Unwrapping<Value> =
  | { readonly is: 'valid'; readonly value: Value }
  | { readonly is: 'invalid'; readonly problems: readonly string[] }

const headSchema = z.object({
  name: z.string(),
  version: z.string().default(''),
  ttl: z.custom<Milliseconds>().optional(),
  data: z.string().optional(),
})

export function unwrap<Fields>(
  document: YamlDocument,
  kind: WrappedKind<Fields>,
): Unwrapping<Unwrapped<Fields>> {
  const parsed = kind.wrapper.safeParse(document.value)
  if (!parsed.success) return invalid(problemsOf(parsed.error, kind.wrapper, document, []))
  const { name, version, ttl, data } = headSchema.parse(parsed.data)
  const [beside] = data === undefined ? [] : Object.keys(ownFields(document, kind))
  if (beside !== undefined) {
    const problem = `either ${fieldName([beside])} and its like or data, not both`
    return invalid([fieldProblem(document, [beside], problem)])
  }
  const unwrapping =
    data === undefined
      ? checked(document, kind, plainContent(document, kind))
      : unwrapData(document, kind, data, ['data'])
  if (unwrapping.is === 'invalid') return unwrapping
  return { is: 'valid', value: { ...unwrapping.value, name, version, ttl } }
}

/** What is in the base64 of a message. @param base where that stands */
export const unwrapData = <Fields>(
  document: YamlDocument,
  kind: WrappedKind<Fields>,
  data: string,
  base: Path,
): Unwrapping<Content<Fields>> => checked(document, kind, payloadContent(document, kind, data, base))

function checked<Fields>(
  document: YamlDocument,
  kind: WrappedKind<Fields>,
  { fields, base, warnings, problems }: UncheckedContent,
): Unwrapping<Content<Fields>> {
  if (problems.length > 0) return invalid(problems)
  const parsed = kind.schema.safeParse(fields)
  if (!parsed.success) return invalid(problemsOf(parsed.error, kind.schema, document, base))
  return { is: 'valid', value: { fields: parsed.data, base, warnings } }
}

const invalid = (problems: readonly string[]) => ({ is: 'invalid', problems }) as const

/** What is to be checked. */
interface UncheckedContent extends Content<unknown> {
  readonly problems: readonly string[]
}

function plainContent<Fields>(document: YamlDocument, kind: WrappedKind<Fields>): UncheckedContent {
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

function payloadContent<Fields>(
  document: YamlDocument,
  kind: WrappedKind<Fields>,
  data: string,
  base: Path,
): UncheckedContent {
  const at = (problem: string): string => fieldProblem(document, base, problem)
  const none: UncheckedContent = { fields: {}, base, problems: [], warnings: [] }
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
  { at, base }: UncheckedContent & { readonly at: (problem: string) => string },
): UncheckedContent {
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
