// sonde doctor on the real kernel: as root, as a user with some capabilities, and behind a seccomp filter.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CAPABILITY_PURPOSES } from '../../src/sampler/capabilities.ts'
import { isInstalled, launcher, type Run, run, sonde } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'

interface Report {
  readonly version: number
  readonly degraded: boolean
  readonly backEnd: 'bpf' | 'perf' | null
  readonly findings: readonly {
    readonly group: string
    readonly subject: string
    readonly state: 'ok' | 'degraded' | 'missing' | 'info'
    readonly says: string
    readonly why: string | null
    readonly fix: string | null
  }[]
  readonly probes: readonly { readonly name: string; readonly error: string; readonly log: string }[]
}

const asOthers =
  process.getuid?.() === 0 && isInstalled('setpriv')
    ? {}
    : { skip: 'becoming another user with chosen capabilities needs root and setpriv' }
const FOUR = CAPABILITY_PURPOSES.map(({ name }) => name)
const AGENT_UID = '65532'

const reportOf = ({ stdout, stderr }: Run): Report => {
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout) as Report
}
const findingOf = ({ findings }: Report, subject: string) =>
  findings.find((finding) => finding.subject === subject)
const troublesOf = ({ findings }: Report): readonly string[] =>
  findings.filter(({ state }) => state === 'degraded' || state === 'missing').map(({ subject }) => subject)

/** Runs doctor as the agent's user with these capabilities. */
function doctorWith(held: readonly string[]): Run {
  const set = ['-all', ...held.map((name) => `+${name.replace('CAP_', '').toLowerCase()}`)].join(',')
  const capabilities = ['--inh-caps', set, '--ambient-caps', set, '--bounding-set', set]
  const user = ['--reuid', AGENT_UID, '--regid', AGENT_UID, '--clear-groups']
  return run('setpriv', [...user, ...capabilities, '--', launcher, 'doctor', '--json'])
}

/** Whether the capabilities can be given at all here: root of a container may not have them itself. */
function skipsWithoutFour(context: TestContext): boolean {
  const healthy = doctorWith(FOUR)
  const lacking =
    healthy.stdout === ''
      ? FOUR
      : troublesOf(reportOf(healthy)).filter((name) => FOUR.some((each) => each === name))
  if (lacking.length > 0)
    context.skip(`root cannot hand on ${lacking.join(', ')} here: ${healthy.stderr.trim()}`)
  return lacking.length > 0
}

test('the text has a line for each subject, and the exit status says whether something is degraded', () => {
  const text = sonde(['doctor'])
  const json = sonde(['doctor', '--json'])
  const report = reportOf(json)
  assert.equal(text.status, report.degraded ? 1 : 0)
  assert.equal(json.status, text.status)
  assert.equal(text.stderr, '')
  for (const { subject, state, says } of report.findings)
    assert.ok(
      text.stdout
        .split('\n')
        .some((line) => line.startsWith(`  ${state}`) && line.includes(subject) && line.endsWith(says)),
      `${subject}: ${says}`,
    )
  assert.match(text.stdout, report.degraded ? /Of \d+ findings: / : /Everything that Sonde needs works\.\n$/)
})

test('the answer for programs has the documented shape', () => {
  const report = reportOf(sonde(['doctor', '--json']))
  assert.equal(report.version, 1)
  assert.deepEqual(Object.keys(report), [
    'version',
    'sondeVersion',
    'degraded',
    'backEnd',
    'findings',
    'probes',
  ])
  for (const finding of report.findings)
    assert.deepEqual(Object.keys(finding), ['group', 'subject', 'state', 'says', 'why', 'fix'])
  const documented = readFileSync(join(import.meta.dirname, '../../docs/doctor.md'), 'utf8')
  for (const { subject } of report.findings) assert.ok(documented.includes(`\`${subject}\``), subject)
})

test('--verbose prints everything that was tried, with the words of the kernel', () => {
  const { probes } = reportOf(sonde(['doctor', '--json']))
  const verbose = sonde(['doctor', '--verbose']).stdout
  assert.ok(probes.length > 20)
  for (const { name, error } of probes)
    assert.match(verbose, new RegExp(`  ${name} +${error === '' ? 'ok' : error}`))
  for (const { log } of probes)
    for (const line of log.split('\n')) assert.ok(verbose.includes(line.trim()), line)
})

test(
  'with each capability removed in turn doctor names it, and the agent’s user needs no more than the four',
  asOthers,
  (context) => {
    if (skipsWithoutFour(context)) return
    for (const removed of FOUR) {
      const answer = doctorWith(FOUR.filter((name) => name !== removed))
      const report = reportOf(answer)
      assert.equal(answer.status, 1)
      assert.deepEqual(
        troublesOf(report).filter((subject) => subject.startsWith('CAP_')),
        [removed],
      )
      const finding = findingOf(report, removed)
      assert.ok(finding?.fix?.includes(removed), removed)
    }
  },
)

test('CAP_BPF decides between the back-ends', asOthers, (context) => {
  if (skipsWithoutFour(context)) return
  if (reportOf(doctorWith(FOUR)).backEnd !== 'bpf')
    return context.skip('this kernel has no BPF back-end for anybody')
  const without = reportOf(doctorWith(FOUR.filter((name) => name !== 'CAP_BPF')))
  assert.equal(without.backEnd, 'perf')
  const maps = without.findings.filter(({ subject }) => subject === 'BPF maps')
  assert.ok(
    maps.some(({ why }) => why?.includes('CAP_BPF')),
    JSON.stringify(maps),
  )
})

test('a seccomp filter is found and named, with the calls that it refuses', (context) => {
  if (!isInstalled('gcc')) return context.skip('compiling the filter needs gcc')
  const refuse = workload('refuse_calls')
  for (const error of ['EPERM', 'ENOSYS']) {
    const both = run(refuse, [error, 'bpf,perf_event_open', launcher, 'doctor', '--json'])
    assert.equal(both.status, 1)
    const report = reportOf(both)
    const finding = findingOf(report, 'seccomp')
    assert.equal(finding?.state, 'missing')
    assert.match(
      finding?.says ?? '',
      new RegExp(`a filter refuses perf_event_open \\(${error}\\) and bpf \\(${error}\\)`),
    )
    assert.match(finding?.fix ?? '', /SystemCallFilter=perf_event_open bpf/)
    assert.equal(report.backEnd, null)
  }
})

test('a filter that refuses bpf alone leaves perf', (context) => {
  if (!isInstalled('gcc')) return context.skip('compiling the filter needs gcc')
  const bare = reportOf(sonde(['doctor', '--json']))
  if (bare.backEnd === null) return context.skip('nothing can be sampled here')
  const report = reportOf(run(workload('refuse_calls'), ['EPERM', 'bpf', launcher, 'doctor', '--json']))
  assert.equal(report.backEnd, 'perf')
  assert.match(findingOf(report, 'seccomp')?.says ?? '', /refuses bpf \(EPERM\)/)
})

test('record behind such a filter says that doctor tells what refuses it', (context) => {
  if (!isInstalled('gcc')) return context.skip('compiling the filter needs gcc')
  for (const error of ['EPERM', 'ENOSYS']) {
    const refused = run(workload('refuse_calls'), [
      error,
      'perf_event_open',
      launcher,
      'record',
      '--',
      'true',
    ])
    assert.equal(refused.status, 1)
    assert.match(refused.stderr, /seccomp filter.*sonde doctor tells/)
  }
})

test('doctor takes no words, and says so', () => {
  const wrong = sonde(['doctor', 'everything'])
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /takes no 'everything'/)
})
