import type * as z from 'zod'
import { AgentError } from './errors.ts'

/**
 * Something that a configuration can ask for by its `type`. The options' types, defaults, errors and documentation come
 * from one schema.
 */
export interface Plugin<Built, Context> {
  /** lower_snake_case noun, as it stands in configuration. */
  readonly type: string
  readonly schema: z.ZodType
  /**
   * Checks a section (without its `type`) and returns what builds from it.
   * @param path where the section stands, for messages: `agent.yaml: spec.consumers[0]`
   * @throws AgentError `CONFIG.INVALID` that names field, value and what is expected
   */
  configure(section: unknown, path: string): (context: Context) => Built
  /**
   * Of one that the environment alone can ask for: whether it can run with that and its defaults.
   * @throws AgentError that says what is wrong with the environment, never with a value that may be a secret
   */
  readonly check?: ((outside: Outside) => Promise<void>) | undefined
}

/** What a plug-in may read besides its section. */
export interface Outside {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Of Sonde. */
  readonly version: string
}

export function definePlugin<Schema extends z.ZodType, Built, Context>(definition: {
  readonly type: string
  readonly schema: Schema
  readonly create: (config: z.output<Schema>, context: Context) => Built
  readonly check?: (defaults: z.output<Schema>, outside: Outside) => Promise<void>
}): Plugin<Built, Context> {
  const { check } = definition
  return {
    check: check && ((outside) => check(definition.schema.parse({}), outside)),
    type: definition.type,
    schema: definition.schema,
    configure(section, path) {
      const parsed = definition.schema.safeParse(section)
      if (!parsed.success) throw new AgentError('CONFIG.INVALID', explain(parsed.error, path))
      return (context) => definition.create(parsed.data, context)
    },
  }
}

/** One line per problem: path and field, then what is wrong. */
export const explain = (error: z.ZodError, path: string): string =>
  error.issues.map((issue) => `${[path, ...issue.path.map(String)].join('.')}: ${issue.message}`).join('\n')
