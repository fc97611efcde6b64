import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ConfigDirectory } from '../../../src/config/config-directory.ts'
import type { OpenWatcher, WatcherEvents } from '../../../src/config/directory-watch.ts'
import { Follower, temporaryDirectory } from '../../support/config-directories.ts'
import { readLines } from '../../support/config-text.ts'
import { FakeClock, settled } from '../../support/fake-clock.ts'

/** Watches of which a test tells what they see. */
class FakeWatchers {
  readonly open: OpenWatcher
  opened = 0
  closed = 0
  /** What inotify answers. */
  refusal: string | undefined
  #events: WatcherEvents | undefined

  constructor() {
    this.open = async (_directory, events) => {
      this.opened++
      this.#events = events
      if (this.refusal !== undefined) this.fail(this.refusal)
      return { close: async () => void this.closed++ }
    }
  }

  change(): void {
    this.#events?.changed()
  }

  fail(code: string): void {
    this.#events?.failed(Object.assign(new Error(`${code}: refused`), { code }))
  }
}

interface Fixture {
  readonly directory: string
  readonly write: (name: string, text: string) => void
  readonly clock: FakeClock
  readonly watchers: FakeWatchers
  readonly logged: string[]
  readonly start: () => Promise<Follower>
}

function fixture(context: TestContext): Fixture {
  const directory = join(temporaryDirectory(context), 'agent')
  mkdirSync(directory)
  const clock = new FakeClock()
  const watchers = new FakeWatchers()
  const logged: string[] = []
  const options = {
    clock,
    openWatcher: watchers.open,
    log: (level: string, message: string) => void logged.push(`${level} ${message}`),
  }
  return {
    ...{ directory, clock, watchers, logged },
    write: (name, text) => writeFileSync(join(directory, name), text),
    start: () => Follower.start(context, directory, options),
  }
}

test('what happens is read when nothing has happened for 100 ms', async (context) => {
  const { write, clock, watchers, start } = fixture(context)
  const follower = await start()
  write('a.yaml', 'collection x 1 A')
  watchers.change()
  await clock.advance(60)
  write('a.yaml', 'collection x 2 B')
  watchers.change()
  await clock.advance(90)
  assert.deepEqual(follower.inForce, [])
  await clock.advance(10)
  assert.deepEqual(follower.inForce, ['x 2 B'])
  assert.equal(follower.states.length, 2)
})

test('a directory in which something happens all the time is read every second', async (context) => {
  const { write, clock, watchers, start } = fixture(context)
  const follower = await start()
  write('a.yaml', 'collection x 1 A')
  for (let time = 0; time < 1_000; time += 50) {
    watchers.change()
    await clock.advance(50)
  }
  assert.deepEqual(follower.inForce, ['x 1 A'])
})

test('what nobody told of is found after 10 s, once it has settled', async (context) => {
  const { write, clock, start } = fixture(context)
  const follower = await start()
  write('a.yaml', 'collection x 1 A')
  await clock.advance(9_999)
  assert.deepEqual(follower.inForce, [])
  await clock.advance(1)
  assert.deepEqual(follower.inForce, [])
  await clock.advance(100)
  assert.deepEqual(follower.inForce, ['x 1 A'])
})

test('a state in which nothing differs is not told, nor are states that nobody fetched in time', async (context) => {
  const { directory, write, clock, watchers } = fixture(context)
  const watched = new ConfigDirectory({ directory, read: readLines, clock, openWatcher: watchers.open })
  context.after(() => watched.close())
  await watched.start()
  const changes = watched.changes(new AbortController().signal)
  for (const version of [1, 2, 3]) {
    write('a.yaml', `collection x ${version} A`)
    watchers.change()
    await clock.advance(100)
  }
  const { value } = await changes.next()
  assert.equal(value?.collections[0]?.version, '3')
  let isTold = false
  const next = changes.next().then((result) => {
    isTold = true
    return result
  })
  write('a.yaml', 'collection x 3 A')
  watchers.change()
  await clock.advance(20_000)
  assert.equal(isTold, false)
  await watched.close()
  assert.deepEqual(await next, { value: undefined, done: true })
})

test('following ends with its signal, while the directory goes on', async (context) => {
  const { directory, write, clock, watchers } = fixture(context)
  const watched = new ConfigDirectory({ directory, read: readLines, clock, openWatcher: watchers.open })
  context.after(() => watched.close())
  await watched.start()
  const end = new AbortController()
  const ended = watched.changes(end.signal).next()
  await settled()
  end.abort()
  assert.equal((await ended).done, true)
  assert.equal((await watched.changes(end.signal).next()).done, true)
  const other = watched.changes(new AbortController().signal).next()
  write('a.yaml', 'collection x 1 A')
  watchers.change()
  await clock.advance(100)
  assert.equal((await other).value?.collections.length, 1)
})

test('without inotify everything is read every second, which is told with the reason, and inotify is tried again', async (context) => {
  for (const [code, limit] of [
    ['EMFILE', 'fs.inotify.max_user_instances'],
    ['ENOSPC', 'fs.inotify.max_user_watches'],
  ] as const) {
    const { write, clock, watchers, logged, start } = fixture(context)
    watchers.refusal = code
    const follower = await start()
    assert.equal(follower.now.watching.how, 'polling')
    assert.ok(follower.now.watching.reason?.includes(limit))
    assert.ok(logged.some((line) => line.startsWith('warn ') && line.includes(limit)))
    write('a.yaml', 'collection x 1 A')
    await clock.advance(1_100)
    assert.deepEqual(follower.inForce, ['x 1 A'])

    await clock.advance(60_000)
    assert.equal(follower.now.watching.how, 'polling')
    assert.equal(logged.filter((line) => line.includes(limit)).length, 1, 'told once')
    watchers.refusal = undefined
    await clock.advance(60_000)
    assert.deepEqual(follower.now.watching, { how: 'inotify' })
    write('a.yaml', 'collection x 2 B')
    watchers.change()
    await clock.advance(100)
    assert.deepEqual(follower.inForce, ['x 2 B'])
    await follower.close()
    assert.equal(watchers.closed, watchers.opened)
  }
})

test('inotify that is exhausted later is noticed at once', async (context) => {
  const { write, clock, watchers, start } = fixture(context)
  const follower = await start()
  write('a.yaml', 'collection x 1 A')
  watchers.fail('ENOSPC')
  await clock.advance(100)
  assert.equal(follower.now.watching.how, 'polling')
  assert.deepEqual(follower.inForce, ['x 1 A'])
})

test('a part that cannot be watched does not cost the watch of the directory', async (context) => {
  const { clock, watchers, logged, start } = fixture(context)
  const follower = await start()
  watchers.fail('ELOOP')
  await clock.advance(100)
  assert.deepEqual(follower.now.watching, { how: 'inotify' })
  assert.ok(logged.some((line) => line.startsWith('debug ')))
})

test('another directory at the path gets a watch of its own at once', async (context) => {
  const { directory, clock, watchers, start } = fixture(context)
  const follower = await start()
  assert.equal(watchers.opened, 1)
  mkdirSync(`${directory}.new`)
  writeFileSync(join(`${directory}.new`, 'a.yaml'), 'collection x 1 A')
  rmSync(directory, { recursive: true })
  renameSync(`${directory}.new`, directory)
  watchers.change()
  await clock.advance(100)
  assert.deepEqual(follower.inForce, ['x 1 A'])
  assert.deepEqual([watchers.opened, watchers.closed], [2, 1])
})

test('a time to live ends on time, and writing the file again renews it', async (context) => {
  const { write, clock, watchers, start } = fixture(context)
  write('a.yaml', 'collection x 1 A 25000')
  const follower = await start()
  await clock.advance(20_000)
  write('a.yaml', 'collection x 1 A 25000')
  watchers.change()
  await clock.advance(25_000)
  assert.deepEqual(follower.inForce, ['x 1 A'])
  await clock.advance(100)
  assert.deepEqual(follower.inForce, [])
  assert.equal(follower.now.files[0]?.state, 'expired')
})

test('what is wrong is logged once, when it comes up', async (context) => {
  const { write, clock, watchers, logged, start } = fixture(context)
  write('a.yaml', 'collection x 1 A')
  await start()
  write('a.yaml', 'broken x')
  watchers.change()
  await clock.advance(100)
  await clock.advance(30_000)
  const lines = logged.filter((line) => line.includes('a.yaml:1:1: broken'))
  assert.equal(lines.length, 1)
  assert.ok(logged.some((line) => line.endsWith('"x" version "1" goes on as it was')))
})

test('closing is safe before a start, twice, and in the middle of it', async (context) => {
  const { directory, clock, watchers } = fixture(context)
  const make = (): ConfigDirectory =>
    new ConfigDirectory({ directory, read: readLines, clock, openWatcher: watchers.open })
  const never = make()
  await never.close()
  await assert.rejects(never.start(), /closed/)
  const middle = make()
  const starting = middle.start()
  await middle.close()
  await starting
  await middle.close()
  assert.equal(watchers.closed, watchers.opened)
})

test('a reader that throws against its contract ends the changes with its error', async (context) => {
  const { directory, write, clock, watchers } = fixture(context)
  const read = (text: string): never => {
    throw new Error(`cannot happen: ${text}`)
  }
  const watched = new ConfigDirectory({ directory, read, clock, openWatcher: watchers.open })
  context.after(() => watched.close())
  await watched.start()
  const next = watched.changes(new AbortController().signal).next()
  write('a.yaml', 'x')
  watchers.change()
  const failed = assert.rejects(next, /cannot happen: x/)
  await clock.advance(100)
  await failed
})
