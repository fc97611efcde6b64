import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callGraphFor, chooseBackEnd } from '../../../src/sampler/back-end.ts'

const able = { mayLoadBpf: true, perfmon: true, hasBtf: true, inFirstPidNamespace: true, events: 1 }

test('auto takes BPF where it may be loaded, and says in a clause why not where it may not', () => {
  assert.equal(chooseBackEnd(able).backEnd, 'bpf')
  assert.deepEqual(chooseBackEnd({ ...able, mayLoadBpf: false }), {
    backEnd: 'perf',
    why: 'BPF programs need CAP_BPF',
  })
  assert.match(chooseBackEnd({ ...able, perfmon: false }).why, /CAP_PERFMON/)
  assert.match(chooseBackEnd({ ...able, hasBtf: false }).why, /BTF/)
  assert.match(chooseBackEnd({ ...able, inFirstPidNamespace: false }).why, /hostPID/)
  assert.match(chooseBackEnd({ ...able, events: 9 }).why, /at most 8 events/)
})

test('BPF copies up to 16 KiB of a stack, perf 8 KiB, unless somebody says how many', () => {
  const asked = { method: 'dwarf', stackBytes: undefined } as const
  assert.deepEqual(callGraphFor(asked, 'bpf'), { method: 'dwarf', stackBytes: 16_384 })
  assert.deepEqual(callGraphFor(asked, 'perf'), { method: 'dwarf', stackBytes: 8_192 })
  assert.deepEqual(callGraphFor({ ...asked, stackBytes: 4_096 }, 'bpf'), {
    method: 'dwarf',
    stackBytes: 4_096,
  })
  assert.deepEqual(callGraphFor({ method: 'fp' }, 'bpf'), { method: 'fp' })
})
