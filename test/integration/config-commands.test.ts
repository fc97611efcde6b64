// sonde config check, decode, encode and schema as a user meets them.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { launcher, run, sonde, temporaryDirectory } from '../support/sonde.ts'

const SAMPLE = 'CgljcHUtY2xvY2sQgJTr4gQYCg=='
const CIRCULATING = `type:\n  type: antimetal.agent.v1.ProfileCollectionConfig\nname: test-profiler\nversion: "1"\ndata: ${SAMPLE}  # cpu-clock\n`
const plain = (name: string, spec: string): string =>
  `apiVersion: sonde/v1\nkind: ProfileCollectionConfig\nmetadata: {name: ${name}}\nspec: {${spec}}\n`
const AGENT = 'apiVersion: sonde/v1\nkind: AgentConfig\nspec: {consumers: [{type: perf_data}]}\n'

function directoryOf(context: TestContext, files: Readonly<Record<string, string>>): string {
  const cwd = temporaryDirectory(context)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)
  return cwd
}
const piped = (input: string, args: string, cwd: string) =>
  run('sh', ['-c', `printf %s "$1" | "$2" ${args}`, 'sh', input, launcher], { cwd })

test('check takes the configuration in circulation, with exit code 0, and warns of what it asks for', (context) => {
  const cwd = directoryOf(context, { 'profiler.yaml': CIRCULATING })
  const { status, stdout, stderr } = sonde(['config', 'check', 'profiler.yaml'], { cwd })
  assert.equal(status, 0, stderr)
  assert.match(
    stdout,
    /^profiler\.yaml:1:1: test-profiler version 1: cpu-clock every 1281018368 ns \(0\.78 Hz\); handed over each 10 s to all consumers\n1 document valid, 0 errors\n$/,
  )
  assert.match(stderr, /^warning: profiler\.yaml:5:7: data\.sample_period: .* 1281018368 ns is 0\.78 Hz.*\n$/)
})

test('check tells all errors of all files of a directory, a mounted ConfigMap too, with exit code 1', (context) => {
  const cwd = temporaryDirectory(context)
  // As the kubelet lays it out.
  mkdirSync(join(cwd, 'mount/..2026'), { recursive: true })
  symlinkSync('..2026', join(cwd, 'mount/..data'))
  const files = {
    'a.yaml': `${plain('a', 'eventName: cpu-clok, consumers: [fils]')}---\n${plain('b', 'eventName: cycles')}`,
    'b.json': '{"kind": "ProfileCollectionConfig", "spec": {}',
    'c.yml': 'type: {type: antimetal.agent.v1.HostStatsCollectionConfig}\nname: cpu\ncollector: cpu\n',
    'notes.txt': 'nothing of ours',
  }
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(cwd, 'mount/..2026', name), text)
    symlinkSync(`..data/${name}`, join(cwd, 'mount', name))
  }
  const { status, stdout, stderr } = sonde(['config', 'check', 'mount', 'missing.yaml'], { cwd })
  assert.equal(status, 1)
  const errors = stderr.trimEnd().split('\n')
  assert.equal(
    stdout,
    `mount/a.yaml:6:1: b: cycles 99 Hz; handed over each 60 s to all consumers\n1 document valid, ${errors.length} errors\n`,
  )
  for (const pattern of [
    /^error: missing\.yaml does not exist$/,
    /^error: mount\/a\.yaml:4:19: document 1: spec\.eventName: There is no event 'cpu-clok' \(did you mean cpu-clock\?\)/,
    /^error: mount\/a\.yaml:4:40: document 1: spec\.consumers: the agent has no consumer "fils" \(did you mean files\?\)$/,
    /^error: mount\/b\.json:1:\d+: .*/,
    /^error: mount\/c\.yml:3:12: collector: this version of Sonde collects no metrics of the kernel/,
  ])
    assert.ok(
      errors.some((line) => pattern.test(line)),
      `${pattern}: ${stderr}`,
    )
})

test('check holds names of consumers against the AgentConfig beside it, but for what the environment can turn on', (context) => {
  const cwd = directoryOf(context, {
    'agent.yaml': AGENT,
    'a.yaml': plain('a', 'eventName: cycles, consumers: [perf_data, otlp_profiles]'),
    'b.yaml': plain('b', 'eventName: cycles, consumers: [files]'),
  })
  const { status, stdout, stderr } = sonde(['config', 'check', '.'], { cwd })
  assert.equal(status, 1)
  assert.match(stdout, /^agent\.yaml:1:1: AgentConfig: consumers perf_data\n/)
  assert.match(
    stderr,
    /^error: b\.yaml:4:38: spec\.consumers: the agent has no consumer "files"; its consumers are perf_data, .*\n$/,
  )
})

test('check tells of documents that stand in each other’s way', (context) => {
  const cwd = directoryOf(context, {
    'a.yaml': plain('same', 'eventName: cycles'),
    'b.yaml': `${plain('same', 'eventName: cpu-clock')}---\n${AGENT}---\n${AGENT}`,
  })
  const { status, stderr } = sonde(['config', 'check', 'a.yaml', 'b.yaml'], { cwd })
  assert.equal(status, 1)
  assert.deepEqual(stderr.trimEnd().split('\n'), [
    "error: b.yaml:1:1: sonde.v1.ProfileCollectionConfig 'same' is already in a.yaml:1:1",
    'error: b.yaml:10:1: AgentConfig is already in b.yaml:6:1',
  ])
})

test('decode shows what base64 asks for, given as a word, in a file, in a wrapper or on standard input', (context) => {
  const cwd = directoryOf(context, { 'data.txt': `${SAMPLE}\n`, 'profiler.yaml': CIRCULATING })
  const yaml = (name: string): string =>
    `apiVersion: sonde/v1\nkind: ProfileCollectionConfig\nmetadata:\n  name: ${name}\nspec:\n  eventName: cpu-clock\n  samplePeriod: 1281018368 # 0.78 Hz\n  intervalSeconds: 10\n`
  for (const [ran, name] of [
    [sonde(['config', 'decode', SAMPLE], { cwd }), 'profiler'],
    [sonde(['config', 'decode', 'data.txt', '--name', 'x'], { cwd }), 'x'],
    [sonde(['config', 'decode', 'profiler.yaml'], { cwd }), 'test-profiler\n  version: "1"'],
    [piped(SAMPLE, 'config decode -', cwd), 'profiler'],
  ] as const) {
    assert.equal(ran.status, 0, ran.stderr)
    assert.equal(ran.stdout, yaml(name))
    assert.match(ran.stderr, /^warning: .* 1281018368 ns is 0\.78 Hz/)
  }
})

test('encode and decode undo each other, through pipes and files', (context) => {
  const spec = 'eventName: page-faults, samplePeriod: 7, cgroups: [/a], userStacks: false, consumers: [files]'
  const cwd = directoryOf(context, { 'a.yaml': plain('a', spec) })
  const encoded = sonde(['config', 'encode', 'a.yaml'], { cwd })
  assert.match(encoded.stdout, /^[A-Za-z0-9+/]+=*\n$/)
  const decoded = piped(encoded.stdout, 'config decode - --name a', cwd)
  assert.equal(piped(decoded.stdout, 'config encode -', cwd).stdout, encoded.stdout)
  const wrapped = sonde(['config', 'encode', 'a.yaml', '--wrap'], { cwd })
  assert.match(wrapped.stdout, /^type:\n {2}type: sonde\.v1\.ProfileCollectionConfig\nname: a\ndata: /)
  assert.ok(wrapped.stdout.includes(encoded.stdout.trim()))
  assert.equal(piped(wrapped.stdout, 'config decode -', cwd).stdout, decoded.stdout)
  assert.equal(sonde(['config', 'encode', 'a.yaml', 'b.yaml'], { cwd }).status, 2)
})

test('what cannot be converted says why', (context) => {
  const cwd = directoryOf(context, {
    'agent.yaml': AGENT,
    'wrong.yaml': plain('a', 'eventName: cpu-clok'),
    'empty.yaml': '# x\n',
  })
  for (const [args, status, message] of [
    [['decode', 'aGVsbG8='], 1, /BASE64:1:1: .* is not a ProfileCollectionConfig: /],
    [['decode', 'missing.yaml'], 1, /missing\.yaml does not exist/],
    [['decode', 'agent.yaml'], 1, /agent\.yaml:1:1: the document: is an AgentConfig/],
    [['decode', SAMPLE, '--name', '-'], 2, /--name: expected 1 to 253 letters/],
    [['encode', 'wrong.yaml'], 1, /wrong\.yaml:4:19: spec\.eventName: There is no event 'cpu-clok'/],
    [['encode', 'empty.yaml'], 1, /empty\.yaml has no document/],
    [['schema', 'AgentConfg'], 2, /no kind 'AgentConfg' \(did you mean AgentConfig\?\)/],
    [['schema', 'constructor'], 2, /no kind 'constructor'; known are AgentConfig, /],
    [['chek', '.'], 2, /no sonde config chek \(did you mean check\?\)/],
    [[], 2, /What is to be done\?/],
  ] as const) {
    const ran = sonde(['config', ...args], { cwd })
    assert.equal(ran.status, status, ran.stderr)
    assert.match(ran.stderr, message)
    assert.equal(ran.stdout, '')
  }
})

test('schema prints what is shipped', () => {
  const shipped = readFileSync(
    join(import.meta.dirname, '../../config/schema/profile-collection-config.json'),
    'utf8',
  )
  assert.equal(sonde(['config', 'schema', 'ProfileCollectionConfig']).stdout, shipped)
})

test('help says what each does', () => {
  for (const args of [
    ['config', '--help'],
    ['config', 'check', '--help'],
    ['help', 'config'],
  ]) {
    const { status, stdout } = sonde(args)
    assert.equal(status, 0)
    for (const word of ['check', 'decode', 'encode', 'schema'])
      assert.match(stdout, new RegExp(`^ {2}sonde config ${word} `, 'm'))
    assert.equal(stdout.split('\n').filter((line) => line.length > 120).length, 0, 'lines fit a terminal')
  }
})
