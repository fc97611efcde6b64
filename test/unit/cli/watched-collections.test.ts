import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { WatchedCollections } from '../../../src/cli/watched-collections.ts'
import type { ConfigDirectory } from '../../../src/config/config-directory.ts'
import type { WantedState } from '../../../src/config/wanted-state.ts'
import {
  type CollectionState,
  collectionKey,
  type ProfileCollection,
} from '../../../src/core/profile-collection.ts'
import { collection } from '../../support/collected.ts'

const wanted = (...collections: readonly ProfileCollection[]): WantedState => ({
  collections,
  agent: undefined,
  files: [],
  watching: { how: 'inotify' },
  notices: [],
})

/** A directory that becomes what it is told, and an agent that can sample what has no `bad` name. */
class Setting {
  readonly logged: string[] = []
  readonly asked: (readonly string[])[] = []
  #tell = Promise.withResolvers<WantedState | undefined>()

  async watched(first: WantedState): Promise<WatchedCollections> {
    const next = async (): Promise<WantedState | undefined> => {
      const state = await this.#tell.promise
      this.#tell = Promise.withResolvers()
      return state
    }
    const directory = {
      start: async () => first,
      async *changes() {
        for (let state = await next(); state !== undefined; state = await next()) yield state
      },
      close: async () => this.#tell.resolve(undefined),
    } as unknown as ConfigDirectory
    return await WatchedCollections.open({
      path: '/etc/sonde/agent',
      directory,
      onAgentConfig: async () => undefined,
      log: (level, message) => this.logged.push(`${level}: ${message}`),
    })
  }

  readonly setCollections = async (
    collections: readonly ProfileCollection[],
  ): Promise<ReadonlyMap<string, CollectionState>> => {
    this.asked.push(collections.map(({ name, version }) => `${name}@${version}`))
    return new Map(
      collections.map((each) => [
        collectionKey(each),
        each.name === 'bad' ? { state: 'failed', problem: 'no', kept: '0' } : { state: 'running' },
      ]),
    )
  }

  async become(state: WantedState): Promise<void> {
    this.#tell.resolve(state)
    for (let left = 5; left > 0; left--) await turn()
  }

  async fail(): Promise<void> {
    this.#tell.reject(new Error('the disk is gone'))
    for (let left = 5; left > 0; left--) await turn()
  }
}

test('what the directory says reaches the agent, and what became of it the status', async () => {
  const setting = new Setting()
  const watched = await setting.watched(wanted(collection('a')))
  watched.follow(setting)
  await turn()
  await setting.become(wanted(collection('a'), collection('bad', { version: '7' })))
  assert.deepEqual(setting.asked, [['a@1'], ['a@1', 'bad@7']])
  assert.deepEqual(watched.status().collections, [
    { name: 'a', version: '1', state: 'running', problem: null, kept: null },
    { name: 'bad', version: '7', state: 'failed', problem: 'no', kept: '0' },
  ])
  await watched.close()
})

test('that nothing is sampled is said, at the start and when the last one goes', async () => {
  const setting = new Setting()
  const watched = await setting.watched(wanted())
  watched.follow(setting)
  const said = 'warn: Nothing is sampled: /etc/sonde/agent has no ProfileCollectionConfig.'
  assert.deepEqual(setting.logged, [said])
  await turn()
  await setting.become(wanted(collection('a')))
  await setting.become(wanted())
  assert.deepEqual(setting.logged, [said, said])
  assert.deepEqual(setting.asked, [[], ['a@1'], []])
  await watched.close()
})

test('what could not be started is tried again, what runs is not touched for it', async (context) => {
  context.mock.timers.enable({ apis: ['setInterval'] })
  const setting = new Setting()
  const [good, bad] = [await setting.watched(wanted(collection('a'))), await setting.watched(wanted())]
  good.follow(setting)
  await turn()
  context.mock.timers.tick(60_000)
  assert.equal(setting.asked.length, 1)
  await setting.become(wanted(collection('bad')))
  context.mock.timers.tick(60_000)
  await turn()
  assert.deepEqual(setting.asked, [['a@1'], ['bad@1'], ['bad@1']])
  await good.close()
  await bad.close()
})

test('a directory that cannot be followed any more leaves what it said last', async () => {
  const setting = new Setting()
  const watched = await setting.watched(wanted(collection('a')))
  watched.follow(setting)
  await turn()
  await setting.fail()
  assert.match(
    setting.logged.join('\n'),
    /^error: .*is not followed any more, what it said last goes on: the disk is gone$/,
  )
  await watched.close()
})
