// AgentConfig: what the agent samples, and who gets it. config/agent.yaml is the commented example and the default.

import * as z from 'zod'
import { didYouMean } from '../base/near.ts'
import { AgentError } from '../core/errors.ts'
import type { Plugin } from '../core/plugin.ts'
import type { SamplingRate } from '../core/profile.ts'
import { byteSizeSchema, durationSchema } from '../core/quantity-schema.ts'
import { hertz, type Milliseconds, milliseconds } from '../core/units.ts'
import { fieldName, problemsOf } from './problems.ts'
import { type Path, problemAt, readYaml, type YamlDocument } from './yaml-document.ts'

export interface SamplerConfig {
  readonly events: readonly string[]
  readonly rate: SamplingRate
  readonly window: Milliseconds
  readonly ringBytes: number
  readonly maxStack: number | undefined
}

export interface AgentConfig<Built, Context> {
  readonly sampler: SamplerConfig
  /** In the order of the document. */
  readonly consumers: readonly ((context: Context) => Built)[]
}

/** What the document may name: the agent hands it in, so that this room knows no plug-in. */
export interface AgentCatalog<Built, Context> {
  readonly consumers: readonly Plugin<Built, Context>[]
  /** Throws where an event's name is wrong. */
  readonly checkEvent: (name: string) => void
}

const DEFAULT_FREQUENCY = 99

const samplerSchema = (checkEvent: (name: string) => void) =>
  z
    .strictObject({
      events: z.array(eventSchema(checkEvent)).min(1, 'at least one event is needed').default(['cpu-clock']),
      frequency: z.int('expected a whole number of Hz').min(1, 'expected 1 Hz or more').optional(),
      period: z.int('expected a whole number').min(1, 'expected 1 or more').optional(),
      window: durationSchema
        .refine((ms) => ms >= 100 && ms <= 600_000, 'expected 100ms to 10m')
        .default(milliseconds(10_000)),
      ringBytes: byteSizeSchema
        .refine(
          (bytes) => bytes >= 4096 && Number.isInteger(Math.log2(bytes)),
          'expected a power of two, 4KiB or more',
        )
        .default(512 * 1024),
      maxStack: z.int('expected a whole number').min(1, 'expected 1 or more').optional(),
    })
    .refine((sampler) => sampler.frequency === undefined || sampler.period === undefined, {
      message: 'either frequency or period, not both',
      path: ['period'],
    })

const eventSchema = (checkEvent: (name: string) => void) =>
  z.string().superRefine((name, context) => {
    try {
      checkEvent(name)
    } catch (error) {
      if (!(error instanceof AgentError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
    }
  })

const documentSchema = (checkEvent: (name: string) => void) =>
  z.strictObject({
    apiVersion: z.literal('sonde/v1', 'expected sonde/v1'),
    kind: z.literal('AgentConfig', 'expected AgentConfig'),
    spec: z.strictObject({
      sampler: samplerSchema(checkEvent).prefault({}),
      consumers: z
        .array(z.looseObject({ type: z.string() }), 'expected a list of consumers, each with a type')
        .min(1, 'at least one consumer is needed'),
    }),
  })

/**
 * @param file how the document is called in messages
 * @throws AgentError `CONFIG.INVALID`: `file:line:column: field: what is wrong and what is expected`, a line per problem
 */
export function parseAgentConfig<Built, Context>(
  text: string,
  file: string,
  catalog: AgentCatalog<Built, Context>,
): AgentConfig<Built, Context> {
  const document = readYaml(text, file)
  const schema = documentSchema(catalog.checkEvent)
  const parsed = schema.safeParse(document.value)
  if (!parsed.success) throw invalid(problemsOf(parsed.error, schema, document, []))
  const { sampler, consumers } = parsed.data.spec
  refuseTwins(consumers, document)
  return {
    sampler: {
      events: sampler.events,
      rate: rateOf(sampler),
      window: sampler.window,
      ringBytes: sampler.ringBytes,
      maxStack: sampler.maxStack,
    },
    consumers: configured(consumers, catalog.consumers, document),
  }
}

const rateOf = (sampler: {
  readonly frequency?: number | undefined
  readonly period?: number | undefined
}): SamplingRate =>
  sampler.period === undefined
    ? { by: 'frequency', hertz: hertz(sampler.frequency ?? DEFAULT_FREQUENCY) }
    : { by: 'period', period: BigInt(sampler.period) }

interface ConsumerSection {
  readonly type: string
  readonly [key: string]: unknown
}

/** Checks every section before building from any, so that all problems are told at once. */
function configured<Built, Context>(
  sections: readonly ConsumerSection[],
  plugins: readonly Plugin<Built, Context>[],
  document: YamlDocument,
): readonly ((context: Context) => Built)[] {
  const problems: string[] = []
  const builders = sections.flatMap(({ type, ...section }, index) => {
    const path: Path = ['spec', 'consumers', index]
    const plugin = plugins.find((each) => each.type === type)
    if (plugin === undefined) {
      const types = plugins.map((each) => each.type)
      const meant = didYouMean(type, types) || `; known are ${types.join(', ')}`
      problems.push(fieldProblem(document, [...path, 'type'], `there is no consumer '${type}'${meant}`))
      return []
    }
    const parsed = plugin.schema.safeParse(section)
    if (!parsed.success) {
      problems.push(...problemsOf(parsed.error, plugin.schema, document, path))
      return []
    }
    return [plugin.configure(section, `${document.file}: ${fieldName(path)}`)]
  })
  if (problems.length > 0) throw invalid(problems)
  return builders
}

function refuseTwins(sections: readonly ConsumerSection[], document: YamlDocument): void {
  const twin = sections.findIndex(
    ({ type }, index) => sections.findIndex((each) => each.type === type) < index,
  )
  if (twin < 0) return
  const path: Path = ['spec', 'consumers', twin, 'type']
  throw invalid([fieldProblem(document, path, `there is already a consumer '${sections[twin]?.type}'`)])
}

const fieldProblem = (document: YamlDocument, path: Path, problem: string): string =>
  problemAt(document.file, document.placeOf(path), `${fieldName(path)}: ${problem}`)

const invalid = (problems: readonly string[]): AgentError =>
  new AgentError('CONFIG.INVALID', problems.join('\n'))
