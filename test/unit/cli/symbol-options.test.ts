import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseOptions } from '../../../src/cli/options.ts'
import {
  RECORDED_OPTIONS,
  recordedSymbolPolicyOf,
  SYMBOL_OPTIONS,
  symbolPolicyOf,
} from '../../../src/cli/symbol-options.ts'
import { DEFAULT_SYMBOL_POLICY } from '../../../src/core/symbol-policy.ts'

const policyOf = (...argv: readonly string[]) => symbolPolicyOf(parseOptions(argv, SYMBOL_OPTIONS))

function withServers(t: TestContext, urls: string | undefined): void {
  const before = process.env.DEBUGINFOD_URLS
  t.after(() => {
    if (before === undefined) delete process.env.DEBUGINFOD_URLS
    else process.env.DEBUGINFOD_URLS = before
  })
  if (urls === undefined) delete process.env.DEBUGINFOD_URLS
  else process.env.DEBUGINFOD_URLS = urls
}

test('without options names come from where they come by default, whatever the environment has', (t) => {
  withServers(t, 'http://127.0.0.1:1')
  assert.deepEqual(policyOf(), DEFAULT_SYMBOL_POLICY)
})

test('debug directories of the command line are looked into first', () => {
  const { debugDirectories } = policyOf('--debug-dir', '/opt/a', '--debug-dir', 'b')
  assert.deepEqual(debugDirectories, ['/opt/a', `${process.cwd()}/b`, '/usr/lib/debug'])
})

test('debuginfod asks the servers of the environment', (t) => {
  withServers(t, ' http://127.0.0.1:8002  https://debug.example.org/ ')
  assert.deepEqual(policyOf('--debuginfod').debuginfod?.urls, [
    'http://127.0.0.1:8002',
    'https://debug.example.org/',
  ])
})

test('debuginfod without a server, or with what is none, is told so', (t) => {
  withServers(t, undefined)
  assert.throws(() => policyOf('--debuginfod'), /DEBUGINFOD_URLS names no server/)
  withServers(t, 'debug.example.org')
  assert.throws(() => policyOf('--debuginfod'), /has debug\.example\.org, which is no http or https URL/)
})

const recordedOf = (...argv: readonly string[]) =>
  recordedSymbolPolicyOf(parseOptions(argv, [...SYMBOL_OPTIONS, ...RECORDED_OPTIONS])).recorded

test('files of a recorded machine and kernel are where the command line says', () => {
  const [folder, file] = [import.meta.dirname, import.meta.filename]
  const options = ['--symfs', folder, '--kallsyms', file, '--vmlinux', file, '--buildid-dir', folder]
  assert.deepEqual(recordedOf(...options), {
    symfs: folder,
    kallsyms: file,
    vmlinux: file,
    buildIdCaches: [folder],
  })
})

test('perf’s cache is where the environment says, or else at home', (t) => {
  const before = process.env.PERF_BUILDID_DIR
  t.after(() => {
    if (before === undefined) delete process.env.PERF_BUILDID_DIR
    else process.env.PERF_BUILDID_DIR = before
  })
  process.env.PERF_BUILDID_DIR = '/var/cache/perf'
  assert.deepEqual(recordedOf()?.buildIdCaches, ['/var/cache/perf'])
  delete process.env.PERF_BUILDID_DIR
  assert.deepEqual(recordedOf()?.buildIdCaches, [join(homedir(), '.debug')])
})

test('what is not there, or is a file where a directory is meant, is told', () => {
  assert.throws(
    () => recordedOf('--symfs', '/does/not/exist'),
    /--symfs \/does\/not\/exist: there is nothing/,
  )
  assert.throws(() => recordedOf('--symfs', import.meta.filename), /it is no directory/)
  assert.throws(() => recordedOf('--kallsyms', '/tmp'), /it is no file/)
})
