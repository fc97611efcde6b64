// The documents in the agent-configs ConfigMap: Sonde reads them, and they fit the pod's limits.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import { parseAgentConfig } from '../../../src/config/agent-config.ts'
import { readDocuments } from '../../../src/config/documents.ts'
import { readYaml } from '../../../src/config/yaml-document.ts'
import { loadConsumers } from '../../../src/consumers/catalog.ts'
import { byteSizeSchema, parseByteSize } from '../../../src/core/quantity-schema.ts'
import { checkEventName } from '../../../src/sampler/events/choose.ts'
import { readConfigMap, readDaemonSet } from '../../support/manifests.ts'

const consumers = await loadConsumers()
const catalog = { consumers, checkEvent: checkEventName }
const pod = readDaemonSet().spec.template.spec
const { data } = readConfigMap()
const agent = data['agent.yaml'] ?? ''
/** With the consumer that stands there in a comment. */
const sending = agent.replaceAll(/^ {4}# /gm, '    ')

test('the AgentConfig is valid, and what is commented out of it as well', () => {
  assert.deepEqual(parseAgentConfig(agent, 'agent.yaml', catalog).consumerTypes, ['perf_data'])
  const shown = sending.replaceAll(/^ {4}(?=Below)/gm, '    # ')
  assert.deepEqual(parseAgentConfig(shown, 'agent.yaml', catalog).consumerTypes, [
    'perf_data',
    'otlp_profiles',
  ])
})

/** As `sonde run` reads them. */
const documentsOf = (text: string, file: string, consumerNames: readonly string[] | undefined) =>
  readDocuments(text, file, { checkEvent: checkEventName, consumerNames })

test('every file of the ConfigMap is one document that Sonde reads without a warning', () => {
  const kinds = Object.entries(data).map(([file, text]) => {
    const [document, ...more] = documentsOf(text, file, ['perf_data'])
    assert.deepEqual(more, [])
    assert.ok(document !== undefined && document.kind !== 'invalid', JSON.stringify(document))
    if (document.kind === 'collection') assert.deepEqual(document.warnings, [])
    return [file, document.kind]
  })
  assert.deepEqual(kinds, [
    ['profiles.yaml', 'collection'],
    ['agent.yaml', 'agent'],
  ])
})

test('what is sampled is cpu-clock, 99 times a second, for every consumer', () => {
  const [document] = documentsOf(data['profiles.yaml'] ?? '', 'profiles.yaml', ['perf_data'])
  assert.ok(document?.kind === 'collection')
  const { name, eventName, rate, consumers: named } = document.collection
  assert.deepEqual([name, eventName, named], ['node-cpu', 'cpu-clock', undefined])
  assert.deepEqual(rate, { by: 'frequency', hertz: 99 })
})

test('the drain ends before Kubernetes kills', () => {
  const { shutdown } = parseAgentConfig(agent, 'agent.yaml', catalog)
  assert.ok(shutdown.deadline + 5_000 <= pod.terminationGracePeriodSeconds * 1_000)
})

const budgetSchema = z.looseObject({
  maxTotalBytes: byteSizeSchema.default(0),
  maxFileBytes: byteSizeSchema.default(0),
  spool: z.union([z.literal('off'), z.looseObject({ maxBytes: z.number() })]).default('off'),
})
const sectionsSchema = z.looseObject({
  spec: z.looseObject({ consumers: z.array(z.looseObject({ type: z.string() })) }),
})

/** Files that are kept, the one under way, and what waits for an endpoint. */
function bytesOf({ type, ...section }: { readonly type: string }): number {
  const plugin = consumers.find((each) => each.type === type)
  const { maxTotalBytes, maxFileBytes, spool } = budgetSchema.parse(plugin?.schema.parse(section))
  return maxTotalBytes + maxFileBytes + (spool === 'off' ? 0 : spool.maxBytes)
}

test('what the consumers may write is less than the volume holds', () => {
  const sizeLimit = pod.volumes.find(({ name }) => name === 'data')?.emptyDir?.sizeLimit ?? ''
  const limit = parseByteSize(`${sizeLimit}B`) ?? 0
  const shown = sending.replaceAll(/^ {4}(?=Below)/gm, '    # ')
  const { spec } = sectionsSchema.parse(readYaml(shown, 'agent.yaml').value)
  const bytes = spec.consumers.reduce((total, section) => total + bytesOf(section), 0)
  assert.ok(bytes > 2 ** 30, `${bytes}`)
  assert.ok(bytes < limit * 0.75, `${bytes} of ${limit}`)
})
