// scripts/sonde and scripts/setup.sh, tried in copies of the checkout that a test makes for itself.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'

const root = join(import.meta.dirname, '../../..')

/** A checkout with scripts and this machine's Node packages, removed after the test. */
function checkout(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-launcher-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(join(root, 'scripts'), join(folder, 'scripts'), { recursive: true })
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(root, file), join(folder, file))
  mkdirSync(join(folder, 'bin'))
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true })
  for (const arch of ['x64', 'arm64']) {
    symlinkSync(
      join(root, `node_modules/node-linux-${arch}`),
      join(folder, `node_modules/node-linux-${arch}`),
    )
  }
  symlinkSync('../../scripts/sonde', join(folder, 'node_modules/.bin/sonde'))
  return folder
}

/** A command that stands first in the path of what `run` starts. */
function fake(folder: string, name: string, script: string): void {
  writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, 'bin', name), 0o755)
}

function run(folder: string, command: string, ...args: readonly string[]) {
  const PATH = `${join(folder, 'bin')}:/usr/local/bin:/usr/bin:/bin`
  return spawnSync(join(folder, command), args, { encoding: 'utf8', cwd: tmpdir(), env: { PATH } })
}

function bundle(folder: string, source: string): void {
  mkdirSync(join(folder, 'dist'))
  writeFileSync(join(folder, 'dist/sonde.mjs'), source)
}

test('the process that a user starts and kills is the agent, also through the link', (context) => {
  const folder = checkout(context)
  bundle(folder, 'console.log(JSON.stringify({ pid: process.pid, args: process.argv.slice(2) }))')
  const { pid, stdout, stderr } = run(folder, 'node_modules/.bin/sonde', 'record', '--', 'a b', '*')
  assert.deepEqual(JSON.parse(stdout || stderr), { pid, args: ['record', '--', 'a b', '*'] })
})

test('the exit status is the one of the command', (context) => {
  const folder = checkout(context)
  bundle(folder, 'process.exit(2)')
  assert.equal(run(folder, 'scripts/sonde').status, 2)
})

test('a checkout that is not built says how to build it', (context) => {
  const { status, stderr } = run(checkout(context), 'scripts/sonde')
  assert.equal(status, 1)
  assert.match(stderr, /not built yet.*\n.*npm start/)
})

for (const [version, supported] of [
  ['v20.20.2', false],
  ['v22.21.9', false],
  ['v22.22.0', true],
  ['v24.0.0', true],
  ['v100.1.0', true],
  ['nonsense', false],
] as const) {
  test(`a system's Node ${version} is ${supported ? 'taken' : 'passed over for the packaged one'}`, (context) => {
    const folder = checkout(context)
    bundle(folder, 'console.log("packaged")')
    fake(folder, 'node', `[ "$1" = --version ] && { echo ${version}; exit; }; echo system`)
    assert.equal(run(folder, 'scripts/sonde').stdout.trim(), supported ? 'system' : 'packaged')
  })
}

test('without any Node that is new enough, the error says which is needed and which was found', (context) => {
  const folder = checkout(context)
  bundle(folder, '')
  for (const arch of ['x64', 'arm64']) rmSync(join(folder, `node_modules/node-linux-${arch}`))
  fake(folder, 'node', 'echo v20.20.2')
  const { status, stderr } = run(folder, 'scripts/sonde')
  assert.equal(status, 1)
  assert.match(stderr, /needs Node.js 22.22 or later; found v20.20.2/)
})

test('set-up without root prints the exact line that installs what is missing, and stops', (context) => {
  const folder = checkout(context)
  fake(folder, 'id', 'echo 1000')
  fake(folder, 'apt-get', 'echo never >&2; exit 1')
  fake(folder, 'dpkg-query', 'case $* in *cmake|*libzstd-dev) exit 1;; *) echo installed;; esac')
  const { status, stderr } = run(folder, 'scripts/setup.sh', 'run')
  assert.equal(status, 1)
  assert.match(stderr, /apt-get install -y --no-install-recommends cmake libzstd-dev\n/)
})

test('set-up of what is set up does nothing and says nothing', () => {
  const first = spawnSync(join(root, 'scripts/setup.sh'), ['check'], { encoding: 'utf8' })
  assert.equal(first.status, 0, first.stderr)
  const { status, stderr } = spawnSync(join(root, 'scripts/setup.sh'), ['check'], { encoding: 'utf8' })
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
})
