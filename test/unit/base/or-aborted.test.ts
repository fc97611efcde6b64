import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orAborted } from '../../../src/base/or-aborted.ts'

const NEVER = new Promise<never>(() => undefined)

test('what ends in time is as if nothing could have ended it', async () => {
  const { signal } = new AbortController()
  assert.equal(await orAborted(Promise.resolve(3), signal), 3)
  await assert.rejects(orAborted(Promise.reject(new Error('broken')), signal), /broken/)
})

test('an abort ends the wait at once, with its reason', async () => {
  const abort = new AbortController()
  const waiting = orAborted(NEVER, abort.signal)
  abort.abort(new Error('too late'))
  await assert.rejects(waiting, /too late/)
})

test('who begins to wait after the abort does not', async () => {
  await assert.rejects(orAborted(NEVER, AbortSignal.abort(new Error('too late'))), /too late/)
})
