import assert from 'node:assert/strict'
import test from 'node:test'
import { encodeFolded } from '../../../../src/formats/folded/folded.ts'
import { profileOf } from '../../../support/aggregated.ts'
import type { TestSample } from '../../../support/profile-window.ts'

const foldedOf = (samples: readonly TestSample[]): string =>
  new TextDecoder().decode(encodeFolded(profileOf([{ samples }])))

test('thread first, frames root first, then the number of samples', () => {
  assert.equal(foldedOf([{ stack: ['leaf@app', 'main@app'], comm: 'web', count: 3 }]), 'web;main;leaf 3\n')
})

test('kernel, inlined and JIT frames are marked', () => {
  const stack = ['schedule@kernel', 'compiled@anon', 'inner|outer@app', 'main@app']
  assert.equal(foldedOf([{ stack }]), 'app;main;outer;inner_[i];compiled_[j];schedule_[k] 1\n')
})

test('no two lines have the same frames, whatever processes and modules they came from', () => {
  const folded = foldedOf([
    { stack: ['f@one', 'main@one'], pid: 1, count: 2 },
    { stack: ['f@two', 'main@two'], pid: 2, count: 3 },
  ])
  assert.equal(folded, 'app;main;f 5\n')
})

test('a stack that ends where another one goes on has its own line', () => {
  const folded = foldedOf([{ stack: ['main@app'], count: 2 }, { stack: ['f@app', 'main@app'] }])
  assert.equal(folded, 'app;main 2\napp;main;f 1\n')
})

test('separators in names cannot make other frames or lines', () => {
  const folded = foldedOf([{ stack: ['Lfoo;bar\n\tbaz 7@app'], comm: 'a;b\nc' }])
  assert.equal(folded, 'a:b c;Lfoo:bar baz 7 1\n')
})

test('frames without a name are module and address, threads without one are said to be unknown', () => {
  assert.match(foldedOf([{ stack: ['@libc.so.6'], comm: '' }]), /^\[unknown\];libc\.so\.6\+0x[0-9a-f]+ 1\n$/)
})

test('the kernel’s frames without a name are their address, anonymous memory is one name', () => {
  const folded = foldedOf([{ stack: ['@kernel', '@anon'] }])
  assert.match(folded, /^app;\[anonymous\];\[k\] 0x[0-9a-f]+_\[k\] 1\n$/)
})

test('a profile without samples is an empty file', () => {
  assert.equal(foldedOf([]), '')
})
