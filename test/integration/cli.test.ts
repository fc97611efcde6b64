// sonde run, report, convert, help and version as a user meets them.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { launcher, readSummary, run, sonde, sum, temporaryDirectory } from '../support/sonde.ts'

const BUSY = ['sh', '-c', 'i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done'] as const
const wholeMachine = process.getuid?.() === 0 ? {} : { skip: 'sampling the whole machine needs root' }

test('the help names every command, and every command has its own', () => {
  const help = sonde(['--help'])
  assert.equal(help.status, 0)
  for (const command of [
    'record',
    'run',
    'doctor',
    'report',
    'annotate',
    'convert',
    'config',
    'help',
    'version',
  ]) {
    assert.match(help.stdout, new RegExp(`^  ${command} `, 'm'))
    for (const args of [
      [command, '--help'],
      ['help', command],
    ]) {
      const own = sonde(args)
      assert.equal(own.status, 0, own.stderr)
      assert.match(own.stdout, new RegExp(`^sonde ${command}: `))
    }
  }
  assert.equal(sonde([]).stdout, help.stdout)
  assert.equal(help.stdout.split('\n').filter((line) => line.length > 120).length, 0, 'lines fit a terminal')
})

test('the version is the package’s', () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
    version: string
  }
  for (const spelling of ['--version', 'version', '-V'])
    assert.equal(sonde([spelling]).stdout, `sonde ${version}\n`)
})

test('an unknown command suggests what was meant, with exit code 2', () => {
  const wrong = sonde(['recrod'])
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /no command 'recrod' \(did you mean record\?\)/)
})

const AGENT_FILES =
  /^(perf-\d{8}-\d{6}\.data|profile-\d{8}-\d{6}(\.cpu-clock\.(pb\.gz|folded)|\.speedscope\.json|\.html))$/

test('run leaves files, says what it wrote, and accounts for every sample', wholeMachine, (context) => {
  const cwd = temporaryDirectory(context)
  const ran = sonde(['run', '--duration', '2s', '--data-directory', 'out', '--summary', 's.json'], { cwd })
  assert.equal(ran.status, 0, ran.stderr)
  const files = readdirSync(join(cwd, 'out/profiles'))
  assert.equal(files.length, 5)
  for (const file of files) {
    assert.match(file, AGENT_FILES)
    assert.ok(ran.stdout.includes(join('out/profiles', file)), file)
  }
  const { samples, consumers } = readSummary(join(cwd, 's.json'))
  assert.ok(samples.taken > 0)
  assert.equal(samples.written, samples.taken)
  for (const name of ['perf_data', 'files']) {
    const consumer = consumers[name]
    assert.equal(
      (consumer?.delivered ?? 0) + (consumer?.dropped ?? 0) + (consumer?.failed ?? 0),
      samples.taken,
    )
  }
  const figures = /^samples: ([\d,]+) taken, ([\d,]+) written, ([\d,]+) lost/m.exec(ran.stdout)
  assert.equal(Number(figures?.[1]?.replaceAll(',', '')), samples.taken)
  assert.equal(Number(figures?.[3]?.replaceAll(',', '')), sum(Object.values(samples.lost)))
  const [, table = ''] = ran.stdout.split('Hottest functions (cpu-clock)\n')
  const rows = table.trim().split('\n').slice(1)
  assert.ok(rows.length >= 1 && rows.length <= 10, table)
})

test('logs are JSON lines where nobody watches', wholeMachine, (context) => {
  const cwd = temporaryDirectory(context)
  const { stderr } = sonde(['run', '--duration', '300ms', '--data-directory', 'out'], { cwd })
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: string; msg: string })
  assert.ok(lines.some(({ level, msg }) => level === 'info' && msg.includes('cpu-clock')))
})

test('the agent samples on where its log cannot be written', wholeMachine, (context) => {
  const cwd = temporaryDirectory(context)
  const line = `exec '${launcher}' run --duration 500ms --log-level debug --data-directory out 2>/dev/full`
  assert.equal(run('sh', ['-c', line], { cwd }).status, 0)
  assert.deepEqual(
    readdirSync(join(cwd, 'out/profiles')).filter((file) => !AGENT_FILES.test(file)),
    [],
  )
})

test('a standard output that cannot be written to is an error', () => {
  const { status, stderr } = run('sh', ['-c', `exec '${launcher}' --help >/dev/full`])
  assert.equal(status, 1)
  assert.equal(stderr, 'sonde: Cannot write to standard output: ENOSPC.\n')
  assert.equal(run('sh', ['-c', `'${launcher}' --help | true`]).stderr, '')
})

test('a configuration is obeyed', wholeMachine, (context) => {
  const cwd = temporaryDirectory(context)
  const config = [
    'apiVersion: sonde/v1',
    'kind: AgentConfig',
    'spec:',
    '  sampler: {events: [page-faults], period: 1, window: 500ms}',
    '  consumers: [{type: files, formats: [folded]}]',
  ]
  writeFileSync(join(cwd, 'agent.yaml'), config.join('\n'))
  const args = [
    'run',
    '--config',
    'agent.yaml',
    '--duration',
    '1500ms',
    '--data-directory',
    'out',
    '--summary',
    's.json',
  ]
  const ran = sonde(args, { cwd })
  assert.equal(ran.status, 0, ran.stderr)
  const summary = readSummary(join(cwd, 's.json'))
  assert.deepEqual(Object.keys(summary.consumers), ['files'])
  assert.deepEqual(
    summary.sessions.map(({ event }) => event),
    ['page-faults'],
  )
  for (const file of readdirSync(join(cwd, 'out/profiles'))) assert.match(file, /\.page-faults\.folded$/)
})

test('a wrong configuration is told with its line and its column', (context) => {
  const cwd = temporaryDirectory(context)
  writeFileSync(
    join(cwd, 'agent.yaml'),
    'apiVersion: sonde/v1\nkind: AgentConfig\nspec:\n  sampler: {frequncy: 9}\n  consumers: [{type: files}]\n',
  )
  const wrong = sonde(['run', '--config', 'agent.yaml'], { cwd })
  assert.equal(wrong.status, 1)
  assert.equal(
    wrong.stderr,
    'sonde run: agent.yaml:4:13: spec.sampler.frequncy: unknown key (did you mean frequency?)\n',
  )
})

/** Resolves when the agent says that it samples. */
async function runningAgent(context: TestContext, cwd: string): Promise<ChildProcess> {
  const child = spawn(launcher, ['run', '--data-directory', 'out'], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  context.after(() => child.kill('SIGKILL'))
  let said = ''
  await new Promise<void>((resolve) => {
    child.stderr?.on('data', (text) => {
      said += String(text)
      if (said.includes('sampling')) resolve()
    })
  })
  return child
}

test('SIGTERM drains the agent and leaves valid files', wholeMachine, async (context) => {
  const cwd = temporaryDirectory(context)
  const agent = await runningAgent(context, cwd)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  agent.kill('SIGTERM')
  assert.deepEqual(await once(agent, 'exit'), [0, null])
  const files = readdirSync(join(cwd, 'out/profiles'))
  assert.equal(files.length, 5)
  assert.ok(
    files.every((file) => AGENT_FILES.test(file)),
    files.join(),
  )
})

test('a second signal ends the agent at once', wholeMachine, async (context) => {
  const cwd = temporaryDirectory(context)
  const agent = await runningAgent(context, cwd)
  agent.kill('SIGTERM')
  const ended = once(agent, 'exit')
  const again = setInterval(() => agent.kill('SIGTERM'), 5)
  const [code, signal] = await ended
  clearInterval(again)
  // It may have been done before the second signal came.
  assert.ok(signal === 'SIGTERM' || code === 0, `${code} ${signal}`)
})

test('a second agent on the same directory is told who holds it', wholeMachine, async (context) => {
  const cwd = temporaryDirectory(context)
  const agent = await runningAgent(context, cwd)
  const second = sonde(['run', '--duration', '1s', '--data-directory', 'out'], { cwd })
  assert.equal(second.status, 1)
  assert.match(
    second.stderr,
    new RegExp(`Another agent \\(pid ${agent.pid}\\) writes to ${join(cwd, 'out')}`),
  )
  agent.kill('SIGTERM')
  await once(agent, 'exit')
  assert.equal(
    sonde(['run', '--duration', '100ms', '--data-directory', 'out'], { cwd }).status,
    0,
    'free again',
  )
})

test(
  'a consumer that cannot start ends the agent with its reason, and nothing is left',
  wholeMachine,
  (context) => {
    const cwd = temporaryDirectory(context)
    mkdirSync(join(cwd, 'out'))
    writeFileSync(join(cwd, 'out/profiles'), 'a file where the directory should be')
    const failed = sonde(['run', '--duration', '5s', '--data-directory', 'out', '--log-level', 'error'], {
      cwd,
    })
    assert.equal(failed.status, 1)
    assert.match(failed.stderr, /^sonde run: Cannot make the directory .*out\/profiles/)
    assert.doesNotMatch(failed.stderr, /^\s+at /m)
  },
)

test('a data directory without a name is wrong usage', () => {
  const wrong = sonde(['run', '--data-directory', ''])
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /--data-directory is empty/)
})

test('a data directory that cannot be made is told at once', wholeMachine, () => {
  const failed = sonde(['run', '--duration', '1s', '--data-directory', '/proc/x'])
  assert.equal(failed.status, 1)
  assert.equal(
    failed.stderr,
    'sonde run: Cannot write to the data directory /proc/x: it cannot be made there (ENOENT).\nChoose another: --data-directory DIR.\n',
  )
})

test('a summary that cannot be written is told before run and convert begin', (context) => {
  const cwd = temporaryDirectory(context)
  for (const args of [
    ['run', '--data-directory', 'out'],
    ['convert', 'nothing.data', '-o', 'x.html'],
  ]) {
    const failed = sonde([...args, '--summary', 'no/s.json'], { cwd })
    assert.equal(failed.status, 1)
    assert.match(failed.stderr, /Cannot write no\/s\.json: its directory does not exist/)
  }
  assert.deepEqual(readdirSync(cwd), [])
})

test('report shows perf.data and pprof by function, thread, process and stack', (context) => {
  const cwd = temporaryDirectory(context)
  const recorded = sonde(['record', '-F', '999', '-o', 'perf.data', '-o', 'p.pb.gz', '--', ...BUSY], { cwd })
  assert.equal(recorded.status, 0, recorded.stderr)
  const taken = /record: ([\d,]+) samples/.exec(recorded.stderr)?.[1] ?? ''
  const byComm = sonde(['report', '--by', 'comm'], { cwd }).stdout
  assert.match(byComm, new RegExp(`^perf\\.data: cpu-clock, ${taken} samples, .* lost`))
  assert.match(byComm, /^ +[\d.]+ % +[\d,]+ {2}sh$/m)
  const top = sonde(['report', 'p.pb.gz', '--top', '3'], { cwd }).stdout
  assert.match(top, new RegExp(`^p\\.pb\\.gz: cpu, ${taken} samples`))
  assert.equal(top.trim().split('\n').length, 3 + 3, top)
  const functionsOf = (text: string): string => text.split('\n').slice(2).join('\n')
  assert.equal(
    functionsOf(sonde(['report', '--top', '3'], { cwd }).stdout),
    functionsOf(top),
    'both files say the same',
  )
  for (const by of ['pid', 'stack']) assert.equal(sonde(['report', '--by', by], { cwd }).status, 0)
  assert.equal(sonde(['report', '--by', 'moon'], { cwd }).status, 2)
  const missing = sonde(['report', 'nothing.data'], { cwd })
  assert.deepEqual(
    [missing.status, missing.stderr],
    [1, 'sonde report: There is no file nothing.data. Name another, or make one: sonde record -- CMD.\n'],
  )
})

test('report says what it reads when it is given something else', (context) => {
  const cwd = temporaryDirectory(context)
  writeFileSync(join(cwd, 'm.html'), '<!doctype html>'.repeat(20))
  const wrong = sonde(['report', 'm.html'], { cwd })
  assert.equal(wrong.status, 1)
  assert.equal(
    wrong.stderr,
    'sonde report: Cannot read m.html: it is not a perf.data file (300 bytes).\nreport and diff read perf.data, and pprof by the name FILE.pb.gz.\n',
  )
})

test('a file that is cut between two records or behind its samples is read, and each command fails', (context) => {
  const cwd = temporaryDirectory(context)
  assert.equal(sonde(['record', '-F', '999', '-o', 'whole.data', '--', ...BUSY], { cwd }).status, 0)
  const whole = readFileSync(join(cwd, 'whole.data'))
  const dataAt = Number(whole.readBigUInt64LE(40))
  const dataEnd = dataAt + Number(whole.readBigUInt64LE(48))
  let border = dataAt
  while (border < (dataAt + dataEnd) / 2) border += whole.readUInt16LE(border + 6)
  const cuts = [
    [border, /the file is cut off: \d+ bytes of its data are missing/],
    [dataEnd, /the feature sections are cut off/],
  ] as const
  for (const [at, why] of cuts) {
    writeFileSync(join(cwd, 'cut.data'), whole.subarray(0, at))
    for (const args of [
      ['report', 'cut.data'],
      ['diff', 'whole.data', 'cut.data'],
      ['convert', 'cut.data', '-o', 'cut.folded'],
    ]) {
      const { status, stdout, stderr } = sonde(args, { cwd })
      assert.equal(status, 1, `${args}: ${stderr}`)
      assert.match(stderr, why)
      assert.match(`${stdout}${stderr}`, /[1-9]\d* samples?,/)
    }
  }
})

test('convert makes the other formats of perf.data, sample for sample', (context) => {
  const cwd = temporaryDirectory(context)
  sonde(
    ['record', '-F', '999', '--summary', 'r.json', '-o', 'perf.data', '-o', 'live.folded', '--', ...BUSY],
    { cwd },
  )
  const converted = sonde(['convert', 'perf.data', '-o', 'c.folded', '-o', 'c.html', '--summary', 'c.json'], {
    cwd,
  })
  assert.equal(converted.status, 0, converted.stderr)
  assert.ok(existsSync(join(cwd, 'c.html')))
  const [recorded, replayed] = ['r.json', 'c.json'].map((file) => readSummary(join(cwd, file)))
  assert.equal(replayed?.samples.taken, recorded?.samples.taken)
  assert.equal(replayed?.samples.written, recorded?.samples.taken)
  assert.equal(replayed?.sessions[0]?.value, recorded?.sessions[0]?.value)
  assert.equal(replayed?.firstSampleSeconds, null)
  assert.equal(sonde(['convert', 'perf.data'], { cwd }).status, 2)
  assert.equal(sonde(['convert', 'perf.data', '-o', './perf.data'], { cwd }).status, 2)
  writeFileSync(join(cwd, 'junk.data'), 'junk')
  const junk = sonde(['convert', 'junk.data', '-o', 'junk.html'], { cwd })
  assert.equal(junk.status, 1)
  assert.ok(!existsSync(join(cwd, 'junk.html')))
})
