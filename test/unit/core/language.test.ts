import assert from 'node:assert/strict'
import { test } from 'node:test'
import { avma, fileOffset } from '../../../src/core/address.ts'
import { ProcessLanguages } from '../../../src/core/language.ts'
import { type Image, imageKindOf, type Mapping, type ProcessEvent } from '../../../src/core/process.ts'
import { monotonicTime } from '../../../src/core/units.ts'
import { processTableOf } from '../../support/process-table.ts'

const imageOf = (path: string, over: Partial<Image> = {}): Image => ({
  kind: imageKindOf(path),
  path,
  buildId: '',
  device: 0n,
  inode: 0n,
  ...over,
})

const mappingOf = (pid: number, image: number, start: bigint): Mapping => ({
  pid,
  image,
  start: avma(start),
  end: avma(start + 0x1000n),
  fileOffset: fileOffset(0n),
  bias: 0n,
  addressSpace: 'svma',
  protection: 5,
  flags: 2,
})

/** Of a process that maps the images, each above the one before. */
function languageOf(executable: Image | undefined, others: readonly Image[]): string {
  const images = [...(executable === undefined ? [] : [executable]), ...others]
  const mappings = images.map((_, image) => mappingOf(1, image, BigInt(image + 1) * 0x1000n))
  const events = mappings.map((_, mapping): ProcessEvent => {
    return { kind: 'mmap', mapping, time: monotonicTime(0n), pid: 1, tid: 1, synthesised: true }
  })
  return new ProcessLanguages(processTableOf({ images, mappings, events }, events.length)).at(1, 0n)
}

const language = (executable: string, ...libraries: readonly string[]): string =>
  languageOf(
    imageOf(executable),
    libraries.map((path) => imageOf(path)),
  )

test('an interpreter is known by the name of its executable, whatever its version', () => {
  for (const [path, expected] of [
    ['/usr/bin/python3.11', 'python'],
    ['/usr/local/bin/python3.13t', 'python'],
    ['/opt/pypy/bin/pypy3', 'python'],
    ['/usr/bin/node', 'node'],
    ['/usr/bin/java', 'java'],
    ['/usr/bin/ruby3.1', 'ruby'],
    ['/usr/sbin/php-fpm8.2', 'php'],
    ['/usr/bin/perl', 'perl'],
    ['/usr/lib/erlang/erts-13.1.5/bin/beam.smp', 'erlang'],
    ['/usr/bin/dotnet', 'dotnet'],
    ['/usr/bin/luajit-2.1.0-beta3', 'lua'],
    ['/usr/bin/python3.11 (deleted)', 'python'],
    ['/usr/bin/postgres', 'native'],
    ['/home/me/pythonista', 'native'],
    ['/usr/bin/node_exporter', 'native'],
  ] as const) {
    assert.equal(language(path), expected, path)
  }
})

test('a program that embeds an interpreter is known by the library', () => {
  assert.equal(language('/usr/bin/uwsgi', '/usr/lib/libc.so.6', '/usr/lib/libpython3.11.so.1.0'), 'python')
  assert.equal(language('/usr/sbin/apache2', '/usr/lib/apache2/modules/libphp8.2.so'), 'php')
  assert.equal(language('/opt/app/launcher', '/opt/jdk/lib/server/libjvm.so'), 'java')
  assert.equal(language('/opt/app', '/usr/share/dotnet/shared/8.0.1/libcoreclr.so'), 'dotnet')
  assert.equal(
    language('/usr/bin/node', '/usr/lib/libpython3.11.so.1.0'),
    'node',
    'the executable comes first',
  )
})

test('Go is known by its runtime, and a Go library does not make a program Go', () => {
  const go = { runtime: 'go' } as const
  assert.equal(languageOf(imageOf('/usr/bin/etcd', go), []), 'go')
  assert.equal(languageOf(imageOf('/usr/bin/app'), [imageOf('/usr/lib/libplugin.so', go)]), 'native')
})

test('memory that is called like an interpreter is none', () => {
  assert.equal(languageOf(undefined, [imageOf('//anon'), imageOf('[vdso]')]), 'native')
})

const images = ['/bin/sh', '/usr/bin/python3.11', '/usr/lib/libc.so.6'].map((path) => imageOf(path))
const LOW = 0x5555_0000_0000n
const HIGH = 0x7f00_0000_0000n

test('a process changes its language by exec, and a child has its parent’s until then', () => {
  const mappings = [mappingOf(1, 2, HIGH), mappingOf(1, 0, LOW), mappingOf(2, 1, LOW)]
  const base = (time: bigint, pid: number) => ({
    time: monotonicTime(time),
    pid,
    tid: pid,
    synthesised: false,
  })
  const events: readonly ProcessEvent[] = [
    { ...base(1n, 1), kind: 'mmap', mapping: 0 },
    { ...base(1n, 1), kind: 'mmap', mapping: 1 },
    { ...base(5n, 2), kind: 'fork', parentPid: 1, parentTid: 1 },
    { ...base(6n, 2), kind: 'comm', comm: 'python3', exec: true },
    { ...base(6n, 2), kind: 'mmap', mapping: 2 },
    { ...base(9n, 3), kind: 'fork', parentPid: 2, parentTid: 2 },
    { ...base(9n, 2), kind: 'exit', parentPid: 1, parentTid: 1 },
  ]
  const languages = new ProcessLanguages(processTableOf({ images, mappings, events }, 2))
  assert.equal(languages.at(1, 2n), 'native')
  assert.equal(languages.at(2, 5n), 'native')
  assert.equal(languages.at(2, 6n), 'python')
  assert.equal(languages.at(2, 9n), 'python', 'a process is sampled while it ends')
  assert.equal(languages.at(3, 9n), 'python')
  assert.equal(languages.at(4, 9n), 'native', 'nothing is known of it')
})
