import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProfileBatch } from '../../../src/core/profile.ts'
import { namesOf } from '../../../src/core/symbolizer.ts'
import { batchesOf } from '../../../src/core/window-view.ts'
import type { NativeJitResult } from '../../../src/native/binding.ts'
import { createGeneratedCodeSymbolizer } from '../../../src/symbols/generated-code.ts'
import { runtimeWindow } from '../../support/runtime-window.ts'

/** Names one address `made`, when it is told to. */
function slowNamer() {
  const { promise, resolve } = Promise.withResolvers<void>()
  const result: NativeJitResult = {
    systemNames: ['made'],
    functions: ['made'],
    name: Uint32Array.of(1),
    offset: Uint32Array.of(0),
    files: [],
    file: Uint32Array.of(0),
    line: Uint32Array.of(0),
    problem: '',
  }
  const openJitNames = () => ({
    name: async () => {
      await promise
      return [result]
    },
    cacheBytes: () => 0,
    close: () => undefined,
  })
  const policy = { sources: ['perf_map'] } as const
  const options = { addon: { openJitNames }, limitMs: () => 10, maxCacheBytes: 10, policy }
  return { symbolizer: createGeneratedCodeSymbolizer(options), answer: resolve }
}

async function madeCode(): Promise<ProfileBatch> {
  const { buffer, sessions } = await runtimeWindow([[{ anonymous: true }]])
  return batchesOf(buffer, sessions)[0] ?? assert.fail()
}

test('an aborted signal ends the wait for a process’s files, and others that wait get the names', async () => {
  const { symbolizer, answer } = slowNamer()
  const batch = await madeCode()
  const abort = new AbortController()
  const hurried = symbolizer.name(batch, abort.signal)
  const patient = symbolizer.name(batch, new AbortController().signal)
  abort.abort(new Error('window too late'))
  await assert.rejects(hurried, /window too late/)
  answer()
  assert.deepEqual(
    namesOf(await patient, 0).map((name) => name.function),
    ['made'],
  )
  await assert.rejects(symbolizer.name(batch, abort.signal), /window too late/)
})
