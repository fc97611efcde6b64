import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { launcher, type Run, sonde, temporaryDirectory } from '../support/sonde.ts'

const NO_TERMINAL =
  spawnSync('script', ['--version']).error !== undefined && 'script (bsdutils) makes terminals; it is missing'

/** What appears on a terminal where the command runs, and the command's exit status. */
function onTerminal(args: readonly string[], { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv }): Run {
  const words = [launcher, ...args].map((word) => `'${word}'`).join(' ')
  const { SONDE_PAGER: _, PAGER: __, LESS: ___, ...inherited } = process.env
  const { status, stdout, stderr } = spawnSync('script', ['-qec', words, '/dev/null'], {
    cwd,
    env: { ...inherited, TERM: 'xterm', ...env },
    encoding: 'utf8',
    timeout: 60_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { status, stdout: stdout.replaceAll('\r\n', '\n'), stderr }
}

/** A directory with p.pb.gz. */
function directoryWithProfile(context: TestContext): string {
  const cwd = temporaryDirectory(context)
  const recorded = sonde(
    [
      'record',
      '-o',
      'p.pb.gz',
      '-F',
      '499',
      '--',
      'sh',
      '-c',
      'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done',
    ],
    { cwd },
  )
  assert.equal(recorded.status, 0, recorded.stderr)
  return cwd
}

const REPORT = ['report', 'p.pb.gz', '--by', 'comm']

test('a report on a terminal goes through the pager that was named, and nowhere else through any', {
  skip: NO_TERMINAL,
}, (context) => {
  const cwd = directoryWithProfile(context)
  const env = { SONDE_PAGER: 'sed "s/^/paged: /"', PAGER: 'false' }
  const paged = onTerminal(REPORT, { cwd, env })
  assert.equal(paged.status, 0, paged.stdout)
  assert.match(paged.stdout, /^paged: .*p\.pb\.gz: /)
  assert.match(paged.stdout, /\npaged: .* sh\n/)

  const straight = onTerminal([...REPORT, '--no-pager'], { cwd, env })
  assert.doesNotMatch(straight.stdout, /paged/)
  assert.equal(straight.stdout, paged.stdout.replaceAll('paged: ', ''))
  assert.match(onTerminal(REPORT, { cwd, env: { PAGER: 'sed "s/^/general: /"' } }).stdout, /^general: /)
  assert.equal(onTerminal(REPORT, { cwd, env: { PAGER: 'cat' } }).stdout, straight.stdout)

  const piped = spawnSync(launcher, REPORT, { cwd, encoding: 'utf8', env: { ...process.env, ...env } })
  assert.doesNotMatch(piped.stdout, /paged/)
})

test('a comparison and a list of events are paged, too', { skip: NO_TERMINAL }, (context) => {
  const cwd = directoryWithProfile(context)
  const env = { SONDE_PAGER: 'sed "s/^/paged: /"' }
  for (const args of [
    ['diff', 'p.pb.gz', 'p.pb.gz', '--by', 'comm'],
    ['list', 'sw'],
  ]) {
    const paged = onTerminal(args, { cwd, env })
    const straight = onTerminal([...args, '--no-pager'], { cwd, env })
    assert.deepEqual([paged.status, straight.status], [0, 0], paged.stdout)
    assert.match(paged.stdout, /^paged: [\s\S]*\npaged: /)
    assert.equal(straight.stdout, paged.stdout.replaceAll('paged: ', ''))
  }
  assert.doesNotMatch(onTerminal(['list', 'sw', '--json'], { cwd, env }).stdout, /paged/)
})

test('a pager that is missing, or is left early, is no error and loses nothing', {
  skip: NO_TERMINAL,
}, (context) => {
  const cwd = directoryWithProfile(context)
  const missing = onTerminal(REPORT, { cwd, env: { PAGER: 'no-such-pager' } })
  assert.equal(missing.status, 0)
  assert.match(missing.stdout, /no-such-pager.*not found[\s\S]*p\.pb\.gz: [\s\S]* sh\n/)
  const left = onTerminal(REPORT, { cwd, env: { PAGER: 'exec true' } })
  assert.deepEqual([left.status, left.stdout], [0, ''])
})

test('less is started as git starts it, where nothing else is said', { skip: NO_TERMINAL }, (context) => {
  const cwd = directoryWithProfile(context)
  writeFileSync(join(cwd, 'less'), '#!/bin/sh\necho "LESS=$LESS"\ncat >/dev/null\n')
  chmodSync(join(cwd, 'less'), 0o755)
  const PATH = `${cwd}:${process.env.PATH}`
  assert.equal(onTerminal(REPORT, { cwd, env: { PATH } }).stdout, 'LESS=FRX\n')
  assert.equal(onTerminal(REPORT, { cwd, env: { PATH, LESS: '-S' } }).stdout, 'LESS=-S\n')
})

test('annotate hands its words over to perf, and perf its exit status back', (context) => {
  const cwd = temporaryDirectory(context)
  writeFileSync(join(cwd, 'other.data'), '')
  mkdirSync(join(cwd, 'bin'))
  writeFileSync(join(cwd, 'bin/perf'), '#!/bin/sh\nprintf "%s\\n" "$@" >words\nexit 7\n')
  chmodSync(join(cwd, 'bin/perf'), 0o755)
  const annotate = (PATH: string, ...args: readonly string[]) =>
    spawnSync(launcher, ['annotate', ...args], { cwd, encoding: 'utf8', env: { ...process.env, PATH } })

  const handed = annotate(
    `${cwd}/bin:${process.env.PATH}`,
    'std::sort<int>',
    '-i',
    'other.data',
    '--',
    '--stdio',
    '-l',
  )
  assert.equal(handed.status, 7, handed.stderr)
  assert.deepEqual(readFileSync(join(cwd, 'words'), 'utf8').split('\n'), [
    'annotate',
    '-i',
    'other.data',
    '--symbol=std::sort<int>',
    '--stdio',
    '-l',
    '',
  ])
  const placed = ['--symfs', 'root', '--vmlinux', 'vmlinux', '--buildid-dir', 'cache']
  assert.equal(annotate(`${cwd}/bin:${process.env.PATH}`, '-i', 'other.data', ...placed).status, 7)
  assert.deepEqual(readFileSync(join(cwd, 'words'), 'utf8').split('\n'), [
    '--buildid-dir',
    'cache',
    'annotate',
    '-i',
    'other.data',
    '--symfs=root',
    '--vmlinux=vmlinux',
    '',
  ])
  const nothing = annotate(`${cwd}/bin:${process.env.PATH}`, '-i', 'none.data')
  assert.equal(nothing.status, 1)
  assert.match(nothing.stderr, /There is no file none\.data\. Name another with -i/)
})

test('annotate says which package has perf where it is missing', (context) => {
  const cwd = temporaryDirectory(context)
  writeFileSync(join(cwd, 'perf.data'), '')
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, '../../src/main.ts'), 'annotate'],
    {
      cwd,
      encoding: 'utf8',
      env: { PATH: cwd },
    },
  )
  assert.equal(status, 1)
  assert.match(stderr, /^sonde annotate: perf is not installed.* linux-perf/)
})
