import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse, parseAllDocuments } from 'yaml'
import * as z from 'zod'
import { jsonSchemaOf, SCHEMA_KINDS } from '../../../src/config/json-schema.ts'
import { loadConsumers } from '../../../src/consumers/catalog.ts'

const folder = join(import.meta.dirname, '../../../config')
const consumers = await loadConsumers()

const fileOf = (kind: string): string =>
  `${kind.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase()}.json`
const shipped = (kind: string): unknown =>
  JSON.parse(readFileSync(join(folder, 'schema', fileOf(kind)), 'utf8'))

/** By what stands in the files, apart from the schemas that they were made of. */
const judge = (kind: string): z.ZodType => z.fromJSONSchema(shipped(kind) as z.core.JSONSchema.JSONSchema)
const accepts = (kind: string, value: unknown): boolean => judge(kind).safeParse(value).success

for (const kind of SCHEMA_KINDS) {
  test(`config/schema/${fileOf(kind)} is as sonde config schema ${kind} prints it`, () => {
    assert.deepEqual(shipped(kind), jsonSchemaOf(kind, consumers))
  })
}

test('every schema that is shipped is of a kind', () => {
  assert.deepEqual(readdirSync(join(folder, 'schema')).sort(), SCHEMA_KINDS.map(fileOf).sort())
})

test('every example names its schema, and that takes it', () => {
  const examples = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
  assert.equal(examples.length, SCHEMA_KINDS.length)
  for (const name of examples) {
    const text = readFileSync(join(folder, name), 'utf8')
    const schema = /^# yaml-language-server: \$schema=schema\/(.*)$/m.exec(text)?.[1]
    for (const document of parseAllDocuments(text)) {
      const value = document.toJS() as { kind: string }
      assert.equal(schema, fileOf(value.kind))
      assert.equal(accepts(value.kind, value), true, name)
    }
  }
})

const collection = (spec: string): unknown =>
  parse(`{apiVersion: sonde/v1, kind: ProfileCollectionConfig, metadata: {name: a}, spec: {${spec}}}`)
const wrapper = (fields: string): unknown =>
  parse(`{type: {type: antimetal.agent.v1.ProfileCollectionConfig}, name: a, ${fields}}`)
const agent = (consumer: string): unknown =>
  parse(`{apiVersion: sonde/v1, kind: AgentConfig, spec: {sampler: {window: 10s}, consumers: [${consumer}]}}`)

for (const [what, kind, right, wrong] of [
  [
    'unknown fields',
    'ProfileCollectionConfig',
    collection('eventName: a'),
    collection('eventName: a, eventname: b'),
  ],
  [
    'ranges',
    'ProfileCollectionConfig',
    collection('eventName: a, intervalSeconds: 600'),
    collection('eventName: a, intervalSeconds: 601'),
  ],
  ['what is missing', 'ProfileCollectionConfig', collection('eventName: a'), collection('samplePeriod: 1')],
  ['fields of the wrapper', 'ProfileCollectionConfig', wrapper('data: CgJjcw=='), wrapper('dat: CgJjcw==')],
  ['consumers that there are not', 'AgentConfig', agent('{type: files}'), agent('{type: fils}')],
  [
    'options of consumers',
    'AgentConfig',
    agent('{type: files, write: at_end}'),
    agent('{type: files, write: at_start}'),
  ],
  [
    'options of other consumers',
    'AgentConfig',
    agent('{type: files, formats: [pprof]}'),
    agent('{type: perf_data, formats: [pprof]}'),
  ],
] as const) {
  test(`an editor notices ${what}`, () => {
    assert.equal(accepts(kind, right), true)
    assert.equal(accepts(kind, wrong), false)
  })
}

/** An editor offers a default to be written: it has to be one that may be. */
test('every default that a schema tells may be written', () => {
  const defaultsIn = (schema: unknown): readonly z.core.JSONSchema.JSONSchema[] => {
    if (typeof schema !== 'object' || schema === null) return []
    const inner = Object.values(schema).flatMap(defaultsIn)
    return 'default' in schema ? [schema as z.core.JSONSchema.JSONSchema, ...inner] : inner
  }
  const withDefaults = defaultsIn(jsonSchemaOf('AgentConfig', consumers))
  assert.ok(withDefaults.length > 20)
  for (const schema of withDefaults)
    assert.equal(z.fromJSONSchema(schema).safeParse(schema.default).success, true, JSON.stringify(schema))
  const sampler = jsonSchemaOf('AgentConfig', consumers) as {
    properties: { spec: { properties: { sampler: { properties: Record<string, { default?: unknown }> } } } }
  }
  assert.equal(
    sampler.properties.spec.properties.sampler.properties.window?.default,
    undefined,
    'milliseconds without a unit',
  )
})
