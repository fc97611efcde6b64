import assert from 'node:assert/strict'
import test from 'node:test'
import {
  configInFileName,
  eventInFileName,
  profileFormatOf,
  withLabel,
} from '../../../src/formats/profile/file-names.ts'

test('the ending of a name tells the format', () => {
  assert.equal(profileFormatOf('a/b.pb.gz'), 'pprof')
  assert.equal(profileFormatOf('b.pprof'), 'pprof')
  assert.equal(profileFormatOf('b.folded'), 'folded')
  assert.equal(profileFormatOf('b.speedscope.json'), 'speedscope')
  assert.equal(profileFormatOf('b.html'), 'html')
  assert.equal(profileFormatOf('b.json'), undefined)
  assert.equal(profileFormatOf('perf.data'), undefined)
})

test('an event’s name is safe in a file name', () => {
  assert.equal(eventInFileName('cycles:u'), 'cycles-u')
  assert.equal(eventInFileName('sched/../../etc'), 'sched-..-..-etc')
  assert.equal(eventInFileName('../cpu'), 'cpu')
})

test('a configuration’s name is safe in a file name, and leaves room for stamp, event and ending', () => {
  assert.equal(configInFileName('web-1.prod'), 'web-1.prod')
  assert.equal(configInFileName('../../etc/passwd'), 'etc-passwd')
  assert.equal(configInFileName('…'), '')
  assert.equal(configInFileName('a'.repeat(253)).length, 100)
  assert.equal(configInFileName(`${'a'.repeat(99)}.b`), 'a'.repeat(99))
})

test('an event goes before the ending, whatever that is', () => {
  assert.equal(withLabel('/tmp/a.b/x.pb.gz', 'cycles-u'), '/tmp/a.b/x.cycles-u.pb.gz')
  assert.equal(withLabel('/tmp/a.b/x', 'cycles-u'), '/tmp/a.b/x.cycles-u')
  assert.equal(withLabel('x.txt', 'cycles-u'), 'x.cycles-u.txt')
})
