import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { inspect } from 'node:util'
import type { ProfileConsumer } from '../../../../src/core/consumer.ts'
import { freePort } from '../../../support/endpoints.ts'
import { type Answer, intake } from '../../../support/intake.ts'
import { profileBatchOf } from '../../../support/profile-window.ts'
import { given, readUpload, sent, setting, until } from './setting.ts'

const API_KEY = '0123456789abcdef0123456789abcdef'
const batch = profileBatchOf({ samples: [{ stack: ['main@app'], count: 3 }] })

const answering =
  (...statuses: readonly number[]): Answer =>
  (response, number) =>
    void response.writeHead(statuses[number] ?? 202).end('said the server')

/** Takes a batch that is sent at once, and fails. */
async function failedOnce(consumer: ProfileConsumer): Promise<void> {
  await consumer.start()
  await given(consumer, [batch])
  await until(() => consumer.outcome().delivery?.retries !== 0)
}

for (const status of [429, 500, 503]) {
  test(`${status} is asked again, with the same bytes and headers`, async (t) => {
    const { open } = setting(t)
    const far = await intake(t, answering(status))
    const consumer = open({ url: far.url, uploadInterval: '1s' })
    await failedOnce(consumer)
    await consumer.stop()
    const [first, second] = far.requests
    assert.equal(far.requests.length, 2)
    assert.deepEqual(second?.body, first?.body)
    assert.deepEqual(second?.rawHeaders, first?.rawHeaders)
    assert.equal(consumer.outcome().written, 3)
  })
}

test('400 is a refusal: it is said, counted, and not asked again', async (t) => {
  const { open, lines } = setting(t)
  const far = await intake(t, answering(400))
  const consumer = open({ url: far.url })
  await sent(consumer, [batch])
  assert.equal(far.requests.length, 1)
  assert.deepEqual(consumer.outcome().lost, { refused: 3 })
  assert.ok(
    lines.some((line) => /^error: .*refuses payloads: answered 400: said the server/.test(line)),
    lines.join('\n'),
  )
})

test('no two uploads share a boundary', async (t) => {
  const { open } = setting(t)
  const far = await intake(t)
  const consumer = open({ url: far.url, uploadInterval: '1s' })
  await sent(consumer, [batch, profileBatchOf({ samples: [{ stack: ['main@app'] }], sequence: 1 })])
  assert.equal(new Set(far.requests.map(({ headers }) => headers['content-type'])).size, 2)
})

test('what no agent took waits on disk, and the next start sends it as it was', async (t) => {
  const { open } = setting(t)
  const port = await freePort()
  const first = open({ url: `http://127.0.0.1:${port}`, uploadInterval: '1s' })
  await failedOnce(first)
  await first.stop()
  assert.equal(first.outcome().spooled, 3)
  const far = await intake(t)
  const second = open({ url: far.url })
  await second.start()
  await far.received(1)
  await second.stop()
  assert.equal(readUpload(far.requests[0] ?? assert.fail()).event.start, '2026-01-02T03:04:05.000Z')
  assert.equal(second.outcome().delivery?.replayed.samples, 3)
})

test('without an agent it goes to the intake, with the key', async (t) => {
  const { open } = setting(t)
  const far = await intake(t)
  const consumer = open({ intakeUrl: `${far.url}/api/v2/profile` }, { DD_API_KEY: API_KEY })
  await sent(consumer, [batch])
  const [request] = far.requests
  assert.equal(request?.path, '/api/v2/profile')
  assert.equal(request?.headers['dd-api-key'], API_KEY)
  assert.deepEqual(readUpload(request ?? assert.fail()).event.attachments, ['cpu.pprof'])
  assert.equal(consumer.outcome().written, 3)
})

test('an agent is not told the key', async (t) => {
  const { open } = setting(t)
  const far = await intake(t)
  await sent(open({ url: far.url, apiKey: API_KEY }, { DD_API_KEY: API_KEY }), [batch])
  const [request] = far.requests
  assert.ok(request !== undefined)
  assert.ok(!inspect(request.rawHeaders).includes(API_KEY) && !request.body.includes(API_KEY))
})

test('a key in a file is read for every request', async (t) => {
  const { open, directory } = setting(t)
  const far = await intake(t)
  const apiKeyFile = join(directory, 'key')
  const consumer = open({ apiKeyFile, intakeUrl: far.url, uploadInterval: '1s' })
  await failedOnce(consumer)
  assert.match(consumer.outcome().delivery?.trouble?.error ?? '', /cannot read the file of the API key .*key/)
  writeFileSync(apiKeyFile, `${API_KEY}\n`)
  await consumer.stop()
  assert.equal(far.requests[0]?.headers['dd-api-key'], API_KEY)
  assert.equal(consumer.outcome().written, 3)
})

test('a changed key is the one that is sent', async (t) => {
  const { open, directory } = setting(t)
  const far = await intake(t)
  const apiKeyFile = join(directory, 'key')
  writeFileSync(apiKeyFile, 'before')
  const consumer = open({ apiKeyFile, intakeUrl: far.url, uploadInterval: '1s' })
  await consumer.start()
  await given(consumer, [batch])
  await until(() => consumer.outcome().written === 3)
  writeFileSync(apiKeyFile, 'after')
  await given(consumer, [profileBatchOf({ samples: [{ stack: ['main@app'] }], sequence: 1 })])
  await consumer.stop()
  assert.deepEqual(
    far.requests.map(({ headers }) => headers['dd-api-key']),
    ['before', 'after'],
  )
})

test('a file that holds more than a key is not sent', async (t) => {
  const { open, directory } = setting(t)
  const far = await intake(t)
  const apiKeyFile = join(directory, 'key')
  writeFileSync(apiKeyFile, `api_key: ${API_KEY}`)
  const consumer = open({ apiKeyFile, intakeUrl: far.url, uploadInterval: '1s' })
  await failedOnce(consumer)
  assert.match(consumer.outcome().delivery?.trouble?.error ?? '', /does not hold one word/)
  await consumer.stop()
  assert.equal(far.requests.length, 0)
})

/** Everything that somebody could read afterwards: files below the directory. */
const filesBelow = (directory: string): readonly string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

test('the key is in no log, status or file, whatever the far side answers', async (t) => {
  const { open, directory, lines } = setting(t)
  const repeatsTheKey: Answer = (response, number) =>
    void response.writeHead([403, 500][number] ?? 500).end(`${API_KEY} is not a key, says "${API_KEY}"`)
  const far = await intake(t, repeatsTheKey)
  const section = { intakeUrl: far.url, uploadInterval: '1s', keepRefused: 5 }
  const consumer = open(section, { DD_API_KEY: API_KEY })
  await consumer.start()
  await given(consumer, [batch])
  await until(() => consumer.outcome().lost.refused === 3)
  await given(consumer, [profileBatchOf({ samples: [{ stack: ['main@app'] }], sequence: 1 })])
  await until(() => consumer.outcome().delivery?.retries !== 0)
  await consumer.stop()
  assert.equal(far.requests[0]?.headers['dd-api-key'], API_KEY)
  assert.equal(consumer.outcome().spooled, 1)
  const files = filesBelow(directory)
  assert.ok(files.some((file) => file.includes('-refused')) && files.length >= 3, files.join())
  for (const file of files) assert.ok(!readFileSync(file).includes(API_KEY), file)
  assert.ok(lines.some((line) => line.includes('is not a key')))
  assert.ok(!lines.join('\n').includes(API_KEY))
  assert.ok(!inspect(consumer.outcome(), { depth: null }).includes(API_KEY))
})

test('a password in the agent’s URL is sent as it should be, and told nobody', async (t) => {
  const { open, lines } = setting(t)
  const far = await intake(t, answering(500))
  const url = far.url.replace('http://', 'http://sonde:hunter2@')
  const consumer = open({ url, uploadInterval: '1s' })
  await failedOnce(consumer)
  await consumer.stop()
  assert.match(String(far.requests[0]?.headers.authorization), /^Basic /)
  assert.ok(!lines.join('\n').includes('hunter2'))
  assert.ok(!inspect(consumer.outcome(), { depth: null }).includes('hunter2'))
})

test('a key that cannot be a header is refused without repeating it', async (t) => {
  const { open } = setting(t)
  await assert.rejects(open({ apiKey: `${API_KEY}\nx: y` }).start(), (error: Error) => {
    assert.ok(!error.message.includes(API_KEY))
    assert.match(error.message, /dd-api-key/)
    return true
  })
})
