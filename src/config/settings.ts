// Every setting of an AgentConfig, with the option and the variable that say it: made from the schemas, listed nowhere.

import type * as z from 'zod'
import { quantityText } from '../core/quantity-text.ts'
import { SETTING_FACTS, type SettingFacts } from '../core/setting-facts.ts'
import { type AgentCatalog, agentConfigSchema } from './agent-config.ts'

/**
 * How an option and a variable write the value.
 * - `switch`: true or false; the option alone is true
 * - `text`, `number`
 * - `list`: with commas between, or a list of YAML
 * - `map`: key=value with commas between, or a map of YAML
 * - `yaml`
 */
export type Form = 'switch' | 'text' | 'number' | 'list' | 'map' | 'yaml'

export interface Setting {
  /** `spec.sampler.window`, `spec.consumers[perf_data].mode`; `spec.consumers[perf_data]` is whether there is that consumer. */
  readonly field: string
  /** Type of the consumer that has it. */
  readonly consumer: string | undefined
  /** Below `spec`, or below the consumer's section; empty for the consumer itself. */
  readonly keys: readonly string[]
  /** Without its dashes. */
  readonly option: string
  readonly variable: string
  readonly form: Form
  /** What holds where nothing is said, as a document would say it. */
  readonly otherwise: unknown
  /** The section, above it, without which it means nothing and has no default. */
  readonly optionalSection: readonly string[] | undefined
  readonly meaning: string
  readonly facts: SettingFacts
}

/** In the order of the schemas. */
export function settingsOf<Built, Context>(catalog: AgentCatalog<Built, Context>): readonly Setting[] {
  const { consumers: _, ...spec } =
    definitionOf(definitionOf(agentConfigSchema(catalog.checkEvent)).shape?.spec).shape ?? {}
  return [
    ...settingsIn(spec, { consumer: undefined, keys: [], optionalSection: undefined }),
    ...catalog.consumers.flatMap(({ type, schema }) => [
      consumerSetting(type),
      ...settingsIn(definitionOf(schema).shape ?? {}, {
        consumer: type,
        keys: [],
        optionalSection: undefined,
      }),
    ]),
  ]
}

type Place = Pick<Setting, 'consumer' | 'keys' | 'optionalSection'>

/** As documents name it, but for a consumer's place in the list. */
export const fieldOf = ({ consumer, keys }: Pick<Setting, 'consumer' | 'keys'>): string =>
  ['spec', ...(consumer === undefined ? [] : [`consumers[${consumer}]`]), ...keys].join('.')

function named({ consumer, keys, optionalSection }: Place) {
  const words = [...(consumer?.split('_') ?? []), ...keys.flatMap((key) => key.split(/(?=[A-Z])/))]
  return {
    field: fieldOf({ consumer, keys }),
    consumer,
    keys,
    optionalSection,
    option: words.join('-').toLowerCase(),
    variable: `SONDE_${words.join('_').toUpperCase()}`,
  }
}

const consumerSetting = (type: string): Setting => ({
  ...named({ consumer: type, keys: [], optionalSection: undefined }),
  form: 'switch',
  otherwise: undefined,
  meaning: `Whether the consumer ${type} gets what is sampled; each of its other settings turns it on, too`,
  facts: {},
})

type Shape = Readonly<Record<string, z.ZodType>>

const settingsIn = (shape: Shape, place: Place): readonly Setting[] =>
  Object.entries(shape).flatMap(([key, schema]) =>
    settingsAt(schema, { ...place, keys: [...place.keys, key] }),
  )

/** Of a field, and of those below it: what may be `off`, too, is both. */
function settingsAt(schema: z.ZodType, place: Place): readonly Setting[] {
  const inner = definitionOf(schema)
  if (inner.shape !== undefined) {
    const isOptional = schema.def.type === 'optional'
    return settingsIn(inner.shape, isOptional ? { ...place, optionalSection: place.keys } : place)
  }
  const facts = SETTING_FACTS.get(schema) ?? {}
  const setting: Setting = {
    ...named(place),
    form: formOf(schema),
    otherwise: defaultOf(schema) ?? facts.otherwise,
    meaning: schema.description ?? '',
    facts,
  }
  const section = inner.options?.find((option) => definitionOf(option).shape !== undefined)
  return [setting, ...(section === undefined ? [] : settingsAt(section, place))]
}

/** The part of zod's definitions that is looked at. */
interface Definition {
  readonly type: string
  readonly shape?: Shape
  readonly options?: readonly z.ZodType[]
  readonly element?: z.ZodType
  readonly valueType?: z.ZodType
  readonly innerType?: z.ZodType
  readonly in?: z.ZodType
  readonly defaultValue?: unknown
}

/** Defaults, optionals and transformations stand around the schema that has the fields. */
function definitionOf(schema: z.ZodType | undefined): Definition {
  const definition = (schema?.def ?? { type: 'none' }) as Definition
  const inner = definition.innerType ?? definition.in
  return inner === undefined ? definition : definitionOf(inner)
}

function formOf(schema: z.ZodType | undefined): Form {
  const { type, element, valueType, options } = definitionOf(schema)
  switch (type) {
    case 'boolean':
      return 'switch'
    case 'number':
      return 'number'
    case 'string':
    case 'enum':
      return 'text'
    case 'array':
      return formOf(element) === 'text' ? 'list' : 'yaml'
    case 'record':
      return formOf(valueType) === 'text' ? 'map' : 'yaml'
    case 'union':
      return formOfUnion(options ?? [])
    default:
      return 'yaml'
  }
}

/** A duration is a text or a number: texts say both. */
function formOfUnion(options: readonly z.ZodType[]): Form {
  const forms = options.map(formOf)
  if (forms.every((form) => form === 'text' || form === 'number')) return 'text'
  return forms.every((form) => form === 'text' || form === 'list') ? 'list' : 'yaml'
}

function defaultOf(schema: z.ZodType): unknown {
  const { innerType, defaultValue } = schema.def as Definition
  return innerType === undefined ? undefined : (quantityText(innerType, defaultValue) ?? defaultValue)
}
