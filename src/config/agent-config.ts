// AgentConfig: what the agent samples, and who gets it. config/agent.yaml is the commented example and the default.

import * as z from 'zod'
import { didYouMean } from '../base/near.ts'
import { SAMPLER_CHOICES, type SamplerChoice } from '../core/back-end.ts'
import {
  CALL_GRAPH_METHODS,
  type CallGraph,
  type CallGraphRequest,
  roundedStackBytes,
  STACK_BYTES_RANGE,
} from '../core/call-graph.ts'
import { AgentError } from '../core/errors.ts'
import { eventsIn } from '../core/event-list.ts'
import type { FlightRecorderOptions } from '../core/flight-recorder.ts'
import type { Plugin } from '../core/plugin.ts'
import type { SamplingRate } from '../core/profile.ts'
import { byteSizeSchema, durationSchema } from '../core/quantity-schema.ts'
import type { SampleFilter } from '../core/sample-filter.ts'
import type { ServicePolicy } from '../core/service-policy.ts'
import { SETTING_FACTS } from '../core/setting-facts.ts'
import type { SymbolPolicy } from '../core/symbol-policy.ts'
import { hertz, type Milliseconds, milliseconds } from '../core/units.ts'
import { filterSchema } from './filter-config.ts'
import { fieldName, fieldProblem, problemsOf } from './problems.ts'
import { serviceNameDefaultSchema, serviceNameRulesSchema } from './services-config.ts'
import { symbolsSchema } from './symbols-config.ts'
import { type Path, readYaml, type YamlDocument } from './yaml-document.ts'

export interface SamplerConfig {
  readonly backEnd: SamplerChoice
  readonly events: readonly string[]
  readonly rate: SamplingRate
  readonly window: Milliseconds
  readonly callGraph: CallGraphRequest
  /** Undefined: as the rate needs. */
  readonly ringBytes: number | undefined
  readonly maxStack: number | undefined
  readonly filter: SampleFilter
  /** Whether the agent drops every capability once it samples. */
  readonly lockDown: boolean
}

export interface ShutdownConfig {
  /** From SIGTERM until everything is delivered or kept, and the agent is gone. */
  readonly deadline: Milliseconds
}

export interface AgentConfig<Built, Context> {
  readonly sampler: SamplerConfig
  readonly symbols: SymbolPolicy
  readonly services: ServicePolicy
  readonly shutdown: ShutdownConfig
  /** Undefined: consumers get every window. */
  readonly flightRecorder: FlightRecorderOptions | undefined
  /** In the order of the document. */
  readonly consumers: readonly ((context: Context) => Built)[]
  /** Their types. */
  readonly consumerTypes: readonly string[]
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
      backEnd: z
        .enum(SAMPLER_CHOICES, `expected ${SAMPLER_CHOICES.join(', ')}`)
        .default('auto')
        .describe(
          'What takes the samples out of the kernel: bpf (programs that choose there), perf (the events’ own rings), auto: bpf where it works',
        ),
      events: z
        .array(eventSchema(checkEvent))
        .min(1, 'at least one event is needed')
        .default(['cpu-clock'])
        .describe(
          'As perf spells them, one an entry (docs/events.md); auto: cycles where there is a PMU, else cpu-clock',
        )
        .register(SETTING_FACTS, { partsOf: (text) => eventsIn(text).events }),
      frequency: z
        .int('expected a whole number of Hz')
        .min(1, 'expected 1 Hz or more')
        .optional()
        .describe('Samples per second and CPU')
        .register(SETTING_FACTS, { insteadOf: ['period'], otherwise: DEFAULT_FREQUENCY }),
      period: z
        .int('expected a whole number')
        .min(1, 'expected 1 or more')
        .optional()
        .describe('Instead of frequency: the event’s units per sample, nanoseconds for clocks')
        .register(SETTING_FACTS, { insteadOf: ['frequency'] }),
      window: durationSchema
        .refine((ms) => ms >= 100 && ms <= 600_000, 'expected 100ms to 10m')
        .default(milliseconds(10_000))
        .describe('How often the samples are handed to the consumers: 100ms to 10m'),
      ringBytes: byteSizeSchema
        .refine(
          (bytes) => bytes >= 4096 && Number.isInteger(Math.log2(bytes)),
          'expected a power of two, 4KiB or more',
        )
        .optional()
        .describe('The kernel’s ring of each CPU; default: 512KiB to 4MiB, as the rate needs'),
      callGraph: z
        .enum(CALL_GRAPH_METHODS, 'expected dwarf or fp')
        .default('dwarf')
        .describe(
          'How stacks are followed: dwarf (by the unwind rows of the files), fp (by frame pointers, in the kernel)',
        ),
      stackBytes: byteSizeSchema
        .refine((bytes) => roundedStackBytes(bytes) !== undefined, STACK_BYTES_RANGE)
        .optional()
        .describe(
          'Bytes of the user stack that are looked at, with dwarf; default: 16KiB with bpf, 8KiB with perf',
        ),
      maxStack: z
        .int('expected a whole number')
        .min(1, 'expected 1 or more')
        .optional()
        .describe(
          'Frames that the kernel follows; default: 127; more needs a higher kernel.perf_event_max_stack',
        ),
      filter: filterSchema.prefault({}),
      lockDown: z
        .boolean('expected true or false')
        .default(false)
        .describe('Whether every capability is dropped for good once sampling has begun'),
    })
    .refine((sampler) => sampler.frequency === undefined || sampler.period === undefined, {
      message: 'either frequency or period, not both',
      path: ['period'],
    })
    .refine((sampler) => sampler.callGraph === 'dwarf' || sampler.stackBytes === undefined, {
      message: 'goes with callGraph: dwarf only',
      path: ['stackBytes'],
    })

const shutdownSchema = z.strictObject({
  deadline: durationSchema
    .refine((ms) => ms >= 1_000 && ms <= 300_000, 'expected 1s to 5m')
    .default(milliseconds(8_000))
    .describe('From SIGTERM until everything is delivered or kept, and the agent is gone: 1s to 5m'),
})

const flightRecorderSchema = z.strictObject({
  keep: durationSchema
    .refine((ms) => ms >= 1_000 && ms <= 3_600_000, 'expected 1s to 1h')
    .default(milliseconds(30_000))
    .describe(
      'How much of the past is written when it is asked for: 1s to 1h. Windows are a 30th of it, but 1s or more',
    ),
  maxBytes: byteSizeSchema
    .refine((bytes) => bytes >= 2 ** 20, 'expected 1MiB or more')
    .prefault('256MiB')
    .describe('Memory for it; of what does not fit, the oldest samples are lost and counted (memory_full)'),
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

/** Of the whole document. A consumer's section is its plug-in's. */
export const agentConfigSchema = (checkEvent: (name: string) => void) =>
  z.strictObject({
    apiVersion: z.literal('sonde/v1', 'expected sonde/v1'),
    kind: z.literal('AgentConfig', 'expected AgentConfig'),
    spec: z.strictObject({
      sampler: samplerSchema(checkEvent).prefault({}),
      symbols: symbolsSchema.prefault({}),
      serviceNameRules: serviceNameRulesSchema,
      serviceNameDefault: serviceNameDefaultSchema,
      shutdown: shutdownSchema.prefault({}),
      flightRecorder: flightRecorderSchema.optional(),
      consumers: z
        .array(consumerSchema, 'expected a list of consumers, each with a type')
        .min(1, 'at least one consumer is needed'),
    }),
  })

/**
 * @param file how the document is called in messages
 * @throws AgentError `CONFIG.INVALID`: `file:line:column: field: what is wrong and what is expected`, a line per problem
 */
export const parseAgentConfig = <Built, Context>(
  text: string,
  file: string,
  catalog: AgentCatalog<Built, Context>,
): AgentConfig<Built, Context> => parseAgentDocument(readYaml(text, file), catalog)

/**
 * The same, of one document of a file.
 * @throws AgentError `CONFIG.INVALID`
 */
export function parseAgentDocument<Built, Context>(
  document: YamlDocument,
  catalog: AgentCatalog<Built, Context>,
): AgentConfig<Built, Context> {
  const schema = agentConfigSchema(catalog.checkEvent)
  const parsed = schema.safeParse(document.value)
  const consumers = consumersOf(document, catalog.consumers)
  const problems = [
    ...(parsed.success ? [] : problemsOf(parsed.error, schema, document, [])),
    ...consumers.flatMap((consumer) => consumer.problems),
  ]
  if (!parsed.success || problems.length > 0) throw invalid(problems)
  const { sampler, symbols, serviceNameRules, serviceNameDefault, shutdown, flightRecorder } =
    parsed.data.spec
  return {
    sampler: {
      backEnd: sampler.backEnd,
      events: sampler.events,
      rate: rateOf(sampler),
      window: sampler.window,
      callGraph: callGraphOf(sampler),
      ringBytes: sampler.ringBytes,
      maxStack: sampler.maxStack,
      filter: sampler.filter,
      lockDown: sampler.lockDown,
    },
    symbols,
    services: { rules: serviceNameRules, defaultName: serviceNameDefault },
    shutdown,
    flightRecorder,
    consumers: consumers.flatMap(({ build }) => build ?? []),
    consumerTypes: parsed.data.spec.consumers.map(({ type }) => type),
  }
}

const rateOf = (sampler: {
  readonly frequency?: number | undefined
  readonly period?: number | undefined
}): SamplingRate =>
  sampler.period === undefined
    ? { by: 'frequency', hertz: hertz(sampler.frequency ?? DEFAULT_FREQUENCY) }
    : { by: 'period', period: BigInt(sampler.period) }

function callGraphOf({
  callGraph,
  stackBytes,
}: {
  readonly callGraph: CallGraph['method']
  readonly stackBytes?: number | undefined
}): CallGraphRequest {
  switch (callGraph) {
    case 'fp':
      return { method: 'fp' }
    case 'dwarf':
      return { method: 'dwarf', stackBytes: stackBytes && roundedStackBytes(stackBytes) }
  }
}

const consumerSchema = z.looseObject({ type: z.string() })

/** Where sections of consumers stand, whatever else is wrong with the document. */
const sectionsSchema = z.looseObject({ spec: z.looseObject({ consumers: z.array(z.unknown()) }) })

/** A section of the document: what builds from it, or what is wrong with it. */
interface CheckedConsumer<Built, Context> {
  readonly build?: (context: Context) => Built
  readonly problems: readonly string[]
}

/** Checks every section before anything is built, so that all problems are told at once. */
function consumersOf<Built, Context>(
  document: YamlDocument,
  plugins: readonly Plugin<Built, Context>[],
): readonly CheckedConsumer<Built, Context>[] {
  const sections = sectionsSchema.safeParse(document.value).data?.spec.consumers ?? []
  const types = sections.map((section) => consumerSchema.safeParse(section).data?.type)
  return sections.map((section, index): CheckedConsumer<Built, Context> => {
    const parsed = consumerSchema.safeParse(section)
    if (!parsed.success) return { problems: [] } // The document's own schema says so.
    const { type, ...rest } = parsed.data
    const path: Path = ['spec', 'consumers', index]
    if (types.indexOf(type) < index) {
      const problem = `there is already a consumer '${type}'`
      return { problems: [fieldProblem(document, [...path, 'type'], problem)] }
    }
    const plugin = plugins.find((each) => each.type === type)
    if (plugin === undefined) {
      const problem = `there is no consumer '${type}'${known(type, plugins)}`
      return { problems: [fieldProblem(document, [...path, 'type'], problem)] }
    }
    const options = plugin.schema.safeParse(rest)
    if (!options.success) return { problems: problemsOf(options.error, plugin.schema, document, path) }
    return { build: plugin.configure(rest, `${document.file}: ${fieldName(path)}`), problems: [] }
  })
}

function known(type: string, plugins: readonly { readonly type: string }[]): string {
  const types = plugins.map((each) => each.type)
  return didYouMean(type, types) || `; known are ${types.join(', ')}`
}

/** More than these are one mistake's echoes, or too many to mend at once. */
const PROBLEMS_SHOWN = 5

function invalid(problems: readonly string[]): AgentError {
  const more = problems.length - PROBLEMS_SHOWN
  const lines = [...problems.slice(0, PROBLEMS_SHOWN), ...(more > 0 ? [`… and ${more} more`] : [])]
  return new AgentError('CONFIG.INVALID', lines.join('\n'))
}
