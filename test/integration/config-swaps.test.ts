// Real documents in a ConfigMap that the kubelet updates.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { readDocuments } from '../../src/config/documents.ts'
import { checkEventName } from '../../src/sampler/events/choose.ts'
import { AtomicWriter } from '../support/atomic-writer.ts'
import { EVENTS_ONLY, Follower, temporaryDirectory } from '../support/config-directories.ts'

const start = (context: TestContext, directory: string): Promise<Follower> =>
  Follower.start(context, directory, {
    clock: EVENTS_ONLY,
    read: (text, file) => readDocuments(text, file, { checkEvent: checkEventName, consumerNames: undefined }),
  })

const wrapped = (version: string, data: string, ttl = ''): string =>
  `type: {type: antimetal.agent.v1.ProfileCollectionConfig}
name: test-profiler
version: "${version}"
${ttl}
data: ${data}
`

/** The published sample, which claims 10 ms and asks for 1.28 s; and what 10 ms really are. */
const SLOW = 'CgljcHUtY2xvY2sQgJTr4gQYCg=='
const TEN_MS = 'CgljcHUtY2xvY2sQgK3iBBgK'

/** `name version period` */
const inForce = ({ now }: Follower): string =>
  now.collections
    .map(({ name, version, rate }) => `${name} ${version} ${rate.by === 'period' ? rate.period : rate.hertz}`)
    .join('; ')

test('the sample in circulation starts with its warning, and is swapped for what was meant', async (context) => {
  const directory = temporaryDirectory(context)
  const writer = new AtomicWriter(directory)
  writer.write({ 'profiler.yaml': wrapped('1', SLOW) })
  const follower = await start(context, directory)
  assert.equal(inForce(follower), 'test-profiler 1 1281018368')
  assert.match(follower.now.files[0]?.warnings.join() ?? '', /1,?281,?018,?368/)

  writer.write({ 'profiler.yaml': wrapped('2', TEN_MS) })
  await follower.until((one) => inForce(one) === 'test-profiler 2 10000000')
  assert.deepEqual(follower.now.files[0]?.warnings, [])
  assert.equal(follower.now.files[0]?.state, 'loaded')
})

test('half a document, a wrong field and no document at all keep what ran, each told with its place', async (context) => {
  const directory = temporaryDirectory(context)
  const writer = new AtomicWriter(directory)
  writer.write({ 'profiler.yaml': wrapped('1', TEN_MS) })
  const follower = await start(context, directory)
  for (const broken of [
    wrapped('2', TEN_MS).slice(0, 30),
    wrapped('2', 'AAAA'),
    `${wrapped('2', TEN_MS)}sample: 1\n`,
    'just words',
  ]) {
    writer.write({ 'profiler.yaml': broken })
    await follower.until(({ now }) => now.files[0]?.state === 'invalid')
    assert.equal(inForce(follower), 'test-profiler 1 10000000', broken)
    assert.match(follower.now.files[0]?.problems[0] ?? '', /profiler\.yaml:\d+:\d+: /)
    assert.match(follower.now.files[0]?.warnings[0] ?? '', /"test-profiler" version "1" goes on as it was$/)
    writer.write({ 'profiler.yaml': wrapped('1', TEN_MS) })
    await follower.until(({ now }) => now.files[0]?.state === 'loaded')
  }
  assert.ok(follower.states.every((state) => state.collections.length === 1))
})

test('the time to live of the wrapper is honoured', async (context) => {
  const directory = temporaryDirectory(context)
  const writer = new AtomicWriter(directory)
  writer.write({ 'profiler.yaml': wrapped('1', TEN_MS, 'ttl: 1.5s') })
  const follower = await start(context, directory)
  assert.equal(inForce(follower), 'test-profiler 1 10000000')
  await follower.until(({ now }) => now.files[0]?.state === 'expired')
  assert.equal(inForce(follower), '')
  // The kubelet writes all keys again when another one comes.
  writer.write({ 'profiler.yaml': wrapped('1', TEN_MS, 'ttl: 1.5s'), 'README.md': '' })
  await follower.until((one) => inForce(one) === 'test-profiler 1 10000000')
})
