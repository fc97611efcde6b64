// sonde-launcher with every subset of the four capabilities, in the ways that containers are started.

import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { CapabilityName } from '../../src/sampler/capabilities.ts'
import { asAgentUser, isRoot, maskOf, onlyThese, SUBSETS, setsIn } from '../support/capabilities.ts'
import { isInstalled, type Run, run, temporaryDirectory } from '../support/sonde.ts'

const BUILT = join(import.meta.dirname, '../../build/native/sonde-launcher')
const FOUR = 'cap_bpf,cap_perfmon,cap_sys_ptrace,cap_syslog'
const NONE = maskOf([])
const SHOW = ['/bin/cat', '/proc/self/status'] as const

const whySkipped = (): string | undefined => {
  if (!isRoot) return 'becoming another user needs root'
  if (!existsSync(BUILT)) return 'there was no static C library when the native part was built'
  if (!isInstalled('setcap')) return 'setcap is missing (Debian: libcap2-bin)'
  return undefined
}
const skip = whySkipped()
const launching = skip === undefined ? {} : { skip }

/** A copy that every user may execute, with these file capabilities. */
function installed(context: TestContext, fileCapabilities: string | undefined): string {
  const directory = temporaryDirectory(context)
  chmodSync(directory, 0o755)
  const launcher = join(directory, 'sonde-launcher')
  copyFileSync(BUILT, launcher)
  if (fileCapabilities === undefined) return launcher
  const set = run('setcap', [fileCapabilities, launcher])
  assert.equal(set.status, 0, set.stderr)
  return launcher
}

/** What the launched program has: the same in all three sets, or the test fails. */
function launched(result: Run): string {
  assert.equal(result.status, 0, result.stderr)
  const { Prm, Inh, Amb, Eff } = setsIn(result.stdout)
  assert.deepEqual([Inh, Amb, Eff], [Prm, Prm, Prm])
  return Prm ?? ''
}

const setpriv = (...args: readonly (string | readonly string[])[]): Run => run('setpriv', args.flat())

/** As a container's runtime does it: what it gives is permitted and bounds; then it executes the launcher. */
const byRuntime = (given: readonly CapabilityName[], ...more: string[]): readonly string[] => [
  ...asAgentUser(given),
  ...more,
]

test('the program gets exactly those of the four that the container was given', launching, (context) => {
  const launcher = installed(context, `${FOUR}+p`)
  for (const given of SUBSETS) {
    assert.equal(launched(setpriv(byRuntime(given), launcher, SHOW)), maskOf(given), given.join())
  }
})

test('no_new_privs takes nothing from what the runtime gave', launching, (context) => {
  const launcher = installed(context, `${FOUR}+p`)
  for (const given of SUBSETS) {
    const result = setpriv(byRuntime(given, '--no-new-privs'), launcher, SHOW)
    assert.equal(launched(result), maskOf(given), given.join())
  }
})

test(
  'ambient capabilities are enough, with no_new_privs and without file capabilities',
  launching,
  (context) => {
    const launcher = installed(context, undefined)
    for (const given of SUBSETS) {
      const sets = [`--inh-caps=${onlyThese(given)}`, `--ambient-caps=${onlyThese(given)}`]
      const result = setpriv(asAgentUser(given), sets, '--no-new-privs', launcher, SHOW)
      assert.equal(launched(result), maskOf(given), given.join())
    }
  },
)

test(
  'after a shell the file’s capabilities still count, unless no_new_privs is set: then it says so',
  launching,
  (context) => {
    const launcher = installed(context, `${FOUR}+p`)
    const shell = ['sh', '-c', 'exec "$@"', 'sh', launcher, ...SHOW]
    for (const given of SUBSETS) {
      assert.equal(launched(setpriv(asAgentUser(given), shell)), maskOf(given), given.join())
      const refused = setpriv(asAgentUser(given), '--no-new-privs', shell)
      assert.equal(launched(refused), NONE, given.join())
      assert.match(refused.stderr, /no capabilities to pass on: no_new_privs is set.*no shell before it/)
    }
  },
)

test(
  'with +ep instead of +p it could not even begin where one of the four is missing',
  launching,
  (context) => {
    const launcher = installed(context, `${FOUR}+ep`)
    const result = setpriv(asAgentUser(['CAP_PERFMON']), launcher, SHOW)
    assert.notEqual(result.status, 0)
    assert.match(result.stderr, /not permitted/)
  },
)

test(
  'without any capability the program runs, and the launcher says why it has none',
  launching,
  (context) => {
    const launcher = installed(context, undefined)
    const result = setpriv(asAgentUser(SUBSETS.at(-1) ?? []), ['sh', '-c', 'exec "$@"', 'sh'], launcher, SHOW)
    assert.equal(launched(result), NONE)
    assert.match(result.stderr, /^sonde-launcher: no capabilities to pass on: this file has none \(setcap /)
  },
)

test('other capabilities of a file are not passed on', launching, (context) => {
  const launcher = installed(context, `${FOUR},cap_net_admin,cap_sys_admin+p`)
  const user = asAgentUser([]).filter((word) => !word.startsWith('--bounding-set'))
  assert.equal(launched(setpriv(user, launcher, SHOW)), maskOf(SUBSETS.at(-1) ?? []))
})

test('arguments, environment and exit status are the program’s', launching, (context) => {
  const launcher = installed(context, `${FOUR}+p`)
  const script = 'printf "%s|" "$0" "$@" "$KEPT"; exit 7'
  const result = run('env', ['KEPT=as it was', launcher, '/bin/sh', '-c', script, 'a b', '', '*'])
  assert.equal(result.stdout, 'a b||*|as it was|')
  assert.equal(result.status, 7)
})

test('wrong usage and programs that cannot be executed are told in one line', launching, (context) => {
  const launcher = installed(context, undefined)
  const file = join(temporaryDirectory(context), 'not-executable')
  writeFileSync(file, '')
  for (const [args, status, why] of [
    [[], 2, /absolute path of a program\.\nUsage: sonde-launcher PROGRAM/],
    [['node'], 2, /absolute path/],
    [['/nowhere/node'], 127, /cannot execute \/nowhere\/node: No such file/],
    [[file], 126, /cannot execute .*: Permission denied/],
  ] as const) {
    const failed = run(launcher, args)
    assert.equal(failed.status, status, failed.stderr)
    assert.match(failed.stderr, why)
  }
})
