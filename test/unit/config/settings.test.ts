import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import { run } from '../../../src/cli/run.ts'
import { agentConfigSchema } from '../../../src/config/agent-config.ts'
import { catalog, configOf, document, settings } from '../../support/run-configs.ts'

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly anyOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
}

/** Fields that have no fields of their own, as zod itself describes the schema. */
function leavesOf(schema: z.ZodType): readonly string[] {
  const described = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
  }) as JsonSchema
  const below = (field: JsonSchema, path: string): readonly string[] => {
    const properties = [field, ...(field.anyOf ?? []), ...(field.allOf ?? [])].flatMap((each) =>
      Object.entries(each.properties ?? {}),
    )
    if (properties.length === 0) return [path]
    return properties.flatMap(([key, inner]) => below(inner, path === '' ? key : `${path}.${key}`))
  }
  return below(described, '')
}

test('every field of every schema has an option and a variable', () => {
  const fields = settings.map(({ field }) => field)
  const ofSpec = leavesOf(agentConfigSchema(catalog.checkEvent)).filter((leaf) =>
    /^spec\.(?!consumers)/.test(leaf),
  )
  const ofConsumers = catalog.consumers.flatMap(({ type, schema }) =>
    leavesOf(schema).map((leaf) => `spec.consumers[${type}].${leaf}`),
  )
  assert.ok(ofSpec.length > 20 && ofConsumers.length > 50)
  assert.deepEqual(
    [...ofSpec, ...ofConsumers].filter((leaf) => !fields.includes(leaf)),
    [],
  )
})

test('a consumer itself can be said, too', () => {
  for (const { type } of catalog.consumers) {
    const setting = settings.find(({ field }) => field === `spec.consumers[${type}]`)
    assert.equal(setting?.option, type.replaceAll('_', '-'))
    assert.equal(setting.variable, `SONDE_${type.toUpperCase()}`)
  }
})

test('names follow from the field', () => {
  const spellings = (field: string) => {
    const setting = settings.find((each) => each.field === field)
    return [setting?.option, setting?.variable]
  }
  assert.deepEqual(spellings('spec.sampler.backEnd'), ['sampler-back-end', 'SONDE_SAMPLER_BACK_END'])
  assert.deepEqual(spellings('spec.serviceNameRules'), ['service-name-rules', 'SONDE_SERVICE_NAME_RULES'])
  assert.deepEqual(spellings('spec.consumers[otlp_profiles].tls.caFile'), [
    'otlp-profiles-tls-ca-file',
    'SONDE_OTLP_PROFILES_TLS_CA_FILE',
  ])
})

test('no two settings are spelled the same, and none as something else', () => {
  const own = run.options.filter(
    ({ long }) => !['otlp-profiles-endpoint', 'otlp-profiles-preset'].includes(long),
  )
  const options = [...settings.map(({ option }) => option), ...own.map(({ long }) => long)]
  assert.equal(new Set(options).size, options.length)
  assert.equal(new Set(settings.map(({ variable }) => variable)).size, settings.length)
  for (const { option } of settings) assert.match(option, /^[a-z]+(-[a-z]+)*$/)
})

test('every setting says what it means', () => {
  assert.deepEqual(
    settings.filter(({ meaning }) => meaning === '').map(({ field }) => field),
    [],
  )
})

test('commas of PMU terms and of groups part no events', () => {
  const said = 'cpu-clock, cpu/event=0x3c,umask=1/u'
  const events = ['cpu-clock', 'cpu/event=0x3c,umask=1/u']
  for (const told of [
    { environment: { SONDE_SAMPLER_EVENTS: said } },
    { options: [`--sampler-events=${said}`] },
    { options: [`--sampler-events=[${events.map((each) => JSON.stringify(each)).join(',')}]`] },
  ]) {
    assert.deepEqual(configOf(document('consumers: [{type: perf_data}]'), told).config.sampler.events, events)
  }
  // A group is no single event, and refused as a whole.
  const group = { environment: { SONDE_SAMPLER_EVENTS: '{page-faults,task-clock}:S' } }
  assert.throws(
    () => configOf(document('consumers: [{type: perf_data}]'), group),
    /'\{page-faults,task-clock\}:S' stands for several events/,
  )
})

/** What a setting without a default may be. */
const EXAMPLES: Readonly<Record<string, string>> = {
  'spec.sampler.period': '1000',
  'spec.sampler.ringBytes': '1MiB',
  'spec.sampler.stackBytes': '8KiB',
  'spec.sampler.maxStack': '64',
  'spec.symbols.debuginfod.urls': 'http://127.0.0.1:8002',
  'spec.symbols.debuginfod.cacheDirectory': '/tmp/cache',
  'spec.consumers[files].file': 'a.pb.gz,b.html',
  'spec.consumers[files].format': 'pprof',
  'spec.consumers[otlp_profiles].endpoint': 'http://127.0.0.1:4318',
  'spec.consumers[otlp_profiles].protocol': 'grpc',
  'spec.consumers[otlp_profiles].compression': 'gzip',
}
/** Nothing is read or sent here: any text will do. */
const TEXT = '/tmp/x'

const textOf = (value: unknown): string =>
  typeof value === 'object' || typeof value === 'undefined' ? JSON.stringify(value) : String(value as string)

/** What brings the sections that may be left out. */
const SECTIONS: Record<string, string> = {
  'symbols.debuginfod': 'symbols: {debuginfod: {urls: ["http://127.0.0.1:1"]}}',
  flightRecorder: 'flightRecorder: {}',
}

test('what an option and a variable say, the schema takes; and the default said changes nothing', () => {
  for (const { field, form, option, variable, otherwise, consumer, optionalSection } of settings) {
    const consumers = `consumers: [{type: ${consumer ?? 'perf_data'}}]`
    const needed = optionalSection === undefined ? [] : [SECTIONS[optionalSection.join('.')] ?? '']
    const text = document(...needed, consumers)
    const said =
      otherwise === undefined ? (EXAMPLES[field] ?? (form === 'switch' ? 'true' : TEXT)) : textOf(otherwise)
    for (const told of [{ options: [`--${option}=${said}`] }, { environment: { [variable]: said } }]) {
      const { config } = configOf(text, told)
      if (otherwise === undefined) continue
      const { consumers: _, ...plain } = configOf(text).config
      const { consumers: __, ...stated } = config
      assert.deepEqual(stated, plain, field)
    }
  }
})
