// What doctor says of machines that are not this one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CAPABILITY_PURPOSES } from '../../../../src/sampler/capabilities.ts'
import { diagnosisOf } from '../../../../src/sampler/diagnosis/diagnosis.ts'
import type { MachineFacts } from '../../../../src/sampler/diagnosis/facts.ts'
import { type Finding, isTrouble } from '../../../../src/sampler/diagnosis/finding.ts'
import { type MachineChanges, machine, text, unreadable } from '../../../support/machine-facts.ts'

const findingsOf = (facts: MachineFacts): readonly Finding[] =>
  diagnosisOf(facts).groups.flatMap(({ findings }) => findings)
const troubles = (facts: MachineFacts): readonly Finding[] => findingsOf(facts).filter(isTrouble)
const subjects = (findings: readonly Finding[]): readonly string[] => findings.map(({ subject }) => subject)

/** The one finding of the subject. */
function only(subject: string, changes: MachineChanges): Finding {
  const found = findingsOf(machine(changes)).filter((finding) => finding.subject === subject)
  assert.equal(found.length, 1, `${found.length} findings of ${subject}`)
  return found[0] as Finding
}

const lines = ({ says, why = '', fix = '' }: Finding): string => `${says}\n${why}\n${fix}`

test('on a machine where everything works nothing is degraded, and BPF samples', () => {
  const diagnosis = diagnosisOf(machine())
  assert.deepEqual(troubles(machine()), [])
  assert.equal(diagnosis.degraded, false)
  assert.equal(diagnosis.backEnd?.backEnd, 'bpf')
})

test('each capability that is missing is named with what it serves and how it is given', () => {
  for (const { name, serves } of CAPABILITY_PURPOSES) {
    const held = CAPABILITY_PURPOSES.map((each) => each.name).filter((each) => each !== name)
    const finding = only(name, { held })
    assert.equal(finding.state, 'degraded')
    assert.ok(finding.says.includes(serves), finding.says)
    assert.match(finding.why ?? '', /bounding set/)
    assert.ok(finding.fix?.includes(`--cap-add ${name.replace('CAP_', '')}`))
    assert.ok(finding.fix?.includes(`AmbientCapabilities=${name}`))
  }
})

test('a capability that a container has and its user was not given is told from one that was taken away', () => {
  const status = (permitted: string, noNewPrivileges = 0): MachineChanges => ({
    files: {
      status: text(
        `NoNewPrivs:\t${noNewPrivileges}\nCapPrm:\t${permitted}\nCapEff:\t0\nCapBnd:\t000001ffffffffff\nSeccomp:\t0\n`,
      ),
    },
  })
  const possible = only('CAP_BPF', status('0000000000000000'))
  assert.match(lines(possible), /uid 65532 does not get[\s\S]*sonde-launcher/)
  const sealed = only('CAP_BPF', status('0000000000000000', 1))
  assert.match(lines(sealed), /no_new_privs keeps it[\s\S]*allowPrivilegeEscalation: true/)
  const idle = only('CAP_BPF', status('000001ffffffffff'))
  assert.match(idle.why ?? '', /permitted to this process, but not in effect/)
})

test('CAP_SYS_ADMIN stands in for CAP_BPF and CAP_PERFMON, as in the kernel', () => {
  const facts = machine({ held: '0000000000200000' })
  assert.deepEqual(subjects(troubles(facts)), ['CAP_SYS_PTRACE', 'CAP_SYSLOG'])
})

test('perf_event_paranoid: each level says what may still be sampled, and the command that changes it', () => {
  const level = (paranoid: string): Finding =>
    only('kernel.perf_event_paranoid', { held: [], files: { paranoid: text(`${paranoid}\n`) } })
  assert.deepEqual(
    ['-1', '0', '1', '2', '3', '4'].map((each) => level(each).state),
    ['ok', 'ok', 'degraded', 'degraded', 'missing', 'missing'],
  )
  assert.match(level('2').says, /one's own processes.* in user mode/)
  assert.match(level('4').says, /4: nothing may be sampled/)
  assert.match(level('4').fix ?? '', /sysctl kernel.perf_event_paranoid=/)
})

test('a kernel that takes CAP_SYS_ADMIN alone at paranoid 4 is found by what it refused', () => {
  const debian = { files: { paranoid: text('4\n') } }
  assert.equal(only('kernel.perf_event_paranoid', debian).state, 'ok', 'Debian takes CAP_PERFMON')
  const other = only('kernel.perf_event_paranoid', { ...debian, refused: { own_user: 'EACCES' } })
  assert.equal(other.state, 'missing')
  assert.match(other.fix ?? '', /perf_event_paranoid=2/)
  assert.equal(diagnosisOf(machine({ ...debian, refused: { own_user: 'EACCES' } })).backEnd, undefined)
})

test('kernel addresses: kptr_restrict 2 hides them from everybody, 0 and 1 from those without CAP_SYSLOG', () => {
  const hidden = text('0000000000000000 T _text\n0000000000000000 T startup_64\n')
  const all = only('kernel.kptr_restrict', { files: { kptrRestrict: text('2\n'), kallsyms: hidden } })
  assert.equal(all.state, 'degraded')
  assert.match(lines(all), /root included\nsysctl kernel.kptr_restrict=1/)
  const some = only('kernel.kptr_restrict', { files: { kptrRestrict: text('0\n'), kallsyms: hidden } })
  assert.match(lines(some), /no CAP_SYSLOG[\s\S]*grant CAP_SYSLOG/)
  const none = only('kernel.kptr_restrict', { files: { kallsyms: unreadable('ENOENT') } })
  assert.match(lines(none), /CONFIG_KALLSYMS/)
})

test('lockdown is told by name, and only confidentiality touches Sonde', () => {
  const at = (lockdown: string, refused = {}): Finding =>
    only('lockdown', { files: { lockdown: text(lockdown) }, refused })
  assert.equal(at('none [integrity] confidentiality\n').state, 'ok')
  assert.match(at('none [integrity] confidentiality\n').says, /integrity/)
  const deepest = at('none integrity [confidentiality]\n')
  assert.equal(deepest.state, 'degraded')
  assert.match(lines(deepest), /confidentiality[\s\S]*Secure Boot[\s\S]*lockdown=integrity/)
})

test('where lockdown refuses a helper, the helper’s line says so', () => {
  const facts = machine({
    files: { lockdown: text('none integrity [confidentiality]\n') },
    refused: { bpf_probe_read_kernel: 'EINVAL', sonde_sampler: 'EINVAL' },
  })
  const refused = troubles(facts).filter(({ subject }) => /^BPF (helpers|programs)$/.test(subject))
  assert.equal(refused.length, 2)
  for (const { why } of refused) assert.match(why ?? '', /lockdown is at confidentiality/)
})

test('tracefs that is closed or not mounted is worth knowing, and no more', () => {
  const closed = only('tracefs', { files: { tracepoint: unreadable('EACCES') } })
  assert.deepEqual([closed.state, closed.says.split(':')[0]], ['info', 'not readable'])
  const absent = only('tracefs', { files: { tracepoint: unreadable('ENOENT') } })
  assert.match(lines(absent), /^not mounted[\s\S]*mount -t tracefs/)
})

test('where securityfs is not mounted lockdown cannot be told, and that counts for nothing', () => {
  const unknown = only('lockdown', { files: { lockdown: unreadable('ENOENT'), mounts: text('') } })
  assert.equal(unknown.state, 'info')
  assert.match(unknown.fix ?? '', /mount -t securityfs/)
  const absent = only('lockdown', { files: { lockdown: unreadable('ENOENT') } })
  assert.deepEqual([absent.says, absent.fix], ['not in this kernel', undefined])
})

test('a seccomp filter is named with the calls that it refuses', () => {
  for (const error of ['EPERM', 'ENOSYS']) {
    const both = only('seccomp', { seccomp: 2, refused: { perf_event_open: error, bpf: error } })
    assert.equal(both.state, 'missing')
    assert.match(
      both.says,
      new RegExp(`filter refuses perf_event_open \\(${error}\\) and bpf \\(${error}\\)`),
    )
    assert.match(both.fix ?? '', /Docker: .*Kubernetes: .*systemd: SystemCallFilter=perf_event_open bpf/)
  }
  const bpf = only('seccomp', { seccomp: 2, refused: { bpf: 'EPERM' } })
  assert.equal(bpf.state, 'degraded')
  assert.match(bpf.says, /bpf \(EPERM\): no BPF back-end/)
  assert.equal(only('seccomp', { seccomp: 2 }).state, 'ok', 'a filter that lets both through')
})

test('what a filter keeps from the kernel is not blamed on capabilities', () => {
  const facts = machine({
    seccomp: 2,
    held: [],
    refused: {
      perf_event_open: 'EPERM',
      bpf: 'EPERM',
      own_user: 'EPERM',
      ringbuf: 'EPERM',
      perf_event: 'EPERM',
    },
  })
  const tried = troubles(facts).filter(({ subject }) => /^(perf events|BPF)/.test(subject))
  assert.equal(tried.length, 3)
  for (const { why } of tried) assert.match(why ?? '', /does not reach the kernel: see seccomp/)
})

test('before Linux 5.19 an EPERM of bpf() without CAP_BPF is no seccomp filter', () => {
  const old = { release: '5.10.0-28-amd64', held: [], refused: { bpf: 'EPERM' } } as const
  assert.equal(only('seccomp', old).state, 'ok')
  assert.equal(only('seccomp', { ...old, seccomp: 2 }).state, 'degraded')
})

test('kernels: before 5.8 there is no BPF back-end, later ones say what they lack', () => {
  assert.equal(only('kernel', { release: '5.4.0-150-generic' }).state, 'degraded')
  const debian11 = only('kernel', { release: '5.10.0-28-amd64' })
  assert.equal(debian11.state, 'info')
  assert.match(debian11.why ?? '', /5\.15.*5\.12.*RLIMIT_MEMLOCK \(5\.11\)/)
  assert.equal(only('kernel', { release: '6.18.44-fc' }).state, 'ok')
  assert.equal(
    only('kernel', { release: 'custom' }).state,
    'ok',
    'a version that cannot be read is not an old one',
  )
})

test('memory of BPF counts against RLIMIT_MEMLOCK before Linux 5.11 alone', () => {
  const limits = text('Max locked memory         65536                65536                bytes     \n')
  const old = only('memory of BPF', { release: '5.10.0', files: { limits } })
  assert.equal(old.state, 'degraded')
  assert.match(lines(old), /64 KiB may be locked[\s\S]*ulimit -l 24576/)
  assert.equal(only('memory of BPF', { release: '5.11.0', files: { limits } }).state, 'ok')
  const unlimited = text('Max locked memory         unlimited            unlimited            bytes     \n')
  assert.equal(only('memory of BPF', { release: '5.10.0', files: { limits: unlimited } }).state, 'ok')
  assert.equal(
    only('memory of BPF', { release: '5.10.0', files: { limits }, held: '1000000' }).state,
    'ok',
    'CAP_SYS_RESOURCE',
  )
})

test('rings that do not fit into what may be locked are told with what both are', () => {
  const limits = text('Max locked memory         65536                65536                bytes     \n')
  const byPerf = { refused: { sonde_sampler: 'EINVAL' } }
  const small = only('memory of rings', { ...byPerf, files: { limits, perfMemoryLock: text('516\n') } })
  assert.equal(small.state, 'degraded')
  assert.match(lines(small), /smaller rings[\s\S]*1 MiB[\s\S]*64 KiB[\s\S]*ulimit -l \d+/)
  assert.equal(only('memory of rings', { ...byPerf, files: { limits, paranoid: text('-1\n') } }).state, 'ok')
  assert.equal(only('memory of rings', { files: { limits } }).state, 'ok', 'beside BPF, rings are small')
  assert.equal(only('memory of rings', { files: { limits }, held: '4000' }).state, 'ok', 'CAP_IPC_LOCK')
})

test('without BTF there is no BPF back-end, and that is said at both', () => {
  const refused = { tp_btf: 'ENOENT at types', sonde_sampler: 'ESRCH' }
  const facts = machine({ files: { types: unreadable('ENOENT') }, refused })
  assert.deepEqual(subjects(troubles(facts)), ['BTF', 'BPF programs', 'back-end'])
  assert.match(only('BTF', { files: { types: unreadable('ENOENT') } }).fix ?? '', /CONFIG_DEBUG_INFO_BTF/)
  const programs = findingsOf(facts).find(({ says }) => says.startsWith('not sonde_sampler, tp_btf'))
  assert.match(programs?.why ?? '', /see BTF/)
})

test('cgroups: version 2, hybrid, version 1, and a container without either', () => {
  const v1 = '/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory'
  const v2 = '/sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw'
  const mounted = (rows: readonly string[], changes: MachineChanges): Finding =>
    only('cgroups', {
      ...changes,
      files: { mounts: text(rows.map((row) => `30 23 0:26 / ${row}\n`).join('')) },
    })
  assert.equal(mounted([v2], {}).says, 'version 2; told apart at /sys/fs/cgroup')
  assert.match(mounted([v1, v2], {}).says, /^hybrid; told apart at/)
  const inUse = { controller: 'memory' }
  assert.equal(mounted([v1], inUse).state, 'ok', 'BPF reads the cgroups of version 1 as well')
  const byPerf = { ...inUse, refused: { sonde_sampler: 'EINVAL' } }
  assert.match(mounted([v1], byPerf).says, /^version 1; told apart by memory/)
  for (const rows of [[v1], [v1, v2]]) {
    assert.equal(mounted(rows, byPerf).state, 'degraded')
    assert.match(lines(mounted(rows, byPerf)), /ends before it is looked at[\s\S]*unified_cgroup_hierarchy=1/)
  }
  const none = mounted(['/ rw - overlay overlay rw'], { controller: null })
  assert.match(lines(none), /not mounted here[\s\S]*mount -t cgroup2/)
})

test('a virtual machine without a PMU is no fault; counters that somebody else holds are', () => {
  assert.equal(only('PMUs', { pmus: [], refused: { cycles: 'ENOENT' } }).state, 'info')
  assert.equal(only('PMUs', { refused: { cycles: 'EOPNOTSUPP' } }).state, 'info')
  assert.match(
    lines(only('PMUs', { refused: { cycles: 'EBUSY' } })),
    /holds the counters[\s\S]*nmi_watchdog=0/,
  )
  assert.equal(only('PMUs', {}).says, 'cpu')
})

test('what is optional degrades nothing; what the BPF back-end is made of makes perf sample', () => {
  const optional = machine({ refused: { fentry: 'EPERM', kprobe: 'ENOENT at attach' } })
  assert.deepEqual(troubles(optional), [])
  const kprobe = findingsOf(optional).find(({ says }) => says.startsWith('not kprobe'))
  assert.match(kprobe?.why ?? '', /kprobes load and cannot be attached/)
  const needed = machine({ refused: { ringbuf: 'ENOMEM' } })
  assert.deepEqual(subjects(troubles(needed)), ['BPF maps', 'back-end'])
  assert.match(troubles(needed)[0]?.fix ?? '', /memory limit/)
  assert.equal(diagnosisOf(needed).backEnd?.backEnd, 'perf')
})

test('what sampling would be attached to follows the back-end', () => {
  const subjectsOf = (changes: MachineChanges): readonly string[] =>
    diagnosisOf(machine(changes))
      .groups.at(-1)
      ?.findings.map(({ subject }) => subject) ?? []
  assert.deepEqual(subjectsOf({}), ['back-end', 'samples', 'processes', 'user registers'])
  assert.deepEqual(subjectsOf({ held: ['CAP_PERFMON'] }), ['back-end', 'samples', 'processes'])
  assert.deepEqual(subjectsOf({ refused: { own_user: 'EPERM' } }), ['back-end'])
  assert.match(only('samples', { refused: { machine: 'EACCES' } }).says, /one's own threads/)
  const old = only('user registers', { release: '5.10.0', refused: { bpf_task_pt_regs: 'EINVAL' } })
  assert.match(lines(old), /kernel stack[\s\S]*5\.15/)
})

test('a Sonde that was built without clang samples by perf, and says so', () => {
  const facts = machine({ refused: { sonde_sampler: 'ENOSYS' } })
  assert.equal(diagnosisOf(facts).backEnd?.backEnd, 'perf')
  const sampler = troubles(facts).find(({ subject }) => subject === 'BPF programs')
  assert.match(sampler?.why ?? '', /built without clang/)
})

test('things refused for one reason share a line', () => {
  const names = ['sonde_sampler', 'perf_event', 'tp_btf', 'fentry', 'kprobe']
  const refused = Object.fromEntries(names.map((name) => [name, 'EPERM']))
  const facts = machine({ held: ['CAP_BPF'], refused })
  const programs = findingsOf(facts).filter(({ subject }) => subject === 'BPF programs')
  assert.equal(programs.length, 1)
  assert.match(programs[0]?.why ?? '', /it takes CAP_PERFMON/)
})

test('what is newer than the kernel says since when it is there', () => {
  const facts = machine({
    release: '5.10.0',
    refused: { bpf_task_pt_regs: 'EINVAL', task_storage: 'EINVAL' },
  })
  const whys = findingsOf(facts).flatMap(({ why }) => (why?.startsWith('it came with') ? [why] : []))
  assert.deepEqual(whys, ['it came with Linux 5.11', 'it came with Linux 5.15'])
})

test('without the native part the rest is told all the same', () => {
  const facts = machine({ native: { problem: 'Cannot find the native part' } })
  assert.deepEqual(subjects(troubles(facts)), ['native part', 'back-end'])
  assert.equal(diagnosisOf(facts).degraded, true)
})

test('a machine of which no file can be read is diagnosed, not crashed on', () => {
  const files = Object.fromEntries(
    Object.keys(machine().files).map((name) => [name, unreadable('EACCES')]),
  ) as MachineFacts['files']
  const found = findingsOf(machine({ files, native: { problem: 'no addon' } }))
  assert.ok(found.length > 12)
  for (const { subject, says } of found) assert.notEqual(says, '', subject)
  assert.equal(found.find(({ subject }) => subject === 'CAP_BPF')?.says, 'cannot be told')
})
