import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpenSources } from '../../../src/core/open-sources.ts'
import type { ProfileBatch } from '../../../src/core/profile.ts'
import { WindowBuilder } from '../../../src/core/window-builder.ts'
import { batchesOf } from '../../../src/core/window-view.ts'
import { sessionInfo } from '../../support/session.ts'
import { nightSession, sideBySide, webSession } from '../../support/sources.ts'

/** One window of two sessions. */
function windowOfTwo(sequence: number, isLast: boolean): readonly ProfileBatch[] {
  const builder = new WindowBuilder()
  const sessions = [sessionInfo({ id: 1 }), sessionInfo({ id: 2 })]
  for (const { id } of sessions) builder.addSession(id)
  return batchesOf(builder.build({ start: 0n, end: 1n, unixOffset: 0n, sequence }), sessions, { isLast })
}

test('a source is over when every session of its last window has come', () => {
  const sources = new OpenSources<string>()
  const [first, second] = windowOfTwo(3, true)
  assert.ok(first !== undefined && second !== undefined)
  sources.note(first).kept = 'kept'
  assert.deepEqual(sources.takeEnded(first), [])
  sources.note(second)
  assert.deepEqual(
    sources.takeEnded(second).map(({ kept }) => kept),
    ['kept'],
  )
  assert.deepEqual(sources.open, [])
})

test('a batch of the next window does not complete the one before', () => {
  const sources = new OpenSources<string>()
  const [first] = windowOfTwo(0, false)
  const [, second] = windowOfTwo(1, true)
  assert.ok(first !== undefined && second !== undefined)
  sources.note(first)
  assert.equal(sources.note(second).isWindowComplete, false)
  assert.deepEqual(sources.takeEnded(second), [])
})

test('what stays away for two of its windows and a minute, while others go on, is not waited for', () => {
  const sources = new OpenSources<string>()
  const [hourly] = sideBySide([{ session: webSession(), windowSeconds: 3_600, samples: [1] }])
  const others = sideBySide([
    { session: nightSession(), windowSeconds: 10, samples: Array.from({ length: 1_100 }, () => 0) },
  ])
  assert.ok(hourly !== undefined)
  sources.note(hourly).kept = 'hourly'
  const endedAt = others.findIndex((batch) => {
    sources.note(batch)
    return sources.takeEnded(batch).length > 0
  })
  // It ended after 3,600 s: 7,260 s later is the end of window 1,086, and the next one is behind that.
  assert.equal(endedAt, 1_086)
  assert.equal(sources.open.length, 1)
})
