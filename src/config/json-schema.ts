// JSON Schema of each kind of configuration, for editors and Helm: from the schemas that check it.

import * as z from 'zod'
import { agentConfigSchema } from './agent-config.ts'
import { COLLECTION_KIND, plainCollectionSchema, wrappedCollectionSchema } from './collection/kinds.ts'
import { HOST_STATS_KIND, plainHostStatsSchema, wrappedHostStatsSchema } from './host-stats.ts'

type Schema = Readonly<Record<string, unknown>>

/** A consumer as the catalogue has it. */
export interface SchemaPlugin {
  readonly type: string
  readonly schema: z.ZodType
}

/** By kind. `consumers` are those that an AgentConfig may name. */
const SCHEMAS: Readonly<Record<string, (consumers: readonly SchemaPlugin[]) => Schema>> = {
  AgentConfig: (consumers) => agentSchema(consumers),
  [COLLECTION_KIND]: () => ({ anyOf: [schemaOf(plainCollectionSchema), schemaOf(wrappedCollectionSchema)] }),
  [HOST_STATS_KIND]: () => ({ anyOf: [schemaOf(plainHostStatsSchema), schemaOf(wrappedHostStatsSchema)] }),
}

export const SCHEMA_KINDS: readonly string[] = Object.keys(SCHEMAS)

/** Undefined where there is no such kind. */
export function jsonSchemaOf(kind: string, consumers: readonly SchemaPlugin[]): Schema | undefined {
  const schema = Object.hasOwn(SCHEMAS, kind) ? SCHEMAS[kind]?.(consumers) : undefined
  return schema === undefined ? undefined : { $schema: DIALECT, title: kind, ...schema }
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema'

/** What may be written, not what it comes to. */
function schemaOf(schema: z.ZodType): Schema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      // A default is told as what it comes to, which not every schema takes: milliseconds of a duration.
      if ('default' in jsonSchema && !z.safeParse(zodSchema, jsonSchema.default).success)
        delete jsonSchema.default
    },
  })
  return rest
}

function agentSchema(consumers: readonly SchemaPlugin[]): Schema {
  const sections = { type: 'array', minItems: 1, items: { oneOf: consumers.map(sectionSchema) } }
  return withProperty(schemaOf(agentConfigSchema(() => undefined)), ['spec', 'consumers'], sections)
}

/** The options of a plug-in, with its type before them. */
function sectionSchema({ type, schema }: SchemaPlugin): Schema {
  const { properties, required, ...rest } = schemaOf(schema)
  return {
    ...rest,
    properties: { type: { const: type }, ...(properties as Schema) },
    required: ['type', ...((required as readonly string[] | undefined) ?? [])],
  }
}

/** The same schema, with another one of what stands at the path. */
function withProperty(schema: Schema, [step, ...path]: readonly string[], inner: Schema): Schema {
  if (step === undefined) return inner
  const properties = schema.properties as Readonly<Record<string, Schema>>
  return {
    ...schema,
    properties: { ...properties, [step]: withProperty(properties[step] ?? {}, path, inner) },
  }
}
