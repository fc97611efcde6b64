import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentError } from '../../../src/core/errors.ts'
import { cgroupMountsOf } from '../../../src/sampler/cgroup-hierarchy.ts'
import { type CgroupFiles, findCgroups } from '../../../src/sampler/cgroups.ts'

const PURE_V2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n'
const V1 = [
  '31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755',
  '32 31 0:29 / /sys/fs/cgroup/systemd rw shared:10 - cgroup cgroup rw,xattr,name=systemd',
  '33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
  '34 31 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
].join('\n')
const HYBRID = `${V1}\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`

/** A machine whose cgroups are these directories. */
const machine = (mountinfo: string, cgroups: readonly string[]): CgroupFiles => ({
  mountinfo: () => mountinfo,
  populated: () => true,
  directories(path) {
    const mounted = cgroupMountsOf(mountinfo).some(({ mount }) => mount === path)
    const below = cgroups.flatMap((cgroup) =>
      cgroup.startsWith(`${path}/`) ? [cgroup.slice(path.length + 1).split('/')[0] ?? ''] : [],
    )
    return mounted || cgroups.includes(path) || below.length > 0 ? [...new Set(below)] : undefined
  },
})

const chosen = (mountinfo: string, cgroups: readonly string[]) =>
  findCgroups([], machine(mountinfo, cgroups)).hierarchy

const cgroup2At = (mount: string) => ({ controller: '', mount, root: '/' })
const memory = { controller: 'memory', mount: '/sys/fs/cgroup/memory', root: '/' }

test('mountinfo tells hierarchies and their controllers, and nothing else of them', () => {
  const odd = '50 31 0:40 /docker/x /mnt/a\\040b rw - cgroup cgroup rw,pids,release_agent=/x,clone_children'
  assert.deepEqual(
    cgroupMountsOf(`${HYBRID}\n${odd}`).map(({ controllers, mount, root }) => [
      mount,
      root,
      controllers.join(),
    ]),
    [
      ['/sys/fs/cgroup/systemd', '/', 'name=systemd'],
      ['/sys/fs/cgroup/cpu,cpuacct', '/', 'cpu,cpuacct'],
      ['/sys/fs/cgroup/memory', '/', 'memory'],
      ['/sys/fs/cgroup/unified', '/', ''],
      ['/mnt/a b', '/docker/x', 'pids'],
    ],
  )
})

test('cgroup2 is where cgroups are told apart, pure and beside version 1', () => {
  assert.deepEqual(chosen(PURE_V2, []), cgroup2At('/sys/fs/cgroup'))
  const both = ['/sys/fs/cgroup/unified/a', '/sys/fs/cgroup/memory/a']
  assert.deepEqual(chosen(HYBRID, both), cgroup2At('/sys/fs/cgroup/unified'))
  assert.deepEqual(chosen(HYBRID, []), cgroup2At('/sys/fs/cgroup/unified'), 'nowhere is any')
})

test('where only version 1 has cgroups, the best of its hierarchies that has some', () => {
  assert.deepEqual(chosen(HYBRID, ['/sys/fs/cgroup/memory/a', '/sys/fs/cgroup/systemd/a']), memory)
  assert.equal(chosen(HYBRID, ['/sys/fs/cgroup/systemd/a'])?.controller, 'name=systemd')
  assert.equal(chosen(V1, ['/sys/fs/cgroup/cpu,cpuacct/a'])?.controller, 'cpu')
  assert.deepEqual(chosen(V1, []), memory)
  assert.equal(chosen('', []), undefined)
})

test('of two mounts of a hierarchy the one that reaches further up is taken', () => {
  const own = '60 23 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw'
  const host = '61 23 0:26 /../../.. /host/sys/fs/cgroup ro - cgroup2 cgroup rw'
  const part = '62 23 0:26 /docker/x /elsewhere ro - cgroup2 cgroup rw'
  assert.equal(chosen([part, own, host].join('\n'), [])?.mount, '/host/sys/fs/cgroup')
  assert.equal(chosen([part, own].join('\n'), [])?.mount, '/sys/fs/cgroup')
})

test('a cgroup is named by its directory, or by its path in the hierarchy', () => {
  const files = machine(HYBRID, [
    '/sys/fs/cgroup/unified/kubepods/burstable',
    '/sys/fs/cgroup/memory/docker/x',
  ])
  for (const name of [
    '/kubepods/burstable',
    'kubepods/burstable/',
    '/sys/fs/cgroup/unified/kubepods/burstable',
  ])
    assert.deepEqual(findCgroups([name], files).paths, ['/kubepods/burstable'], name)
  const { hierarchy, paths } = findCgroups(['/sys/fs/cgroup/memory/docker'], files)
  assert.deepEqual([hierarchy, paths], [memory, ['/docker']], 'its directory tells the hierarchy')
  assert.deepEqual(findCgroups(['/sys/fs/cgroup/memory', '/'], machine(V1, [])).paths, ['/', '/'])
})

test('in a mounted part a cgroup has its path from the hierarchy’s root', () => {
  const part = '60 23 0:26 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup rw'
  const files = machine(part, ['/sys/fs/cgroup/inner'])
  assert.deepEqual(findCgroups(['/sys/fs/cgroup/inner'], files).paths, ['/docker/x/inner'])
  assert.deepEqual(findCgroups(['/docker/x/inner'], files).paths, ['/docker/x/inner'])
  assert.throws(() => findCgroups(['/inner'], files), { code: 'CGROUP.UNKNOWN' })
})

test('what does not exist is refused with what does', () => {
  const files = machine(PURE_V2, ['/sys/fs/cgroup/kubepods/burstable', '/sys/fs/cgroup/system.slice'])
  const messageFor = (...names: string[]): string => {
    try {
      findCgroups(names, files)
    } catch (error) {
      assert.equal((error as AgentError).code, 'CGROUP.UNKNOWN')
      return (error as AgentError).message
    }
    return ''
  }
  assert.equal(
    messageFor('/kubepod'),
    'There is no cgroup /kubepod: /sys/fs/cgroup/kubepod is no directory (did you mean kubepods?). /sys/fs/cgroup has kubepods, system.slice.',
  )
  assert.match(messageFor('/kubepods/besteffort/x'), /\/sys\/fs\/cgroup\/kubepods has burstable\.$/)
  assert.match(messageFor('/system.slice/a'), /\/sys\/fs\/cgroup\/system\.slice has no cgroups\.$/)
  assert.match(messageFor('/kubepods/../system.slice'), /is no directory/)
  assert.throws(() => findCgroups(['/a'], machine('', [])), /no hierarchy of cgroups is mounted/)
  const two = machine(HYBRID, ['/sys/fs/cgroup/memory/a', '/sys/fs/cgroup/unified/a'])
  assert.throws(
    () => findCgroups(['/sys/fs/cgroup/memory/a', '/a'], two),
    /\/sys\/fs\/cgroup\/memory and \/sys\/fs\/cgroup\/unified are two/,
  )
})

test('a cgroup2 tree in which nobody is does not hide the containers of version 1', () => {
  const files: CgroupFiles = {
    ...machine(HYBRID, ['/sys/fs/cgroup/unified/stray', '/sys/fs/cgroup/memory/box']),
    populated: (path) => (path.includes('/unified/') ? false : undefined),
  }
  assert.equal(findCgroups([], files).hierarchy?.controller, 'memory')
})
