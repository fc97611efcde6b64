import assert from 'node:assert/strict'
import { test } from 'node:test'
import protobuf from 'protobufjs/minimal.js'
import type { Delivery } from '../../../src/core/delivery.ts'
import { milliseconds } from '../../../src/core/units.ts'
import { datadogResponse } from '../../../src/transport/datadog-response.ts'
import {
  type OtlpJudgement,
  otlpGrpcResponse,
  otlpHttpResponse,
} from '../../../src/transport/otlp-response.ts'
import { parseRpcStatus } from '../../../src/transport/rpc-status.ts'

const PROTOBUF = 'application/x-protobuf'
/** Sun, 06 Nov 1994 08:49:37 GMT. */
const NOW = Date.UTC(1994, 10, 6, 8, 49, 37)

function partialSuccess(rejected: number, message: string): Uint8Array {
  const inner = protobuf.Writer.create()
  if (rejected !== 0) inner.uint32(8).int64(rejected)
  if (message !== '') inner.uint32(18).string(message)
  return protobuf.Writer.create().uint32(10).bytes(inner.finish()).finish()
}

const answer = (
  status: number,
  type: string | undefined,
  body: string | Uint8Array = '',
  judgement: OtlpJudgement = {},
): Delivery =>
  otlpHttpResponse(
    { status, headers: type === undefined ? {} : { 'content-type': type }, body: Buffer.from(body) },
    { ...judgement, now: () => NOW },
  )

const reasonOf = (delivery: Delivery): string => ('reason' in delivery ? delivery.reason : '')

test('200 with an OTLP response, empty or not, is accepted', () => {
  const accepted = { outcome: 'accepted', rejectedProfiles: 0, message: '' }
  assert.deepEqual(answer(200, PROTOBUF), accepted)
  assert.deepEqual(answer(200, 'Application/Protobuf; charset=utf-8'), accepted)
  assert.deepEqual(answer(200, PROTOBUF, partialSuccess(0, '')), accepted)
})

test('any other 2xx with an OTLP response is accepted, too, and one with something else is not', () => {
  for (const status of [201, 202, 299]) {
    assert.equal(answer(status, PROTOBUF).outcome, 'accepted')
    assert.equal(answer(status, PROTOBUF, partialSuccess(3, 'no')).outcome, 'accepted')
    assert.equal(answer(status, 'text/plain', 'thanks').outcome, 'refused')
  }
})

test('profiles that an OTLP server rejected are told with its words, and so is a warning', () => {
  assert.deepEqual(answer(200, PROTOBUF, partialSuccess(3, 'no\nroom')), {
    outcome: 'accepted',
    rejectedProfiles: 3,
    message: 'no room',
  })
  assert.deepEqual(answer(200, PROTOBUF, partialSuccess(0, 'old version')), {
    outcome: 'accepted',
    rejectedProfiles: 0,
    message: 'old version',
  })
})

test('a 200 that is no OTLP response is a refusal that shows what came', () => {
  const page = answer(200, 'text/html', '<!doctype html><title>Parca</title>')
  assert.equal(page.outcome, 'refused')
  assert.match(reasonOf(page), /answered 200 with text\/html \('<!doctype html>.*is this an OTLP endpoint\?/)
  assert.match(reasonOf(answer(200, undefined)), /no content type \(an empty body\)/)
  assert.equal(answer(200, 'text/plain').outcome, 'refused')
  assert.equal(answer(200, PROTOBUF, '<!doctype html>').outcome, 'refused')
  assert.equal(answer(204, undefined).outcome, 'refused')
})

test('429, 502, 503 and 504 of OTLP are tried again, after what Retry-After says', () => {
  for (const status of [429, 502, 503, 504]) assert.equal(answer(status, 'text/plain').outcome, 'retry')
  const asked = (value: string): unknown =>
    otlpHttpResponse(
      { status: 503, headers: { 'retry-after': value }, body: Buffer.alloc(0) },
      { now: () => NOW },
    )
  const after = (value: string): unknown => (asked(value) as { after: unknown }).after
  assert.equal(after('120'), 120_000)
  assert.equal(after('Sun, 06 Nov 1994 08:50:37 GMT'), 60_000)
  assert.equal(after('Sun, 06 Nov 1994 08:00:00 GMT'), 0)
  for (const nonsense of ['soon', '-1', '1994-11-06', '']) assert.equal(after(nonsense), undefined)
})

test('who stands between may say 502 or 504 of what was taken; 429 and 503 are not taken', () => {
  const perhaps = (status: number): unknown =>
    (answer(status, 'text/plain') as { perhapsTaken: unknown }).perhapsTaken
  assert.deepEqual([429, 502, 503, 504].map(perhaps), [false, true, false, true])
})

test('every other answer of OTLP is a refusal with the words of its status, in one short line', () => {
  for (const status of [400, 401, 403, 404, 408, 413, 500, 501]) {
    assert.equal(answer(status, 'text/plain', 'no').outcome, 'refused', String(status))
  }
  const said = protobuf.Writer.create().uint32(8).int32(3).uint32(18).string('bad\u0007 dictionary').finish()
  assert.equal(reasonOf(answer(400, PROTOBUF, said)), 'answered 400: bad dictionary')
  const long = reasonOf(answer(400, 'text/plain', 'x\r\n'.repeat(5000)))
  assert.ok(long.length < 330 && !/[\r\n]/.test(long), long)
})

test('what a backend answers to failures that pass is tried again where it is known for that, and may have been taken', () => {
  const known: OtlpJudgement = { retriesToo: [500, 'UNKNOWN'] }
  const failure = { message: 'a segment writer is gone', retryAfter: undefined, body: undefined }
  for (const delivery of [
    answer(500, 'text/plain', 'no', known),
    otlpGrpcResponse({ ...failure, code: 2 }, known),
  ]) {
    assert.equal(delivery.outcome === 'retry' && delivery.perhapsTaken, true, JSON.stringify(delivery))
  }
  assert.equal(otlpGrpcResponse({ ...failure, code: 2 }).outcome, 'refused')
  assert.equal(answer(501, 'text/plain', 'no', known).outcome, 'refused')
  assert.equal(otlpGrpcResponse({ ...failure, code: 13 }, known).outcome, 'refused')
})

const retryInfo = (seconds: number, nanos: number): Uint8Array => {
  const duration = protobuf.Writer.create().uint32(8).int64(seconds).uint32(16).int32(nanos).finish()
  const info = protobuf.Writer.create().uint32(10).bytes(duration).finish()
  const any = protobuf.Writer.create()
    .uint32(10)
    .string('type.googleapis.com/google.rpc.RetryInfo')
    .uint32(18)
    .bytes(info)
    .finish()
  return protobuf.Writer.create().uint32(8).int32(8).uint32(26).bytes(any).finish()
}

test('RetryInfo is found among the details of a status', () => {
  assert.equal(parseRpcStatus(retryInfo(2, 500_000_000))?.retryAfter, 2500)
  assert.equal(parseRpcStatus(retryInfo(-2, 0))?.retryAfter, 0)
  assert.equal(parseRpcStatus(Buffer.from('<html>')), undefined)
})

test('a status cut anywhere is no error of ours', () => {
  const whole = retryInfo(2, 0)
  for (let length = 0; length < whole.length; length++) {
    assert.doesNotThrow(() => parseRpcStatus(whole.subarray(0, length)))
  }
})

test('gRPC: the retry class of each status is that of the OTLP specification', () => {
  const outcome = (code: number, retryAfter?: number): string =>
    otlpGrpcResponse({
      code,
      message: '',
      retryAfter: retryAfter === undefined ? undefined : milliseconds(retryAfter),
      body: undefined,
    }).outcome
  const again = [1, 4, 10, 11, 14, 15]
  for (let code = 1; code <= 20; code++) {
    assert.equal(outcome(code), again.includes(code) ? 'retry' : 'refused', String(code))
  }
  assert.equal(outcome(8, 5), 'retry')
  assert.equal(outcome(0), 'refused')
})

test('Datadog takes any 2xx, asks again after 408, 429 and 5xx, and refuses with its first line', () => {
  const judged = (status: number, body = ''): Delivery =>
    datadogResponse({ status, headers: { 'retry-after': '7' }, body: Buffer.from(body) })
  for (const status of [200, 202, 204]) assert.equal(judged(status).outcome, 'accepted')
  for (const status of [408, 429, 500, 502, 503]) {
    assert.equal((judged(status) as { after: unknown }).after, 7000, String(status))
  }
  assert.deepEqual(judged(403, '\n{"error": "Forbidden"}\nmore'), {
    outcome: 'refused',
    reason: 'answered 403: {"error": "Forbidden"}',
  })
})
