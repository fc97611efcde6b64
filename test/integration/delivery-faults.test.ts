// Endpoints that refuse, hang, break off or speak something else, as whoever runs the agent meets them.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { deliveringAgent, deliveryIn, spooledFor, wholeMachine } from '../support/delivering-agent.ts'
import { freePort, rawServer } from '../support/endpoints.ts'
import { intake } from '../support/intake.ts'
import { sum, temporaryDirectory } from '../support/sonde.ts'

interface Refusal {
  readonly what: string
  readonly answer: (response: ServerResponse) => void
  readonly said: RegExp
}

const REFUSALS: readonly Refusal[] = [
  {
    what: '400',
    answer: (response) => response.writeHead(400, { 'content-type': 'text/plain' }).end('no such tenant'),
    said: /answered 400\b.*no such tenant/,
  },
  {
    what: '200 with a web page',
    answer: (response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome to nginx</html>'),
    said: /answered 200 with text\/html .*Welcome to nginx.*no OTLP response/,
  },
  { what: '413', answer: (response) => response.writeHead(413).end(), said: /answered 413/ },
]

for (const { what, answer, said } of REFUSALS) {
  test(
    `payloads that are refused (${what}) are counted, told once, and the agent’s exit code says so`,
    wholeMachine,
    async (t) => {
      const cwd = temporaryDirectory(t)
      const collector = await intake(t, answer)
      const agent = await deliveringAgent(t, {
        cwd,
        consumers: { otlp_profiles: { endpoint: collector.url, keepRefused: 2 } },
      })
      const status = await agent.statusThat((now) => (deliveryIn(now).dropped.refused?.payloads ?? 0) >= 2)
      assert.match(status.consumers.otlp_profiles?.trouble?.error ?? '', said)
      const { code, summary, text } = await agent.end()
      assert.equal(code, 1)
      const { taken } = summary.samples
      assert.equal(summary.consumers.otlp_profiles?.failed, taken)
      assert.equal(summary.consumers.otlp_profiles?.delivered, 0)
      assert.equal(summary.consumers.perf_data?.delivered, taken)
      assert.equal(text.match(/refuses payloads/g)?.length, 1, text)
      assert.match(agent.logged(), said)
      const problem = `sonde run: otlp_profiles: ${taken} samples were refused by the endpoint.`
      assert.ok(text.includes(problem), text)
      assert.deepEqual(spooledFor(cwd, 'otlp_profiles'), [])
      assert.equal(spooledFor(cwd, 'otlp_profiles-refused').length, 4, 'the two newest, each with its story')
    },
  )
}

const slowly = (socket: Socket): void => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n'
  socket.resume()
  const timer = setInterval((left) => socket.write(left.shift() ?? ''), 1_000, [...answer])
  socket.on('close', () => clearInterval(timer))
}

const FAULTS: Readonly<Record<string, (socket: Socket) => void>> = {
  'an answer of one byte a second': slowly,
  'a half-open connection': (socket) => void socket.pause(),
  'a reset in the middle of the body': (socket) => void socket.once('data', () => socket.resetAndDestroy()),
  'another protocol': (socket) => void socket.end('SSH-2.0-OpenSSH_9.9\r\n'),
}

type Fault = keyof typeof FAULTS

const FAULTS_BESIDE_EACH_OTHER: readonly (readonly [otlp: Fault, datadog: Fault, protocol?: 'grpc'])[] = [
  ['an answer of one byte a second', 'a half-open connection'],
  ['a half-open connection', 'an answer of one byte a second'],
  ['a half-open connection', 'a reset in the middle of the body', 'grpc'],
  ['a reset in the middle of the body', 'another protocol'],
  ['another protocol', 'a reset in the middle of the body'],
]

for (const [ofOtlp, ofDatadog, protocol] of FAULTS_BESIDE_EACH_OTHER) {
  const name = `${ofOtlp}${protocol === undefined ? '' : ' over gRPC'}, and ${ofDatadog}`
  test(`the agent ends in time and all is on disk: ${name}`, wholeMachine, async (t) => {
    const cwd = temporaryDirectory(t)
    const endpointThat = async (fault: Fault) =>
      `http://127.0.0.1:${await rawServer(t, FAULTS[fault] ?? assert.fail(fault))}`
    // What an attempt may take is far more than the time to stop.
    const timeout = '120s'
    const agent = await deliveringAgent(t, {
      cwd,
      consumers: {
        otlp_profiles: { endpoint: await endpointThat(ofOtlp), timeout, ...(protocol && { protocol }) },
        datadog_pprof: { url: await endpointThat(ofDatadog), timeout, uploadInterval: '1s' },
      },
    })
    await agent.statusThat((status) => deliveryIn(status).spooled.payloads >= 2)
    const { code, summary, stopMs, text } = await agent.end()
    assert.ok(stopMs < 30_000, `${stopMs} ms`)
    assert.equal(code, 0, text)
    const { taken } = summary.samples
    const all = { delivered: taken, failed: 0, dropped: 0, spooled: taken }
    for (const consumer of ['otlp_profiles', 'datadog_pprof']) {
      const { delivered, failed, dropped, spooled } = summary.consumers[consumer] ?? assert.fail(consumer)
      assert.deepEqual({ delivered, failed, dropped, spooled }, all)
      assert.equal(sum(spooledFor(cwd, consumer).map(({ samples }) => samples)), taken)
      assert.match(text, new RegExp(`${consumer}: nothing to .*, [\\d,]+ samples kept on disk`))
    }
    assert.equal(summary.consumers.perf_data?.delivered, taken)
  })
}

/** Resident memory, in MiB. */
const residentOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

test('memory does not grow while an endpoint is down', wholeMachine, async (t) => {
  const cwd = temporaryDirectory(t)
  const url = `http://127.0.0.1:${await freePort()}`
  const { child, end } = await deliveringAgent(t, {
    cwd,
    window: '100ms',
    consumers: { otlp_profiles: { endpoint: url }, datadog_pprof: { url, uploadInterval: '1s' } },
  })
  const resident: number[] = []
  for (let second = 0; second < 20; second++) {
    await sleep(1_000)
    resident.push(residentOf(child.pid ?? 0))
  }
  const early = Math.max(...resident.slice(4, 9))
  const late = Math.min(...resident.slice(-5))
  assert.ok(late < early + 48, `${resident.map(Math.round).join(' ')} MiB`)
  const { summary } = await end()
  const { payloads, spooled } = {
    payloads: spooledFor(cwd, 'otlp_profiles').length,
    spooled: summary.consumers.otlp_profiles?.spooled,
  }
  assert.ok(payloads > 20)
  assert.equal(spooled, summary.samples.taken)
  t.diagnostic(`${resident.map(Math.round).join(' ')} MiB, ${payloads} payloads`)
})
