import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  base64Of,
  collectionOfBase64,
  collectionSources,
  isBase64,
  plainText,
  wrapperText,
} from '../../../../src/config/collection/convert.ts'
import type { CollectionReading, ReadCollection } from '../../../../src/config/collection/read.ts'

const SAMPLE = 'CgljcHUtY2xvY2sQgJTr4gQYCg=='

function valid(read: ReadCollection | undefined): CollectionReading {
  if (read?.is !== 'valid') assert.fail(JSON.stringify(read))
  return read.reading
}
const readingIn = (text: string): CollectionReading => valid(collectionSources(text, 'p.yaml')[0]?.read)
const ofBase64 = (data: string): CollectionReading => valid(collectionOfBase64(data, 'BASE64', 'cpu').read)

const EVERY_FIELD = `apiVersion: sonde/v1
kind: ProfileCollectionConfig
metadata:
  name: cpu
  version: "3"
spec:
  eventName: page-faults
  samplePeriod: 1000
  intervalSeconds: 10
  maxStackDepth: 64
  cgroups:
    - /kubepods.slice
    - "4711"
  kernelStacks: false
  userStacks: true
  threadNames: false
  consumers:
    - perf_data
`

test('base64 becomes YAML with nothing but what it states, and what a period comes to', () => {
  assert.equal(
    plainText(ofBase64(SAMPLE), '0.78 Hz'),
    `apiVersion: sonde/v1
kind: ProfileCollectionConfig
metadata:
  name: cpu
spec:
  eventName: cpu-clock
  samplePeriod: 1281018368 # 0.78 Hz
  intervalSeconds: 10
`,
  )
})

test('YAML to base64 and back is the same YAML, with every field', () => {
  const data = base64Of(readingIn(EVERY_FIELD))
  const back = plainText(ofBase64(data), undefined)
  assert.equal(back, EVERY_FIELD.replace('  version: "3"\n', ''))
  assert.equal(plainText(readingIn(wrapperText(readingIn(EVERY_FIELD))), undefined), EVERY_FIELD)
})

test('base64 to YAML and back is the same base64', () => {
  for (const data of [SAMPLE, 'CgljcHUtY2xvY2sQgK3iBBgK', 'CgljcHUtY2xvY2sQksLoBBgK'])
    assert.equal(base64Of(readingIn(plainText(ofBase64(data), undefined))), data)
})

test('a wrapper keeps its type, its version and how long it holds', () => {
  const text = `type: {type: antimetal.agent.v1.ProfileCollectionConfig}\nname: a\nversion: v2\nttl: 1m30s\ndata: ${SAMPLE}\n`
  assert.equal(
    wrapperText(readingIn(text)),
    `type:\n  type: antimetal.agent.v1.ProfileCollectionConfig\nname: a\nversion: v2\nttl: 90s\ndata: ${SAMPLE}\n`,
  )
})

test('a wrapper of the predecessor’s type becomes one of ours where it has what that has not', () => {
  const text =
    'type: {type: antimetal.agent.v1.ProfileCollectionConfig}\nname: a\nevent_name: cycles\nuser_stacks: false\n'
  const wrapped = wrapperText(readingIn(text))
  assert.match(wrapped, /type: sonde\.v1\.ProfileCollectionConfig\n/)
  assert.equal(readingIn(wrapped).stated.userStacks, false)
})

test('base64 of either alphabet, folded, with and without padding', () => {
  const url = Buffer.from(SAMPLE, 'base64').toString('base64url')
  for (const data of [url, ` ${SAMPLE.slice(0, 8)}\n${SAMPLE.slice(8)}\n`, SAMPLE.replaceAll('=', '')]) {
    assert.equal(isBase64(data), true)
    assert.equal(ofBase64(data).stated.samplePeriod, 1_281_018_368)
  }
  for (const text of ['kind: x', '{}', '', 'a b = c', 'profiler.yaml']) assert.equal(isBase64(text), false)
})

test('numbers of a later predecessor are told, not refused, where no type says whose message it is', () => {
  const data = Buffer.from('0a06 6379636c6573 980601'.replaceAll(' ', ''), 'hex').toString('base64')
  assert.deepEqual(ofBase64(data).warnings, [
    'BASE64:1:1: the document: has the field 99, which this version does not know and leaves alone',
  ])
})

test('other documents are named for what they are', () => {
  const [source] = collectionSources('apiVersion: sonde/v1\nkind: AgentConfig\n', 'p.yaml')
  assert.deepEqual(source?.read, {
    is: 'invalid',
    problems: ['p.yaml:1:1: the document: is an AgentConfig, no ProfileCollectionConfig'],
  })
})
