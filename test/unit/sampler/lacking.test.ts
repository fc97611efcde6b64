import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lackingNotices } from '../../../src/sampler/lacking.ts'
import type { Privileges } from '../../../src/sampler/privileges.ts'
import { parseEvent } from '../../support/parsed-event.ts'

const allFour = (changes: Partial<Privileges> = {}): Privileges => ({
  bpf: true,
  perfmon: true,
  sysPtrace: true,
  syslog: true,
  paranoid: 2,
  kptrRestrict: 0,
  maxSampleRate: 100_000,
  maxStack: 127,
  ...changes,
})
const everything = [parseEvent('cpu-clock')]
const userMode = [parseEvent('cpu-clock:u')]

test('with the four capabilities nothing is lacking', () => {
  assert.deepEqual(lackingNotices('cpus', everything, allFour()), [])
})

test('without CAP_SYS_PTRACE the whole machine lacks what other users’ processes see', () => {
  const [notice, ...others] = lackingNotices('cpus', everything, allFour({ sysPtrace: false }))
  assert.match(notice ?? '', /^CAP_SYS_PTRACE is missing\. .*other users' processes/)
  assert.deepEqual(others, [])
  assert.deepEqual(lackingNotices('command', everything, allFour({ sysPtrace: false })), [])
})

test('without CAP_SYSLOG the kernel’s names are lacking, where the kernel is sampled and hides them', () => {
  const without = (changes: Partial<Privileges> = {}) => allFour({ syslog: false, ...changes })
  assert.match(lackingNotices('cpus', everything, without()).join(), /^CAP_SYSLOG is missing\. .*names/)
  assert.match(
    lackingNotices('command', everything, without({ kptrRestrict: 1, paranoid: -1 })).join(),
    /SYSLOG/,
  )
  assert.deepEqual(lackingNotices('cpus', userMode, without()), [])
  assert.deepEqual(lackingNotices('cpus', everything, without({ paranoid: 1 })), [], 'everybody may see them')
})

test('kptr_restrict 2 hides them from everybody, and is named instead', () => {
  const notices = lackingNotices('cpus', everything, allFour({ kptrRestrict: 2 }))
  assert.match(notices.join(), /kernel\.kptr_restrict is 2\. Set it to 0 or 1\.$/)
})
