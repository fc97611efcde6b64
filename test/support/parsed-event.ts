import assert from 'node:assert/strict'
import type { EventInfo } from '../../src/core/profile.ts'
import { checkEventName } from '../../src/sampler/events/choose.ts'

/** An event that needs no look at the machine. */
export function parseEvent(text: string): EventInfo {
  const info = checkEventName(text)
  assert.ok(info !== undefined, text)
  return info
}
