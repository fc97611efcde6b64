import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createResourceFinder, type ProcessResourceFinder } from '../../../src/attribution/resource-finder.ts'
import type { ProfileBatch } from '../../../src/core/profile.ts'
import type { ProcessResource } from '../../../src/core/resource.ts'
import { DEFAULT_SERVICE_POLICY, type ServicePolicy } from '../../../src/core/service-policy.ts'
import { milliseconds } from '../../../src/core/units.ts'
import { batchOfProcesses, FakeProc, type LiveProcess } from '../../support/processes.ts'
import { countTurns } from '../../support/turns.ts'

const container = '0123456789abcdef'.repeat(4)
const inContainer = `/docker/${container}`

/** A finder over a /proc that holds these processes. */
function finderOver(
  processes: Readonly<Record<number, LiveProcess>>,
  policy: ServicePolicy = DEFAULT_SERVICE_POLICY,
): { readonly proc: FakeProc; readonly finder: ProcessResourceFinder; readonly spend: (ms: number) => void } {
  const proc = new FakeProc()
  for (const [pid, process] of Object.entries(processes)) proc.processes.set(Number(pid), process)
  let now = 0
  const clock = { now: () => now, sleep: async () => undefined }
  const live = { files: proc, clock, limit: () => milliseconds(1_000) }
  const spend = (ms: number): void => {
    now += ms
  }
  return { proc, spend, finder: createResourceFinder(policy, live) }
}

/** The resource of each sample. */
async function resourcesOf(
  finder: ProcessResourceFinder,
  batch: ProfileBatch,
): Promise<readonly ProcessResource[]> {
  const { table, ofSample } = await finder.find(batch)
  return Array.from(ofSample, (row) => table[row] as ProcessResource)
}

const servicesOf = async (finder: ProcessResourceFinder, batch: ProfileBatch): Promise<readonly string[]> =>
  (await resourcesOf(finder, batch)).map(({ service }) => service.name)

const shop: LiveProcess = {
  start: -5,
  executable: '/usr/bin/node',
  page: 7,
  environment: { OTEL_SERVICE_NAME: 'shop' },
}
const nodeAt7 = { '/usr/bin/node': 7 }

test('a process is told by what /proc shows of it', async () => {
  const { finder } = finderOver({ 12: { ...shop, cgroup: inContainer } })
  const batch = batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] })
  assert.deepEqual(await resourcesOf(finder, batch), [
    {
      pid: 12,
      service: { name: 'shop', from: 'environment' },
      executablePath: '/usr/bin/node',
      executableName: 'node',
      containerId: container,
      cgroupPath: '',
    },
  ])
})

test('a process that is gone belongs to the container of its samples’ cgroup, and to no other', async () => {
  const { finder } = finderOver({})
  const kubepods = `/kubepods/burstable/pod0/${container}`
  const batch = batchOfProcesses({
    before: { 12: nodeAt7, 13: nodeAt7 },
    samples: [
      [12, 1],
      [13, 2],
    ],
    cgroups: [kubepods, ''],
  })
  const found = await resourcesOf(finder, batch)
  assert.deepEqual(
    found.map(({ pid, containerId, cgroupPath }) => [pid, containerId, cgroupPath]),
    [
      [12, container, kubepods],
      [13, '', ''],
    ],
  )
})

test('what samples say of the container counts more than what /proc says now', async () => {
  const other = 'f'.repeat(64)
  const { finder } = finderOver({ 12: { ...shop, cgroup: inContainer } })
  const batch = batchOfProcesses({
    before: { 12: nodeAt7 },
    samples: [
      [12, 1],
      [12, 2],
      [12, 3],
    ],
    cgroups: [`/docker/${other}`, inContainer, '/'],
  })
  assert.deepEqual(
    (await resourcesOf(finder, batch)).map(({ containerId }) => containerId),
    [other, container, container],
    'of a path without a container /proc is asked: engines do not use every hierarchy',
  )
})

test('samples cross to a worker without a copy, and equal resources are one row', async () => {
  const { finder } = finderOver({ 12: shop })
  const batch = batchOfProcesses({
    before: { 12: nodeAt7 },
    samples: [
      [12, 1],
      [12, 2],
      [0, 3],
      [12, 4],
      [0xffff_ffff, 5],
    ],
  })
  const { table, ofSample } = await finder.find(batch)
  assert.ok(ofSample.buffer instanceof SharedArrayBuffer)
  assert.deepEqual([...ofSample], [1, 1, 0, 1, 0])
  assert.equal(table.length, 2)
})

test('the idle task, and kernel threads, have the default name and no executable', async () => {
  const { finder, proc } = finderOver({ 2: { start: -100, kernelThread: true } })
  const batch = batchOfProcesses({
    before: { 2: {} },
    samples: [
      [0, 1],
      [2, 1],
    ],
  })
  const nobody = {
    service: { name: 'unknown_service', from: 'default' },
    executablePath: '',
    executableName: '',
    containerId: '',
    cgroupPath: '',
  }
  assert.deepEqual(await resourcesOf(finder, batch), [
    { pid: 0, ...nobody },
    { pid: 2, ...nobody },
  ])
  assert.ok(!proc.asked.some((what) => what.startsWith('environ')), 'a kernel thread has no environment')
})

test('what called exec in the window is another owner before than after', async () => {
  const { finder } = finderOver({ 12: shop })
  const batch = batchOfProcesses({
    before: { 12: { '/bin/sh': 3 } },
    told: [
      { at: 5, exec: 12 },
      { at: 5, map: '/usr/bin/node', in: 12, page: 7 },
    ],
    samples: [
      [12, 1],
      [12, 4.9],
      [12, 5.1],
    ],
  })
  const found = await resourcesOf(finder, batch)
  assert.deepEqual(
    found.map(({ service, executablePath }) => [service.name, service.from, executablePath]),
    [
      ['sh', 'executable', '/bin/sh'],
      ['sh', 'executable', '/bin/sh'],
      ['shop', 'environment', '/usr/bin/node'],
    ],
  )
})

test('a number that was given to another process is not mistaken for it', async () => {
  const { finder } = finderOver({ 12: { ...shop, start: 6 } })
  const told = [
    { at: 3, exit: 12 },
    { at: 6, fork: 12, of: 1 },
    { at: 6, exec: 12 },
    { at: 6, map: '/usr/bin/node', in: 12, page: 7 },
  ] as const
  const before = { 1: { '/sbin/init': 2 }, 12: { '/bin/old': 3 } }
  const samples = [
    [12, 1],
    [12, 7],
  ] as const
  assert.deepEqual(await servicesOf(finder, batchOfProcesses({ before, told, samples })), ['old', 'shop'])
})

test('… nor where the kernel’s records of it were lost', async () => {
  const { finder } = finderOver({ 12: { ...shop, start: 6 } })
  const batch = batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] })
  assert.deepEqual(await servicesOf(finder, batch), ['node'])
})

test('… nor where the machine has slept since it started', async () => {
  const { finder, proc } = finderOver({ 12: { ...shop, start: -1 }, 13: { ...shop, start: 6 } })
  proc.slept = 3_600_000_000_000n
  const batch = batchOfProcesses({
    before: { 12: nodeAt7, 13: nodeAt7 },
    samples: [
      [12, 1],
      [13, 1],
    ],
  })
  assert.deepEqual(await servicesOf(finder, batch), ['shop', 'node'])
})

test('what called exec after the window closed does not lend its name to what it was before', async () => {
  const { finder } = finderOver({ 12: { ...shop, page: 9 } })
  const batch = batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] })
  assert.deepEqual(await servicesOf(finder, batch), ['node'])
})

test('… nor when it does so while it is asked', async () => {
  const { finder, proc } = finderOver({ 12: shop })
  proc.meanwhile = () => proc.processes.set(12, { ...shop, page: 9 })
  const batch = batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] })
  assert.deepEqual(await servicesOf(finder, batch), ['node'])
})

test('a process that has ended is what an earlier window learnt of it', async () => {
  const { finder, proc } = finderOver({ 12: { ...shop, cgroup: inContainer } })
  await finder.find(batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] }))
  proc.processes.delete(12)
  const told = [{ at: 12, exit: 12 }] as const
  const batch = batchOfProcesses({ sequence: 1, before: { 12: nodeAt7 }, told, samples: [[12, 11]] })
  const [found] = await resourcesOf(finder, batch)
  assert.deepEqual([found?.service.name, found?.containerId], ['shop', container])
})

test('… but not where it has called exec since, seen or unseen, or windows are missing', async () => {
  const later = async (sequence: number, change: Parameters<typeof batchOfProcesses>[0]) => {
    const { finder, proc } = finderOver({ 12: shop })
    await finder.find(batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] }))
    proc.processes.delete(12)
    return await servicesOf(finder, batchOfProcesses({ ...change, sequence }))
  }
  const exec = [
    { at: 12, exec: 12 },
    { at: 12, map: '/bin/cat', in: 12, page: 8 },
  ] as const
  const samples = [
    [12, 11],
    [12, 13],
  ] as const
  assert.deepEqual(await later(1, { before: { 12: nodeAt7 }, told: exec, samples }), ['shop', 'cat'])
  assert.deepEqual(await later(1, { before: { 12: { '/bin/cat': 8 } }, samples }), ['cat', 'cat'])
  const missed = [[12, 21]] as const
  assert.deepEqual(await later(2, { before: { 12: nodeAt7 }, samples: missed }), ['node'])
})

const ofSource = (source: number, batch: ProfileBatch, isLast = false): ProfileBatch => ({
  ...batch,
  isLast,
  session: { ...batch.session, source },
})

test('windows of another source, which come in between and overlap, take nothing from what a source has learnt', async () => {
  const { finder, proc } = finderOver({ 12: shop })
  const exit = [{ at: 18, exit: 12 }] as const
  await finder.find(ofSource(1, batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] })))
  proc.processes.delete(12)
  // It tells of the exit before the first source has come so far.
  const others = { before: { 12: nodeAt7 }, told: exit, samples: [] }
  await finder.find(ofSource(2, { ...batchOfProcesses({ ...others, sequence: 1 }), isLast: false }))
  await finder.find(ofSource(2, batchOfProcesses({ samples: [], sequence: 2 })))
  const window = batchOfProcesses({ sequence: 1, before: { 12: nodeAt7 }, told: exit, samples: [[12, 11]] })
  assert.deepEqual(await servicesOf(finder, ofSource(1, window)), ['shop'])
})

test('what a source has learnt goes with its end, for every session of its last window', async () => {
  const { finder, proc } = finderOver({ 12: shop })
  const windowOf = (sequence: number) =>
    batchOfProcesses({ sequence, before: { 12: nodeAt7 }, samples: [[12, 10 * sequence + 1]] })
  await finder.find(ofSource(1, windowOf(0)))
  proc.processes.delete(12)
  const last = ofSource(1, windowOf(1), true)
  const second = { ...last, session: { ...last.session, id: 9 } }
  assert.deepEqual(await servicesOf(finder, last), ['shop'])
  assert.deepEqual(await servicesOf(finder, second), ['shop'])
  assert.deepEqual(await servicesOf(finder, ofSource(1, windowOf(2))), ['node'])
})

test('what was learnt of a process is forgotten when it execs in a window that has no samples of it', async () => {
  const { finder, proc } = finderOver({ 12: { ...shop, page: 7 } })
  await finder.find(batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] }))
  // A program that cannot be moved lies where it lay before.
  const told = [
    { at: 12, exec: 12 },
    { at: 12, map: '/usr/bin/node', in: 12, page: 7 },
  ] as const
  await finder.find(batchOfProcesses({ sequence: 1, before: { 12: nodeAt7 }, told, samples: [] }))
  proc.processes.delete(12)
  const batch = batchOfProcesses({ sequence: 2, before: { 12: nodeAt7 }, samples: [[12, 21]] })
  assert.deepEqual(await servicesOf(finder, batch), ['node'])
})

test('a program that cannot be moved, and replaces itself by itself, lends nothing to what it was and takes nothing from it', async () => {
  const told = [15, 17].flatMap((at) => [
    { at, exec: 12 },
    { at, map: '/usr/bin/node', in: 12, page: 7 },
  ])
  const samples = [14, 16, 18].map((at) => [12, at] as const)
  const second = batchOfProcesses({ sequence: 1, before: { 12: nodeAt7 }, told, samples })
  const { finder: late } = finderOver({ 12: shop })
  assert.deepEqual(await servicesOf(late, second), ['node', 'node', 'shop'])
  const { finder, proc } = finderOver({ 12: shop })
  await finder.find(batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] }))
  proc.processes.delete(12)
  assert.deepEqual(await servicesOf(finder, second), ['shop', 'node', 'node'])
})

test('a number that was given to another process between two samples of it is asked again', async () => {
  const { finder, proc } = finderOver({ 12: shop })
  await finder.find(batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] }))
  proc.processes.set(12, { ...shop, start: 11, environment: { DD_SERVICE: 'other' } })
  const batch = batchOfProcesses({ sequence: 1, before: { 12: nodeAt7 }, samples: [[12, 15]] })
  assert.deepEqual(await servicesOf(finder, batch), ['other'])
})

test('a new thread makes no new owner', async () => {
  const { finder } = finderOver({ 12: shop })
  const told = [{ at: 2, fork: 12, of: 12 }] as const
  const samples = [
    [12, 1],
    [12, 3],
  ] as const
  const batch = batchOfProcesses({ before: { 12: nodeAt7 }, told, samples })
  assert.deepEqual(await servicesOf(finder, batch), ['shop', 'shop'])
})

test('what was learnt of a process that ended is not given to the next of its number', async () => {
  const { finder, proc } = finderOver({ 12: shop })
  await finder.find(batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] }))
  proc.processes.delete(12)
  const told = [{ at: 12, exit: 12 }] as const
  await finder.find(batchOfProcesses({ sequence: 1, before: { 12: nodeAt7 }, told, samples: [] }))
  const batch = batchOfProcesses({ sequence: 2, before: { 12: nodeAt7 }, samples: [[12, 21]] })
  assert.deepEqual(await servicesOf(finder, batch), ['node'])
})

test('a child that is gone has its parent’s container, and its own executable', async () => {
  const parent: LiveProcess = { ...shop, cgroup: inContainer }
  const { finder } = finderOver({ 12: parent, 20: { start: -5, page: 3, executable: '/bin/sh' } })
  const batch = batchOfProcesses({
    before: { 12: nodeAt7, 20: { '/bin/sh': 3 } },
    told: [
      { at: 1, fork: 13, of: 12 },
      { at: 2, exec: 13 },
      { at: 2, map: '/bin/cat', in: 13, page: 8 },
      { at: 2.5, fork: 14, of: 13 },
      { at: 3, fork: 21, of: 20 },
    ],
    samples: [
      [13, 1.5],
      [13, 2.5],
      [14, 2.6],
      [21, 3.5],
    ],
  })
  const found = await resourcesOf(finder, batch)
  assert.deepEqual(
    found.map(({ service, containerId }) => [service.name, containerId]),
    [
      ['node', container],
      ['cat', container],
      ['cat', container],
      ['sh', ''],
    ],
  )
})

test('a program that was deleted while it runs is what it was', async () => {
  const executable = '/opt/shop/server (deleted)'
  const { finder } = finderOver({ 12: { start: -5, page: 7, executable } })
  const before = { 12: { [executable]: 7 }, 13: { [executable]: 8 } }
  const samples = [
    [12, 1],
    [13, 1],
  ] as const
  const found = await resourcesOf(finder, batchOfProcesses({ before, samples }))
  assert.deepEqual(
    found.map(({ executablePath, executableName }) => [executablePath, executableName]),
    [
      ['/opt/shop/server', 'server'],
      ['/opt/shop/server', 'server'],
    ],
  )
})

test('the executable is the lowest file, not a library above it or memory below it', async () => {
  const { finder } = finderOver({})
  const before = { 12: { '/lib/libc.so.6': 90, '/usr/bin/node': 7, '//anon': 2 } }
  const batch = batchOfProcesses({ before, samples: [[12, 1]] })
  assert.deepEqual(await servicesOf(finder, batch), ['node'])
})

test('a program in memory is one, and one that moved its code into memory is known all the same', async () => {
  const link = '/memfd:runc_cloned:/proc/self/exe (deleted)'
  const { finder, proc } = finderOver({ 12: shop })
  const before = { 12: { '//anon': 7, '/lib/libc.so.6': 90 }, 13: { [link]: 6, '/lib/libc.so.6': 90 } }
  const batch = batchOfProcesses({
    before,
    samples: [
      [12, 1],
      [13, 1],
    ],
  })
  assert.deepEqual(await servicesOf(finder, batch), ['shop', 'runc_cloned'])
  assert.ok(proc.asked.includes('environ 12'))
})

test('what a parent maps after a fork is not its child’s', async () => {
  const { finder } = finderOver({})
  const batch = batchOfProcesses({
    before: { 12: { '/bin/b': 5 } },
    told: [
      { at: 1, fork: 13, of: 12 },
      { at: 2, map: '/bin/a', in: 12, page: 4 },
      { at: 3, map: '/bin/c', in: 13, page: 6 },
    ],
    samples: [
      [12, 4],
      [13, 4],
    ],
  })
  assert.deepEqual(await servicesOf(finder, batch), ['a', 'b'])
})

test('a zombie is gone: another thread’s number, or nobody’s', async () => {
  const { finder } = finderOver({ 12: { ...shop, zombie: true } })
  const batch = batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] })
  assert.deepEqual(await servicesOf(finder, batch), ['node'])
})

test('a process of which nothing was told is asked, and has its number where it is gone', async () => {
  const { finder } = finderOver({ 12: shop })
  const batch = batchOfProcesses({
    samples: [
      [12, 1],
      [13, 1],
    ],
  })
  const found = await resourcesOf(finder, batch)
  assert.deepEqual(
    found.map(({ pid, service }) => [pid, service.name]),
    [
      [12, 'shop'],
      [13, 'unknown_service'],
    ],
  )
})

test('later windows look at the start and the cgroup only, and sessions of one window read nothing twice', async () => {
  const { finder, proc } = finderOver({ 12: shop })
  const first = batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] })
  await Promise.all([finder.find(first), finder.find({ ...first, samples: { ...first.samples } })])
  assert.deepEqual(proc.asked.splice(0), ['stat 12', 'cgroup 12', 'exe 12', 'environ 12', 'stat 12'])
  await finder.find(batchOfProcesses({ sequence: 1, before: { 12: nodeAt7 }, samples: [[12, 11]] }))
  assert.deepEqual(proc.asked, ['stat 12', 'cgroup 12'])
})

test('what moved to another cgroup is asked again', async () => {
  const policy: ServicePolicy = {
    rules: [{ match: { cgroup: '/batch/*' }, serviceName: 'batch' }],
    defaultName: 'x',
  }
  const { finder, proc } = finderOver({ 12: shop }, policy)
  const first = batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] })
  assert.deepEqual(await servicesOf(finder, first), ['shop'])
  proc.processes.set(12, { ...shop, cgroup: '/batch/7' })
  const second = batchOfProcesses({ sequence: 1, before: { 12: nodeAt7 }, samples: [[12, 11]] })
  assert.deepEqual(await servicesOf(finder, second), ['batch'])
})

test('command lines are read only where a rule asks for them', async () => {
  const policy: ServicePolicy = {
    rules: [{ match: { executable: 'node', commandLine: '* /srv/*.js' }, serviceName: 'srv' }],
    defaultName: 'x',
  }
  const commandLine = ['node', '/srv/shop.js']
  const { finder } = finderOver({ 12: { ...shop, commandLine } }, policy)
  const batch = batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] })
  assert.deepEqual(await servicesOf(finder, batch), ['srv'])
})

test('environments that may not be read are counted in one remark, and nothing else suffers', async () => {
  const denied: LiveProcess = { ...shop, cgroup: inContainer, memory: 'denied' }
  const policy: ServicePolicy = {
    rules: [{ match: { executable: 'db' }, serviceName: 'ruled' }],
    defaultName: 'x',
  }
  const { finder } = finderOver(
    { 12: denied, 13: denied, 14: denied, 15: { ...shop, memory: 'slow' } },
    policy,
  )
  const before = { 12: nodeAt7, 13: nodeAt7, 14: { '/bin/db': 8 }, 15: nodeAt7 }
  for (const sequence of [0, 1]) {
    const at = sequence * 10 + 1
    const samples = [12, 13, 14, 15].map((pid) => [pid, at] as const)
    const found = await resourcesOf(finder, batchOfProcesses({ sequence, before, samples }))
    assert.deepEqual(
      found.map(({ service, containerId }) => [service.name, containerId]),
      [
        ['node', container],
        ['node', container],
        ['ruled', container],
        ['node', ''],
      ],
    )
  }
  assert.deepEqual(finder.remarks(), [
    'the environments of 2 processes could not be read (CAP_SYS_PTRACE): their services are named by rules and executables',
    'the environments of 1 process took too long to read: their services are named by rules and executables',
  ])
})

test('an environment is overwritten when it has been looked at', async () => {
  const { finder, proc } = finderOver({ 12: shop })
  const read: Uint8Array[] = []
  const environment = proc.environment.bind(proc)
  proc.environment = async (pid) => {
    const reading = await environment(pid)
    if (reading.outcome === 'read') read.push(reading.bytes)
    return reading
  }
  await finder.find(batchOfProcesses({ before: { 12: nodeAt7 }, samples: [[12, 1]] }))
  assert.deepEqual(
    read.map((bytes) => [bytes.length > 0, bytes.some((byte) => byte !== 0)]),
    [[true, false]],
  )
})

test('when time is up, what was not asked goes by the process table until the next window', async () => {
  const { finder, proc, spend } = finderOver({ 12: shop, 13: shop })
  proc.meanwhile = () => spend(2_000)
  const before = { 12: nodeAt7, 13: nodeAt7 }
  const samplesAt = (at: number) => [12, 13].map((pid) => [pid, at] as const)
  assert.deepEqual(await servicesOf(finder, batchOfProcesses({ before, samples: samplesAt(1) })), [
    'shop',
    'node',
  ])
  const next = batchOfProcesses({ sequence: 1, before, samples: samplesAt(11) })
  assert.deepEqual(await servicesOf(finder, next), ['shop', 'shop'])
})

test('of a recording only its own process table is asked', async () => {
  const policy: ServicePolicy = {
    rules: [{ match: { executable: 'nginx' }, serviceName: 'proxy' }],
    defaultName: 'none',
  }
  const finder = createResourceFinder(policy, undefined)
  const batch = batchOfProcesses({
    before: { [process.pid]: nodeAt7, 13: { '/usr/sbin/nginx': 3 }, 14: {} },
    samples: [
      [process.pid, 1],
      [13, 1],
      [14, 1],
    ],
  })
  assert.deepEqual(await servicesOf(finder, batch), ['node', 'proxy', 'none'])
  assert.deepEqual(finder.remarks(), [])
})

test('a window of many processes leaves the event loop to others', async () => {
  const pids = Array.from({ length: 4_000 }, (_, index) => index + 100)
  const { finder } = finderOver(Object.fromEntries(pids.map((pid) => [pid, shop])))
  const before = Object.fromEntries(pids.map((pid) => [pid, nodeAt7]))
  const batch = batchOfProcesses({ before, samples: pids.map((pid) => [pid, 1]) })
  const turns = countTurns()
  const services = await servicesOf(finder, batch)
  assert.ok(services.every((service) => service === 'shop'))
  assert.ok(turns.stop() > 1)
})
