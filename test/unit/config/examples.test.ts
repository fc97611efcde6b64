import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAgentConfig } from '../../../src/config/agent-config.ts'
import { readConfig } from '../../../src/config/config-file.ts'
import { readYaml } from '../../../src/config/yaml-document.ts'
import { loadConsumers } from '../../../src/consumers/catalog.ts'
import { checkEventName } from '../../../src/sampler/events.ts'

const folder = join(import.meta.dirname, '../../../config')
const consumerCatalog = await loadConsumers()
const catalog = { consumers: consumerCatalog, checkEvent: checkEventName }

for (const name of readdirSync(folder)) {
  test(`config/${name} is a valid configuration`, () => {
    const { text, file } = readConfig(join(folder, name))
    assert.ok(parseAgentConfig(text, file, catalog).consumers.length > 0)
  })
}

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
