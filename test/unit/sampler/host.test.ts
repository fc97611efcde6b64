import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import {
  onlineCpus,
  parseCpuInfo,
  parseCpuList,
  parseModules,
  parseTotalMemoryKb,
  readHost,
} from '../../../src/sampler/host.ts'

test('a CPU list has single CPUs and ranges', () => {
  assert.deepEqual(parseCpuList('0-3,8,10-11\n'), [0, 1, 2, 3, 8, 10, 11])
  assert.deepEqual(parseCpuList('0\n'), [0])
  assert.deepEqual(parseCpuList('\n'), [])
})

test('the cpuid is written as perf writes it', () => {
  const text = [
    'processor\t: 0',
    'vendor_id\t: AuthenticAMD',
    'cpu family\t: 25',
    'model\t\t: 1',
    'model name\t: AMD EPYC',
    'stepping\t: 2',
    '',
    'processor\t: 1',
    'model name\t: another',
  ].join('\n')
  assert.deepEqual(parseCpuInfo(text), { cpuDescription: 'AMD EPYC', cpuId: 'AuthenticAMD,25,1,2' })
  assert.deepEqual(parseCpuInfo('processor\t: 0\nBogoMIPS\t: 50.00\n'), { cpuDescription: '', cpuId: '' })
})

test('modules with hidden addresses are left out', () => {
  const text =
    'nf_tables 372736 0 - Live 0xffffffffc0a00000\nhidden 4096 1 nf_tables, Live 0x0000000000000000\n'
  assert.deepEqual(parseModules(text), [{ name: 'nf_tables', start: 0xffffffffc0a00000n, size: 372736n }])
  assert.deepEqual(parseModules(''), [])
})

test('memory is read in kB', () => {
  assert.equal(parseTotalMemoryKb('MemTotal:       24689744 kB\nMemFree: 1 kB\n'), 24689744n)
})

test('this machine is described', () => {
  const host = readHost({ text: 0x1000n, textEnd: 0x2000n, buildId: 'ab' })
  assert.equal(host.hostname, hostname())
  assert.equal(host.cpusOnline, onlineCpus().length)
  assert.ok(host.cpusAvailable >= host.cpusOnline && host.cpusOnline > 0)
  assert.ok(host.totalMemoryKb > 0n)
  assert.equal(host.kernel?.text, 0x1000n)
  assert.equal(readHost({ text: 0n, textEnd: 0n, buildId: '' }).kernel, undefined)
})
