import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { WorkerClient, workerEntry } from '../../../src/base/worker-client.ts'

/** Counts its requests; answers, fails or dies as it is told. */
const CODE = `
import { parentPort } from 'node:worker_threads'
let requests = 0
parentPort.on('message', ({ id, message }) => {
  requests++
  if (message === 'exit') process.exit(3)
  if (message === 'throw') throw new Error('thrown in the thread')
  if (message === 'fail') parentPort.postMessage({ id, outcome: 'failed', error: new Error('no'), code: 'TEST.NO' })
  else parentPort.postMessage({ id, outcome: 'done', value: [message, requests] })
})`

async function clientOf(t: TestContext, code = CODE): Promise<WorkerClient> {
  const directory = await mkdtemp(join(tmpdir(), 'sonde-worker-'))
  const file = join(directory, 'worker.mjs')
  await writeFile(file, code)
  const client = new WorkerClient(pathToFileURL(file))
  t.after(async () => {
    await client.close()
    await rm(directory, { recursive: true, force: true })
  })
  return client
}

test('answers go to who asked, in one thread that keeps its state', async (t) => {
  const client = await clientOf(t)
  const answers = await Promise.all(['a', 'b', 'c'].map((message) => client.request(message)))
  assert.deepEqual(answers, [
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ])
})

test('an error of the thread’s code is the request’s, with its code', async (t) => {
  const client = await clientOf(t)
  await assert.rejects(client.request('fail'), { message: 'no', code: 'TEST.NO' })
  assert.deepEqual(await client.request('on'), ['on', 2])
})

test('when the thread dies every request under way is rejected, and the next one has a new thread', async (t) => {
  const client = await clientOf(t)
  const dying = [client.request('throw'), client.request('lost')]
  for (const request of dying) await assert.rejects(request, /worker thread ended: thrown in the thread/)
  assert.deepEqual(await client.request('again'), ['again', 1])
  await assert.rejects(client.request('exit'), /exit code 3/)
})

test('closing ends the thread, is safe twice, and a request afterwards starts anew', async (t) => {
  const client = await clientOf(t)
  await client.close()
  await client.request('a')
  const lost = assert.rejects(client.request('b'), /worker thread ended/)
  await client.close()
  await lost
  await client.close()
  assert.deepEqual(await client.request('c'), ['c', 1])
})

test('code that cannot be loaded is a rejection that says so', async (t) => {
  const client = await clientOf(t, 'import "./not-there.mjs"')
  await assert.rejects(client.request('a'), /not-there/)
})

test('the thread’s code lies beside the module that asks, in the sources and in the bundle', () => {
  assert.equal(workerEntry('file:///sonde/src/agent.ts', 'worker').href, 'file:///sonde/src/worker.ts')
  assert.equal(workerEntry('file:///sonde/dist/agent-XY.mjs', 'worker').href, 'file:///sonde/dist/worker.mjs')
})
