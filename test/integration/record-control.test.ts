import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { launcher, readSummary, run, sonde, sum, temporaryDirectory } from '../support/sonde.ts'
import { NO_PERF } from './perf-data-tools.ts'

/** One of the CPUs is busy all the time, so that what is enabled is sampled. */
function keepBusy(t: TestContext): void {
  const child = spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
}

function timesIn(file: string): readonly number[] {
  const { status, stdout, stderr } = run('perf', ['script', '-i', file, '-G', '-F', 'time'])
  assert.equal(status, 0)
  assert.equal(stderr, '')
  return [...stdout.matchAll(/(\d+\.\d+):/g)].map(([, time]) => Number(time))
}

/** Milliseconds, on the clock of the samples. */
const now = (): number => Number(process.hrtime.bigint()) / 1e9

class Channel {
  readonly #commands: number
  readonly #acks: number
  readonly place: string

  constructor(t: TestContext, directory: string) {
    const [commands, acks] = [join(directory, 'commands'), join(directory, 'acks')]
    assert.equal(spawnSync('mkfifo', [commands, acks]).status, 0)
    this.place = `fifo:${commands},${acks}`
    this.#commands = openSync(commands, constants.O_RDWR | constants.O_NONBLOCK)
    this.#acks = openSync(acks, constants.O_RDWR | constants.O_NONBLOCK)
    t.after(() => [this.#commands, this.#acks].forEach((fd) => closeSync(fd)))
  }

  send(command: string): void {
    writeSync(this.#commands, command)
  }

  /** What perf sends. */
  async acknowledged(command: string): Promise<void> {
    this.send(`${command}\n`)
    assert.equal(await this.answer(), 'ack\n\0', command)
  }

  async answer(): Promise<string> {
    const buffer = Buffer.alloc(64)
    for (let tries = 0; tries < 300; tries++) {
      try {
        return buffer.toString('utf8', 0, readSync(this.#acks, buffer))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
        await sleep(50)
      }
    }
    throw new Error('there was no answer within 15 s')
  }
}

function recorder(t: TestContext, args: readonly string[]): { child: ChildProcess; said: () => string } {
  const child = spawn(launcher, ['record', '-a', '-F', '499', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  return { child, said: () => said }
}

const stamped = (directory: string): readonly string[] =>
  readdirSync(directory).filter((name) => /^perf\.data\.\d{16}$/.test(name))

for (const sampler of ['perf', 'bpf'] as const) {
  test(`--control: samples are of the times in which they were enabled, and nothing else is lost (${sampler})`, {
    skip: NO_PERF || (sampler === 'bpf' && process.getuid?.() !== 0 && 'it takes CAP_BPF'),
  }, async (t) => {
    keepBusy(t)
    const directory = temporaryDirectory(t)
    const channel = new Channel(t, directory)
    const [file, summary] = [join(directory, 'perf.data'), join(directory, 'summary.json')]
    const args = ['--sampler', sampler, '-D', '-1', '--control', channel.place, '-o', file]
    const { child, said } = recorder(t, [...args, '--summary', summary])
    await channel.acknowledged('ping')
    await sleep(500)
    const enabled = now()
    await channel.acknowledged('enable')
    await sleep(1_000)
    channel.send('evlist\0nonsense\n')
    assert.equal(await channel.answer(), 'ack\n\0')
    await channel.acknowledged('disable')
    const disabled = now()
    await sleep(1_000)
    await channel.acknowledged('snapshot')
    for (let tries = 0; stamped(directory).length === 0; tries++) {
      assert.ok(tries < 100, 'snapshot gives a file')
      await sleep(100)
    }
    const again = now()
    await channel.acknowledged('enable')
    await sleep(500)
    channel.send('stop\n')
    const [status] = await once(child, 'exit')
    assert.equal(status, 0, said())
    assert.match(said(), /cpu-clock/)
    assert.match(said(), /'nonsense' is no command/)

    const first = timesIn(join(directory, stamped(directory)[0] ?? ''))
    const second = timesIn(file)
    assert.ok(first.length > 50 && second.length > 10, `${first.length} and ${second.length} samples`)
    assert.ok((first[0] ?? 0) >= enabled && (first.at(-1) ?? 0) <= disabled)
    assert.ok((second[0] ?? 0) >= again)
    // Of a second and a half at 499 Hz; three seconds of pauses would be 1,500 and more of each CPU.
    const { samples, sessions } = readSummary(summary)
    const due = 499 * (disabled - enabled + now() - again) * cpus()
    assert.ok(samples.taken + sum(Object.values(samples.lost)) <= due, `${JSON.stringify(samples)} of ${due}`)
    assert.equal(sessions[0]?.taken, first.length + second.length)
  })
}

const cpus = (): number => readFileSync('/proc/stat', 'utf8').match(/^cpu\d/gm)?.length ?? 1

test('-D leaves out the beginning of a command, and ranges what is not in them', { skip: NO_PERF }, (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'perf.data')
  const busy = 'const end = Date.now() + 3000; while (Date.now() < end);'
  const recorded = (delay: string) => {
    const command = [process.execPath, '-e', busy]
    const { status, stderr } = sonde(['record', '-F', '999', '-D', delay, '-o', file, '--', ...command])
    assert.equal(status, 0, stderr)
    return timesIn(file)
  }
  const late = recorded('1000')
  assert.ok(late.length > 100)
  assert.ok((late.at(-1) ?? 0) - (late[0] ?? 0) < 2.5)
  const ranges = recorded('200-500,1200-1500')
  const gap = Math.max(...ranges.map((time, at) => time - (ranges[at - 1] ?? time)))
  assert.ok(gap > 0.5 && (ranges.at(-1) ?? 0) - (ranges[0] ?? 0) < 2, `a gap of ${gap} s`)
})

test('--max-size ends a recording, which says so; --switch-output begins files and keeps so many', {
  skip: NO_PERF,
}, async (t) => {
  keepBusy(t)
  const directory = temporaryDirectory(t)
  const file = join(directory, 'perf.data')
  const limited = recorder(t, ['--max-size', '50K', '-o', file])
  assert.equal((await once(limited.child, 'exit'))[0], 0, limited.said())
  assert.match(limited.said(), /ended by --max-size 50K/)
  assert.ok(timesIn(file).length > 0)

  const args = ['--switch-output=1s', '--switch-max-files', '2', '--duration', '8s', '-o', file]
  const switching = recorder(t, args)
  assert.equal((await once(switching.child, 'exit'))[0], 0, switching.said())
  assert.equal(stamped(directory).length, 2)
  assert.match(
    switching.said(),
    /Wrote \S+, \S+ \([^)]+\)\. [1-9]\d* older files? \([^)]+\) (was|were) deleted\.$/m,
  )
  for (const name of stamped(directory)) {
    const times = timesIn(join(directory, name))
    assert.ok((times.at(-1) ?? 0) - (times[0] ?? 0) < 2.5)
  }
})

test('what --control cannot use is said', (t) => {
  const nowhere = join(temporaryDirectory(t), 'nowhere')
  const { status, stderr } = sonde([
    'record',
    '--control',
    `fifo:${nowhere}`,
    '-o',
    `${nowhere}.data`,
    '--',
    'true',
  ])
  assert.equal(status, 1)
  assert.match(stderr, /Cannot take commands from fifo:.*nowhere: ENOENT\. Make it with mkfifo\./)
})
