import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAgentConfig, parseAgentDocument } from '../../../src/config/agent-config.ts'
import { COLLECTION_FIELDS } from '../../../src/config/collection/stated.ts'
import { readConfig } from '../../../src/config/config-file.ts'
import { type ConfigDocument, readDocuments } from '../../../src/config/documents.ts'
import { readYaml } from '../../../src/config/yaml-document.ts'
import { loadConsumers } from '../../../src/consumers/catalog.ts'
import { checkEventName } from '../../../src/sampler/events/choose.ts'

const folder = join(import.meta.dirname, '../../../config')
const consumerCatalog = await loadConsumers()
const catalog = { consumers: consumerCatalog, checkEvent: checkEventName }

const documentsIn = (text: string, file: string) =>
  readDocuments(text, file, { ...catalog, consumerNames: consumerCatalog.map(({ type }) => type) })

/** Of an example: what is wrong with it, but for what this version cannot do yet. */
function problemsOf(document: ConfigDocument): readonly string[] {
  switch (document.kind) {
    case 'agent':
      return parseAgentDocument(document.document, catalog).consumers.length > 0 ? [] : ['no consumers']
    case 'collection':
      return document.warnings
    case 'invalid':
      return document.problems.filter((problem) => !problem.includes('a later version will'))
  }
}

const examples = readdirSync(folder).filter((name) => name.endsWith('.yaml'))

test('there is an example of each kind', () => {
  assert.deepEqual(examples.sort(), [
    'agent.yaml',
    'host-stats-collection-config.yaml',
    'profile-collection-config.yaml',
  ])
})

for (const name of examples) {
  test(`config/${name} is a valid configuration`, () => {
    const { text } = readConfig(join(folder, name))
    assert.deepEqual(documentsIn(text, name).flatMap(problemsOf), [])
  })
}

test('config/profile-collection-config.yaml shows every field, and what it states is the default', () => {
  const { text } = readConfig(join(folder, 'profile-collection-config.yaml'))
  const shown = [...text.matchAll(/^ {2}(?:# )?(\w+):/gm)].map(([, key]) => key)
  for (const field of COLLECTION_FIELDS) assert.ok(shown.includes(field), field)
  const bare =
    'apiVersion: sonde/v1\nkind: ProfileCollectionConfig\nmetadata: {name: a}\nspec: {eventName: cpu-clock}'
  const hashes = [text, bare].map((each) => {
    const [document] = documentsIn(each, 'x.yaml')
    return document?.kind === 'collection' ? document.collection.contentHash : document
  })
  assert.equal(hashes[0], hashes[1])
})

test('what is commented out of config/profile-collection-config.yaml is valid, one at a time, as is the wrapper', () => {
  const { text } = readConfig(join(folder, 'profile-collection-config.yaml'))
  const fields = [
    ...text.matchAll(/^ {2}# ((?:samplePeriod|maxStackDepth|processFilters|cgroups|consumers):.*)$/gm),
  ]
  assert.equal(fields.length, 5)
  for (const [line, field] of fields) {
    const stated = text
      .replace(line, `  ${field}`)
      .replace(field?.startsWith('samplePeriod') ? /^ {2}sampleFrequencyHz.*\n/m : /^$/, '')
    assert.deepEqual(documentsIn(stated, 'x.yaml').flatMap(problemsOf), [], field)
  }
  const wrapper = /^# type:[\s\S]*/m.exec(text)?.[0].replaceAll(/^# /gm, '') ?? ''
  const [document] = documentsIn(wrapper, 'x.yaml')
  assert.deepEqual(document?.kind === 'collection' && document.collection.rate, {
    by: 'period',
    period: 10_000_000n,
  })
})

test('the default samples cpu-clock at 99 Hz, in windows of 10 s, into perf_data and files', () => {
  const { text, file } = readConfig()
  const { sampler, consumers } = parseAgentConfig(text, file, catalog)
  assert.deepEqual(sampler.events, ['cpu-clock'])
  assert.deepEqual(sampler.rate, { by: 'frequency', hertz: 99 })
  assert.equal(sampler.window, 10_000)
  assert.equal(consumers.length, 2)
})

/** What a schema makes of nothing is what the example has to say. */
test('config/agent.yaml states every default as it is', () => {
  const { text } = readConfig()
  const bare = ['apiVersion: sonde/v1', 'kind: AgentConfig', 'spec:', '  consumers: [{type: perf_data}]']
  const stated = parseAgentConfig(text, 'agent.yaml', catalog)
  const defaults = parseAgentConfig(bare.join('\n'), 'bare.yaml', catalog)
  assert.deepEqual(stated.sampler, defaults.sampler)
  assert.deepEqual(stated.symbols, defaults.symbols)
  assert.deepEqual(stated.services, defaults.services)
  assert.deepEqual(stated.shutdown, defaults.shutdown)
  for (const { type, schema } of consumerCatalog) {
    const section = new RegExp(`- type: ${type}\n([\\s\\S]*?)(\n\n|$)`).exec(text)?.[1] ?? ''
    const keys = [...section.matchAll(/^(?: {6}| {4}# {3})(?:# )?(\w+):/gm)].map(([, key]) => key ?? '')
    const missing = Object.keys(schema.parse({}) as Record<string, unknown>).filter(
      (key) => !keys.includes(key),
    )
    assert.deepEqual(missing, [], `${type}: the example does not show these keys`)
  }
})

test('what is commented out of config/agent.yaml is a valid configuration of nothing but defaults', () => {
  const { text } = readConfig()
  const [before = '', consumers = ''] = text.split(/^(?= {2}consumers:)/m)
  const shown = before + consumers.replaceAll(/^ {4}# (- type: .*| {2}.*)$/gm, '    $1')
  const { consumerTypes } = parseAgentConfig(shown, 'shown.yaml', catalog)
  assert.deepEqual(
    consumerTypes,
    consumerCatalog.map(({ type }) => type),
  )
  const document = readYaml(shown, 'shown.yaml').value as { spec: { consumers: Record<string, unknown>[] } }
  for (const { type, ...section } of document.spec.consumers) {
    const schema = consumerCatalog.find((plugin) => plugin.type === type)?.schema
    assert.deepEqual(schema?.parse(section), schema?.parse({}), String(type))
  }
})

test('a configuration that is not there is named', () => {
  assert.throws(() => readConfig('/nowhere/agent.yaml'), {
    code: 'CONFIG.UNREADABLE',
    message: /\/nowhere\/agent\.yaml: there is no such file/,
  })
})
