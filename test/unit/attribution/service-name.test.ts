import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Evidence, serviceNameOf } from '../../../src/attribution/service-name.ts'
import type { ServiceMatch } from '../../../src/core/service-policy.ts'

const nginx: Evidence = {
  executablePath: '/usr/sbin/nginx',
  executableName: 'nginx',
  commandLine: 'nginx -c /etc/shop.conf',
  cgroupPaths: ['/', '/system.slice/nginx.service'],
  environment: new Map([
    ['TEAM', 'web-1'],
    ['EMPTY', ''],
  ]),
}
const named = (match: ServiceMatch, evidence: Evidence = nginx): string =>
  serviceNameOf({ rules: [{ match, serviceName: 'ruled' }], defaultName: 'default' }, evidence).name

const MATCHES: readonly (readonly [ServiceMatch, boolean])[] = [
  [{ executable: '/usr/sbin/nginx' }, true],
  [{ executable: '/usr/*/ngin?' }, true],
  [{ executable: 'nginx' }, true],
  [{ executable: 'sbin/nginx' }, false],
  [{ executable: 'nginx ' }, false],
  [{ executable: 'NGINX' }, false],
  [{ commandLine: '* -c */shop.conf' }, true],
  [{ commandLine: 'shop' }, false],
  [{ cgroup: '*/nginx.service' }, true],
  [{ cgroup: '/' }, true],
  [{ cgroup: '/user.slice/*' }, false],
  [{ environment: { TEAM: 'web-*' } }, true],
  [{ environment: { TEAM: 'web-*', OTHER: '*' } }, false],
  [{ environment: { EMPTY: '*' } }, false],
  [{ executable: 'nginx', environment: { TEAM: 'db' } }, false],
  [{ executable: 'nginx', commandLine: '*', cgroup: '*', environment: { TEAM: '*' } }, true],
]

for (const [match, matches] of MATCHES) {
  test(`${JSON.stringify(match)} ${matches ? 'matches' : 'does not match'}`, () => {
    assert.equal(named(match), matches ? 'ruled' : 'nginx')
  })
}

test('the first rule that matches names the service, before the process itself does', () => {
  const rules = [
    { match: { executable: 'apache' }, serviceName: 'a' },
    { match: { executable: 'ngin*' }, serviceName: 'b' },
    { match: { executable: 'nginx' }, serviceName: 'c' },
  ]
  const evidence = { ...nginx, environment: new Map([['DD_SERVICE', 'own']]) }
  assert.deepEqual(serviceNameOf({ rules, defaultName: 'd' }, evidence), { name: 'b', from: 'rule' })
  assert.deepEqual(serviceNameOf({ rules: [], defaultName: 'd' }, evidence), {
    name: 'own',
    from: 'environment',
  })
})

test('what is not known matches nothing', () => {
  const gone = { ...nginx, commandLine: undefined, cgroupPaths: [], environment: undefined }
  assert.equal(named({ commandLine: '*' }, gone), 'nginx')
  assert.equal(named({ cgroup: '*' }, gone), 'nginx')
  assert.equal(named({ environment: { TEAM: '*' } }, gone), 'nginx')
  assert.equal(named({ executable: '*' }, { ...gone, executablePath: '', executableName: '' }), 'default')
})

test('what has no executable has the default name', () => {
  const policy = { rules: [], defaultName: 'unknown_service' }
  const evidence = { ...nginx, executablePath: '', executableName: '' }
  assert.deepEqual(serviceNameOf(policy, evidence), { name: 'unknown_service', from: 'default' })
})
