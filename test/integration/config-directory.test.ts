// A directory of configuration that people and programs write, and machines on which it is hard to watch.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WantedState } from '../../src/config/wanted-state.ts'
import { AtomicWriter } from '../support/atomic-writer.ts'
import { Follower, temporaryDirectory } from '../support/config-directories.ts'
import { told } from '../support/config-text.ts'

const CHILD = join(import.meta.dirname, '../support/config-directory-child.ts')

const can = (command: string, ...rest: readonly string[]): boolean => spawnSync(command, rest).status === 0

test('a file that is written in place, slowly, never ends what runs, and its last content is active', async (context) => {
  const directory = temporaryDirectory(context)
  const file = join(directory, 'a.yaml')
  writeFileSync(file, 'collection x 0 0')
  const follower = await Follower.start(context, directory)
  for (let number = 1; number <= 20; number++) {
    // Half of it would be a document of which nothing can be told.
    writeFileSync(file, 'colle')
    await sleep(number * 10)
    appendFileSync(file, `ction x ${number} ${number}`)
    await follower.untilInForce(`x ${number} ${number}`)
  }
  assert.ok(follower.states.every(({ collections }) => told(collections)[0]?.startsWith('x ')))
  assert.ok(follower.now.files.every(({ state }) => state === 'loaded'))
})

test('an editor that writes beside the file and renames is understood', async (context) => {
  const directory = temporaryDirectory(context)
  const file = join(directory, 'a.yaml')
  writeFileSync(file, 'collection x 1 A')
  const follower = await Follower.start(context, directory)
  for (const number of [2, 3, 4]) {
    writeFileSync(join(directory, '4913'), '')
    unlinkSync(join(directory, '4913'))
    writeFileSync(join(directory, '.a.yaml.swp'), 'swap')
    renameSync(file, `${file}~`)
    await sleep(5)
    writeFileSync(file, `collection x ${number} B`)
    unlinkSync(`${file}~`)
    unlinkSync(join(directory, '.a.yaml.swp'))
    await follower.untilInForce(`x ${number} B`)
  }
  assert.ok(follower.states.every(({ collections }) => collections.length === 1))
  assert.ok(follower.states.every(({ files }) => files.every(({ state }) => state === 'loaded')))
})

test('a file that is moved away, renamed or deleted stops or goes on as its content says', async (context) => {
  const directory = temporaryDirectory(context)
  writeFileSync(join(directory, 'a.yaml'), 'collection x 1 A')
  writeFileSync(join(directory, 'b.yaml'), 'collection y 1 B')
  const follower = await Follower.start(context, directory)
  renameSync(join(directory, 'a.yaml'), join(directory, 'c.yaml'))
  await follower.until(({ now }) => now.files.some(({ file }) => file.endsWith('c.yaml')))
  assert.ok(follower.states.every(({ collections }) => collections.length === 2))
  renameSync(join(directory, 'c.yaml'), join(temporaryDirectory(context), 'c.yaml'))
  await follower.untilInForce('y 1 B')
  unlinkSync(join(directory, 'b.yaml'))
  await follower.untilInForce()
})

test('a link to the directory that is pointed elsewhere is followed, swap after swap', async (context) => {
  const base = temporaryDirectory(context)
  for (const name of ['one', 'two']) {
    mkdirSync(join(base, name))
    new AtomicWriter(join(base, name)).write({ 'a.yaml': `collection x 1 ${name}` })
  }
  symlinkSync('one', join(base, 'agent'))
  const follower = await Follower.start(context, join(base, 'agent'))
  symlinkSync('two', join(base, 'new'))
  renameSync(join(base, 'new'), join(base, 'agent'))
  await follower.untilInForce('x 1 two')
  new AtomicWriter(join(base, 'two')).write({ 'a.yaml': 'collection x 2 three' })
  await follower.untilInForce('x 2 three')
})

/** What a process of its own tells. */
class Child {
  readonly states: WantedState[] = []
  readonly #process: ChildProcess

  constructor(context: TestContext, command: string, ...rest: readonly string[]) {
    this.#process = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] })
    context.after(() => this.#process.kill('SIGKILL'))
    const { stdout } = this.#process
    if (stdout === null) throw new Error('it has no output')
    createInterface({ input: stdout }).on('line', (line) => this.states.push(JSON.parse(line) as WantedState))
  }

  async until(isSo: (state: WantedState) => boolean): Promise<WantedState> {
    for (let wait = 0; wait < 600; wait++) {
      const state = this.states.at(-1)
      if (state !== undefined && isSo(state)) return state
      if (this.#process.exitCode !== null) throw new Error(`it ended: ${this.#process.exitCode}`)
      await sleep(100)
    }
    throw new Error(`it does not come to that: ${isSo}; ${JSON.stringify(this.states, null, 1)}`)
  }

  async close(): Promise<number | null> {
    this.#process.stdin?.end('close\n')
    if (this.#process.exitCode !== null) return this.#process.exitCode
    return new Promise((resolve) => this.#process.once('exit', resolve))
  }
}

/** The limits of a user namespace of its own count in it alone. */
async function withoutInotify(context: TestContext, limit: string, reason: RegExp): Promise<void> {
  const directory = temporaryDirectory(context)
  const writer = new AtomicWriter(directory)
  writer.write({ 'a.yaml': 'collection x 1 A' })
  const script = `echo 0 >/proc/sys/user/${limit} && exec "$@"`
  const command = ['-Ur', 'sh', '-c', script, 'sh', process.execPath, CHILD, directory]
  const child = new Child(context, 'unshare', ...command)
  const { watching } = await child.until(({ collections }) => collections.length === 1)
  assert.equal(watching.how, 'polling')
  assert.match(watching.reason ?? '', reason)
  for (const number of [2, 3]) {
    writer.write({ 'a.yaml': `collection x ${number} A` })
    await child.until(({ collections }) => collections[0]?.version === String(number))
  }
  assert.equal(await child.close(), 0)
}

for (const [what, limit, reason] of [
  ['instances (EMFILE)', 'max_inotify_instances', /EMFILE/],
  ['watches (ENOSPC)', 'max_inotify_watches', /ENOSPC/],
] as const) {
  test(`where there are no inotify ${what} changes are found all the same, and it says so`, async (context) => {
    const isPossible = can('unshare', '-Ur', 'sh', '-c', `echo 0 >/proc/sys/user/${limit}`)
    if (!isPossible) return context.skip('user namespaces with limits of their own cannot be made here')
    await withoutInotify(context, limit, reason)
  })
}

test('a subPath mount is reported as never changing, and the files beside it are followed', async (context) => {
  if (!can('unshare', '-m', 'true')) return context.skip('mount namespaces cannot be made here')
  const base = temporaryDirectory(context)
  const [volume, directory] = [join(base, 'volume'), join(base, 'agent')]
  mkdirSync(volume)
  mkdirSync(directory)
  const writer = new AtomicWriter(volume)
  writer.write({ 'a.yaml': 'collection x 1 A' })
  writeFileSync(join(directory, 'a.yaml'), '')
  writeFileSync(join(directory, 'b.yaml'), 'collection y 1 B')
  const script = 'mount --bind "$(realpath "$1")" "$2" && shift 2 && exec "$@"'
  const mount = [join(volume, 'a.yaml'), join(directory, 'a.yaml')]
  const command = ['-m', 'sh', '-c', script, 'sh', ...mount, process.execPath, CHILD, directory]
  const child = new Child(context, 'unshare', ...command)
  const first = await child.until(({ collections }) => collections.length === 2)
  assert.deepEqual(first.notices, [
    `${join(directory, 'a.yaml')} is mounted by itself (subPath): it will never change here, whatever becomes of the ConfigMap; mount all of it as a directory`,
  ])
  writer.write({ 'a.yaml': 'collection x 2 B' })
  copyFileSync(join(volume, 'a.yaml'), join(directory, 'c.yaml'))
  writeFileSync(join(directory, 'b.yaml'), 'collection y 2 B')
  const later = await child.until(({ collections }) => told(collections).includes('y 2 B'))
  assert.ok(told(later.collections).includes('x 1 A'), 'the mounted file is what it was')
  assert.equal(later.notices.length, 1)
  assert.equal(await child.close(), 0)
})

test('a directory that was deleted where it is mounted from is reported', async (context) => {
  if (!can('unshare', '-m', 'true')) return context.skip('mount namespaces cannot be made here')
  const base = temporaryDirectory(context)
  const [source, directory] = [join(base, 'source'), join(base, 'agent')]
  mkdirSync(source)
  mkdirSync(directory)
  const script = 'mount --bind "$1" "$2" && rm -r "$1" && shift 2 && exec "$@"'
  const command = ['-m', 'sh', '-c', script, 'sh', source, directory, process.execPath, CHILD, directory]
  const child = new Child(context, 'unshare', ...command)
  const state = await child.until(() => true)
  assert.match(state.notices.join('\n'), /was deleted where it is mounted from/)
  assert.equal(await child.close(), 0)
})
