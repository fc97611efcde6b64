import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAgentConfig } from '../../../src/config/agent-config.ts'
import { changedSections } from '../../../src/config/changed-sections.ts'
import { readConfig } from '../../../src/config/config-file.ts'
import { loadConsumers } from '../../../src/consumers/catalog.ts'
import { EVERYTHING, SAMPLE_MATCHES, type SampleFilter } from '../../../src/core/sample-filter.ts'

const catalog = { consumers: await loadConsumers(), checkEvent: () => undefined }
const document = (filter: string): string =>
  [
    'apiVersion: sonde/v1',
    'kind: AgentConfig',
    'spec:',
    `  sampler: {filter: ${filter}}`,
    '  consumers: [{type: perf_data}]',
  ].join('\n')
const filterIn = (text: string): SampleFilter => parseAgentConfig(text, 'agent.yaml', catalog).sampler.filter
const problemOf = (filter: string): string => {
  try {
    filterIn(document(filter))
  } catch (error) {
    return (error as Error).message
  }
  return 'no problem'
}

test('a filter is lists of matches', () => {
  const filter = `{
    include: [{pid: 1}, {tree: 2}, {cgroup: /a}, {cgroup: 77}, {comm: x}, {process: z}, {uid: 1000}],
    exclude: [{kernelThreads: true}],
    thin: [{comm: y, oneIn: 10}]}`
  assert.deepEqual(filterIn(document(filter)).rules, [
    { action: 'include', match: { by: 'pid', pid: 1 } },
    { action: 'include', match: { by: 'tree', pid: 2 } },
    { action: 'include', match: { by: 'cgroup', path: '/a' } },
    { action: 'include', match: { by: 'cgroup', id: 77n } },
    { action: 'include', match: { by: 'comm', comm: 'x' } },
    { action: 'include', match: { by: 'process', comm: 'z' } },
    { action: 'include', match: { by: 'uid', uid: 1000 } },
    { action: 'exclude', match: { by: 'kernel_thread' } },
    { action: 'thin', match: { by: 'comm', comm: 'y' }, oneIn: 10 },
  ])
  assert.equal(filterIn(document('{}')), EVERYTHING)
})

test('the filter that config/agent.yaml shows is valid, and has every kind of rule', () => {
  const { text } = readConfig()
  assert.equal(filterIn(text), EVERYTHING)
  const shown = text.replace(/^ {4}# filter:\n(?: {4}# {3}.*\n)+/m, (block) =>
    block.replaceAll(/^ {4}# /gm, '    '),
  )
  assert.notEqual(shown, text)
  const { rules } = filterIn(shown)
  assert.deepEqual(new Set(rules.map(({ action }) => action)), new Set(['include', 'exclude', 'thin']))
  assert.deepEqual(new Set(rules.map(({ match }) => match.by)), new Set(SAMPLE_MATCHES))
})

test('what is wrong is told with its line and its field', () => {
  assert.match(
    problemOf('{exclude: [{pid: x}]}'),
    /^agent\.yaml:4:\d+: spec\.sampler\.filter\.exclude\[0\]\.pid: expected a number/,
  )
  assert.match(
    problemOf('{include: [{pid: 1, uid: 1}]}'),
    /filter\.include\[0\]: exactly one of pid, tree, cgroup, comm, process, uid, kernelThreads is needed/,
  )
  assert.match(problemOf('{include: [{}]}'), /filter\.include\[0\]: exactly one of/)
  assert.match(
    problemOf('{include: [{cgrup: /a}]}'),
    /include\[0\]\.cgrup: unknown key \(did you mean cgroup\?\)/,
  )
  assert.match(problemOf('{include: {pid: 1}}'), /filter\.include: expected a list of matches/)
  assert.match(problemOf('{thin: [{pid: 1}]}'), /filter\.thin\[0\]\.oneIn: expected a whole number/)
  assert.match(problemOf('{thin: [{pid: 1, oneIn: 1}]}'), /thin\[0\]\.oneIn: expected 2 or more/)
  assert.match(problemOf('{thin: [{oneIn: 2}]}'), /filter\.thin\[0\]: exactly one of/)
  assert.match(problemOf('{exclude: [{comm: a-long-program-name}]}'), /comm: the kernel keeps 15 bytes/)
  assert.match(problemOf('{exclude: [{kernelThreads: false}]}'), /kernelThreads: expected true/)
  const many = Array.from({ length: 65 }, (_, pid) => `{pid: ${pid}}`).join(', ')
  assert.match(problemOf(`{include: [${many}]}`), /filter: expected 64 rules or less/)
})

test('what else changed in a document is named', () => {
  const before = document('{}')
  const after = document('{include: [{pid: 1}]}')
  assert.deepEqual(changedSections(before, after), [])
  const other = after.replace('sampler: {', 'sampler: {window: 1s, ').replace('[{type', '[{maxFiles: 1, type')
  assert.deepEqual(changedSections(before, `${other}\n  shutdown: {deadline: 9s}`), [
    'sampler.window',
    'consumers',
    'shutdown',
  ])
})
