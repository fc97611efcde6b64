import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { askAgent } from '../../../src/cli/ask-agent.ts'
import { STATUS_SOCKET, type Status } from '../../../src/core/status.ts'
import { type StatusServerOptions, serveStatus } from '../../../src/server/status-server.ts'
import { temporaryDirectory } from '../../support/sonde.ts'

const STATUS: Status = {
  version: 1,
  agentVersion: '0.1.0',
  pid: 7,
  state: 'running',
  startedAt: '2026-01-02T03:04:05.000Z',
  dataDirectory: '/data',
  windows: { closed: 0, newestEnd: null },
  sessions: [],
  configuration: null,
  endedSessions: { sessions: 0, taken: 0, lost: {}, leftOut: {} },
  sampler: { backEnd: 'perf', filterProblem: null, cpus: [] },
  filter: [],
  flightRecorder: null,
  consumers: {},
}

async function serving(context: TestContext, changes: Partial<StatusServerOptions> = {}) {
  const directory = temporaryDirectory(context)
  const path = join(directory, STATUS_SOCKET)
  const server = await serveStatus({ path, status: () => STATUS, ...changes })
  context.after(() => server.close())
  return { directory, path, server }
}

test('whoever asks gets the status, and only its owner may', async (context) => {
  const { directory, path } = await serving(context)
  assert.deepEqual(JSON.parse(await askAgent(directory)), STATUS)
  assert.equal(lstatSync(path).mode & 0o777, 0o600)
})

test('integers that no double holds arrive digit for digit', async (context) => {
  const session = {
    config: null,
    event: 'cpu-clock',
    period: 2n ** 60n + 1n,
    unit: 'nanoseconds',
    callGraph: { method: 'fp' },
    cpus: [0],
    taken: 1,
    lost: {},
    leftOut: {},
  } as const
  const { directory } = await serving(context, { status: () => ({ ...STATUS, sessions: [session] }) })
  assert.match(await askAgent(directory), /"period": 1152921504606846977,/)
})

test('the socket is gone when it is closed', async (context) => {
  const { directory, path, server } = await serving(context)
  await server.close()
  await server.close()
  assert.ok(!existsSync(path))
  await assert.rejects(askAgent(directory), {
    code: 'STATUS.NO_AGENT',
    message: `No agent runs with the data directory ${directory} (there is no status.sock in it).\nStart one: sonde run --data-directory ${directory}`,
  })
})

/** A socket that nobody serves any more, as a killed process leaves it. */
async function leaveSocket(path: string): Promise<void> {
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
  const { spawn } = await import('node:child_process')
  await once(spawn(process.execPath, ['-e', script, path]), 'exit')
  assert.ok(lstatSync(path).isSocket())
}

test('the socket of an agent that was killed is no agent, and is replaced', async (context) => {
  const directory = temporaryDirectory(context)
  const path = join(directory, STATUS_SOCKET)
  await leaveSocket(path)
  await assert.rejects(askAgent(directory), { code: 'STATUS.NO_AGENT', message: /was killed/ })
  const server = await serveStatus({ path, status: () => STATUS })
  context.after(() => server.close())
  assert.deepEqual(JSON.parse(await askAgent(directory)), STATUS)
})

test('a file of that name is somebody’s, and stays', async (context) => {
  const path = join(temporaryDirectory(context), STATUS_SOCKET)
  writeFileSync(path, 'mine')
  await assert.rejects(serveStatus({ path, status: () => STATUS }), { code: 'STATUS.NO_SOCKET' })
  assert.equal(readFileSync(path, 'utf8'), 'mine')
})

test('a path that is too long for a socket is said with its length, and nothing is made elsewhere', async (context) => {
  const path = join(temporaryDirectory(context), 'x'.repeat(120), STATUS_SOCKET)
  await assert.rejects(serveStatus({ path, status: () => STATUS }), {
    code: 'STATUS.NO_SOCKET',
    message: new RegExp(`its path has ${path.length} bytes, and sockets may have 107`),
  })
})

/** Resolves when the other side has hung up, with what it said. */
async function hungUp(path: string, says = ''): Promise<string> {
  const client = connect(path)
  let heard = ''
  client.on('data', (text) => {
    heard += String(text)
  })
  client.on('error', () => undefined)
  client.write(says)
  await new Promise<void>((resolve) => client.on('close', () => resolve()))
  return heard
}

test('a client that says nothing, or not enough, is sent away', async (context) => {
  const { directory, path } = await serving(context, { patienceMs: 50 })
  await Promise.all([hungUp(path), hungUp(path, 'GET /sta')])
  assert.deepEqual(JSON.parse(await askAgent(directory)), STATUS)
})

test('more clients than a few are sent away at once, and those there are are answered', async (context) => {
  const { path } = await serving(context)
  const waiting = Array.from({ length: 4 }, () => connect(path).on('error', () => undefined))
  await Promise.all(waiting.map((client) => once(client, 'connect')))
  assert.equal(await hungUp(path, 'GET /status HTTP/1.1\r\nHost: x\r\n\r\n'), '')
  const [first] = waiting
  assert.ok(first !== undefined)
  const answer = once(first, 'data')
  first.write('GET /status HTTP/1.1\r\nHost: x\r\n\r\n')
  assert.match(String(await answer), /^HTTP\/1\.1 200 /)
  for (const client of waiting) client.destroy()
})

test('anything but the status is not there', async (context) => {
  const { path } = await serving(context)
  assert.match(await hungUp(path, 'GET /other HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 404 /)
  assert.match(await hungUp(path, 'POST /status HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 404 /)
})

test('a status that cannot be put together is told, and the next one is given', async (context) => {
  let broken = true
  const { directory } = await serving(context, {
    status() {
      if (broken) throw new Error('no figures')
      return STATUS
    },
  })
  await assert.rejects(askAgent(directory), { code: 'STATUS.NO_ANSWER', message: /HTTP 500 no figures/ })
  broken = false
  assert.deepEqual(JSON.parse(await askAgent(directory)), STATUS)
})

test('an answer without end is not read to its end', async (context) => {
  const directory = temporaryDirectory(context)
  const endless = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    socket.write(Buffer.alloc(8 * 2 ** 20, 32))
  })
  endless.listen(join(directory, STATUS_SOCKET))
  await once(endless, 'listening')
  context.after(() => endless.close())
  await assert.rejects(askAgent(directory), { message: /its answer exceeds 4194304 bytes/ })
})

test('an answer that is cut off is none', async (context) => {
  const directory = temporaryDirectory(context)
  const broken = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"version": 1')
  })
  broken.listen(join(directory, STATUS_SOCKET))
  await once(broken, 'listening')
  context.after(() => broken.close())
  await assert.rejects(askAgent(directory), { code: 'STATUS.NO_ANSWER' })
})
