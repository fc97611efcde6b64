// The root file system of the image, made as the Dockerfile makes it, and run in a chroot as the image's user.

import assert from 'node:assert/strict'
import { chmodSync, existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { AGENT_USER, asAgentUser, isRoot, maskOf, SUBSETS, setsIn } from '../support/capabilities.ts'
import { imageConfig } from '../support/manifests.ts'
import { isInstalled, type Run, run, temporaryDirectory } from '../support/sonde.ts'

const root = join(import.meta.dirname, '../..')
/** By its path: the environment of who runs the test is not the container's. */
const CHROOT = '/usr/sbin/chroot'

function whySkipped(): string | undefined {
  if (!isRoot) return 'owners, capabilities and chroot need root'
  const missing = ['setcap', 'strip', 'setpriv', CHROOT].find((program) => !isInstalled(program))
  if (missing !== undefined) return `${missing} is missing`
  if (!existsSync(join(root, 'build/native/sonde-launcher')))
    return 'the launcher was not built: no static C library'
  return undefined
}
const skip = whySkipped()
const building = skip === undefined ? {} : { skip }

function built(context: TestContext): string {
  const rootfs = temporaryDirectory(context)
  chmodSync(rootfs, 0o755)
  const made = run(join(root, 'deploy/build-rootfs.sh'), [rootfs])
  assert.equal(made.status, 0, made.stderr)
  return rootfs
}

const inRootfs = (rootfs: string, command: readonly string[]): Run =>
  run('env', ['-i', CHROOT, `--userspec=${AGENT_USER}:${AGENT_USER}`, '--groups=', rootfs, ...command])

const filesIn = (directory: string): readonly string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

test('Sonde runs in the image as its user, by its entry point and as a command', building, (context) => {
  const rootfs = built(context)
  const { Entrypoint } = imageConfig()
  for (const command of [Entrypoint, ['/usr/local/bin/sonde']]) {
    const said = inRootfs(rootfs, [...command, 'version'])
    assert.equal(said.status, 0, said.stderr)
    assert.match(said.stdout, /^sonde \d/)
  }
  const script = `
    process.dlopen({ exports: {} }, '/app/build/native/sonde.node')
    fs.accessSync('/app/config/agent.yaml')
    fs.writeFileSync('/var/lib/sonde/probe', '')
    child_process.spawnSync('/app/build/native/sonde-lines').error?.message ?? 'all there'`
  const there = inRootfs(rootfs, ['/usr/local/bin/node', '-p', script])
  assert.equal(there.stdout.trim(), 'all there', there.stderr)
})

test('the launcher has the four capabilities, for root and the image’s group only', building, (context) => {
  const launcher = join(built(context), 'usr/local/bin/sonde-launcher')
  const { mode, uid, gid } = statSync(launcher)
  assert.deepEqual([mode & 0o7777, uid, gid], [0o750, 0, AGENT_USER])
  const four = SUBSETS.at(-1) ?? []
  const shown = run('setpriv', [...asAgentUser(four), launcher, '/bin/cat', '/proc/self/status'])
  assert.equal(setsIn(shown.stdout).Eff, maskOf(four), shown.stderr)
})

test(
  'there is no shell, no compiler and no set-user-id file in the image, and little besides Node',
  building,
  (context) => {
    const rootfs = built(context)
    const files = filesIn(rootfs)
    const programs = files.filter(
      (file) => (statSync(file).mode & 0o111) !== 0 && !/\.(so|node)\b/.test(file),
    )
    assert.deepEqual(programs.map((file) => file.slice(rootfs.length)).sort(), [
      '/app/build/native/sonde-lines',
      '/usr/local/bin/node',
      '/usr/local/bin/sonde',
      '/usr/local/bin/sonde-launcher',
    ])
    assert.deepEqual(
      files.filter((file) => (statSync(file).mode & 0o6000) !== 0),
      [],
    )
    const besides = files.filter((file) => !file.endsWith('/bin/node'))
    const bytes = besides.reduce((total, file) => total + statSync(file).size, 0)
    assert.ok(bytes < 24 * 2 ** 20, `${bytes} bytes`)
  },
)

test('a directory that is not empty is left alone', building, (context) => {
  const rootfs = built(context)
  const again = run(join(root, 'deploy/build-rootfs.sh'), [rootfs])
  assert.equal(again.status, 1)
  assert.match(again.stderr, /is not empty/)
})
