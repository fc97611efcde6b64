import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CapabilityDrop, NativeDropReport } from '../../../src/native/binding.ts'
import { leaveNothingTo, lockDown } from '../../../src/sampler/capability-drop.ts'

const DONE: NativeDropReport = { threads: 9, failed: [], boundingKept: false }
const STUCK: NativeDropReport = {
  ...DONE,
  failed: [{ tid: 7, name: 'sonde-rows', reason: 'it did not answer within 1000 ms (D (disk sleep))' }],
}

function addonThat(answers: () => NativeDropReport) {
  const asked: CapabilityDrop[] = []
  const dropCapabilities = (what: CapabilityDrop): NativeDropReport => {
    asked.push(what)
    return answers()
  }
  return { asked, addon: { dropCapabilities } }
}
const refusing = (): never => {
  throw new Error('open(/proc/self/task): ENOENT')
}
const status = (mask: string): string => `Name:\tnode\nCapEff:\t${mask}\n`

test('commands keep what they would have without Sonde, helpers keep nothing', () => {
  const { asked, addon } = addonThat(() => DONE)
  assert.deepEqual([leaveNothingTo('commands', addon), leaveNothingTo('helpers', addon)], [[], []])
  assert.deepEqual(asked, ['inherited', 'bounding'])
})

test('a bounding set that may not be changed is what an agent without CAP_SETPCAP has: nothing is said', () => {
  const { addon } = addonThat(() => ({ ...DONE, boundingKept: true }))
  assert.deepEqual(leaveNothingTo('helpers', addon), [])
})

test('what could not be dropped is said with thread and reason, and the agent runs on', () => {
  assert.match(
    leaveNothingTo('helpers', addonThat(() => STUCK).addon).join(),
    /may get its capabilities: thread 7 \(sonde-rows\): .* 1000 ms/,
  )
  assert.match(leaveNothingTo('helpers', addonThat(refusing).addon).join(), /open\(\/proc\/self\/task\)/)
})

test('lock-down says what stops working of that which worked', () => {
  const { asked, addon } = addonThat(() => DONE)
  const all = lockDown(addon, status('000000c400080000'))
  assert.match(all, /CPUs that come later.*other users' processes.*kernel modules/)
  const some = lockDown(addon, status('0000004000000000'))
  assert.match(some, /CPUs that come later/)
  assert.doesNotMatch(some, /other users|modules/)
  assert.match(lockDown(addon, status('0000000000000000')), /nothing stops working/)
  assert.deepEqual(asked, ['all', 'all', 'all'])
})

test('lock-down that leaves a thread its capabilities is refused', () => {
  const failure = { code: 'LOCK_DOWN.FAILED', message: /thread 7 \(sonde-rows\)/ }
  assert.throws(() => lockDown(addonThat(() => STUCK).addon, ''), failure)
  assert.throws(() => lockDown(addonThat(refusing).addon, ''), { code: 'LOCK_DOWN.FAILED' })
})
