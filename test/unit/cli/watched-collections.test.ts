import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { WatchedCollections } from '../../../src/cli/watched-collections.ts'
import type { AgentDocument, WantedState } from '../../../src/config/wanted-state.ts'
import type { YamlDocument } from '../../../src/config/yaml-document.ts'
import {
  type CollectionState,
  collectionKey,
  type ProfileCollection,
} from '../../../src/core/profile-collection.ts'
import { collection } from '../../support/collected.ts'
import { settled } from '../../support/fake-clock.ts'

const wanted = (collections: readonly ProfileCollection[], agent?: string): WantedState => ({
  collections,
  agent: agent === undefined ? undefined : agentOf(agent),
  files: [],
  watching: { how: 'inotify' },
  notices: [],
})

const agentOf = (text: string): AgentDocument => ({
  text,
  document: {} as YamlDocument,
  file: 'agent.yaml',
  place: 'agent.yaml:1:1',
})

/** A directory that says what a test tells it, and an agent that does as it is told. */
class Fixture {
  readonly logged: string[] = []
  readonly applied: (readonly ProfileCollection[])[] = []
  readonly states = new Map<string, CollectionState>()
  onAgentConfig = async (_document: AgentDocument | undefined): Promise<readonly string[]> => []
  closed = Promise.resolve()
  onApply = (): void => undefined
  #next = Promise.withResolvers<WantedState | undefined>()

  async open(context: TestContext, first: WantedState): Promise<WatchedCollections> {
    const watched = await WatchedCollections.open({
      path: '/etc/sonde/agent',
      directory: {
        start: async () => first,
        changes: (signal) => this.#changes(signal),
        close: () => this.closed,
      },
      onAgentConfig: (document) => this.onAgentConfig(document),
      log: (level, message) => void this.logged.push(`${level} ${message}`),
    })
    context.after(() => watched.close())
    watched.follow({
      setCollections: async (collections) => {
        this.applied.push(collections)
        this.onApply()
        return this.states
      },
      collectionStates: () => this.states,
    })
    await settled()
    return watched
  }

  async *#changes(signal: AbortSignal): AsyncGenerator<WantedState> {
    signal.addEventListener('abort', () => this.#next.resolve(undefined))
    for (let state = await this.#next.promise; state !== undefined; state = await this.#next.promise)
      yield state
  }

  async change(state: WantedState): Promise<void> {
    const { resolve } = this.#next
    this.#next = Promise.withResolvers()
    resolve(state)
    await settled()
  }

  async fail(problem: string): Promise<void> {
    this.#next.reject(new Error(problem))
    await settled()
  }
}

test('what the directory says reaches the agent, and what became of it the status', async (context) => {
  const fixture = new Fixture()
  const bad = collection('bad', { version: '7' })
  fixture.states.set(collectionKey(bad), { state: 'failed', problem: 'no', kept: '0' })
  const watched = await fixture.open(context, wanted([collection('a')]))
  await fixture.change(wanted([collection('a'), bad]))
  assert.deepEqual(
    fixture.applied.map((each) => each.map(({ name, version }) => `${name}@${version}`)),
    [['a@1'], ['a@1', 'bad@7']],
  )
  assert.deepEqual(watched.status().collections, [
    { name: 'a', version: '1', state: 'running', problem: null, kept: null },
    { name: 'bad', version: '7', state: 'failed', problem: 'no', kept: '0' },
  ])
})

test('a collection that breaks while it runs is told, and started again within a minute', async (context) => {
  context.mock.timers.enable({ apis: ['setInterval'] })
  const fixture = new Fixture()
  const one = collection('a')
  const watched = await fixture.open(context, wanted([one]))
  assert.deepEqual(watched.status().collections, [
    { name: 'a', version: '1', state: 'running', problem: null, kept: null },
  ])
  context.mock.timers.tick(60_000)
  assert.equal(fixture.applied.length, 1)
  fixture.states.set(collectionKey(one), { state: 'failed', problem: 'no more memory', kept: undefined })
  assert.deepEqual(watched.status().collections, [
    { name: 'a', version: '1', state: 'failed', problem: 'no more memory', kept: null },
  ])
  context.mock.timers.tick(60_000)
  assert.equal(fixture.applied.length, 2)
})

test('a filter may go from a collection to the AgentConfig in one change, or the other way', async (context) => {
  const fixture = new Fixture()
  const taken: string[] = []
  let isFree = false
  fixture.onAgentConfig = async (document) => {
    if (!isFree) throw new Error('both include')
    taken.push(document?.text ?? '')
    return []
  }
  await fixture.open(context, wanted([collection('a')], 'old'))
  fixture.onApply = () => {
    isFree = true
  }
  await fixture.change(wanted([collection('a', { version: '2' })], 'new'))
  assert.deepEqual(taken, ['new'])
  assert.deepEqual(fixture.logged, [])
})

test('an AgentConfig that could not be taken over is told, and tried again with the next change', async (context) => {
  const fixture = new Fixture()
  const asked: string[] = []
  fixture.onAgentConfig = async (document) => {
    asked.push(document?.text ?? '')
    if (asked.length < 3) throw new Error('both include')
    return ['consumers']
  }
  const watched = await fixture.open(context, wanted([collection('a')], 'old'))
  await fixture.change(wanted([collection('a')], 'new'))
  assert.deepEqual(fixture.logged, ["error The agent's configuration stays as it was:\nboth include"])
  assert.deepEqual(watched.status().agent, { problem: 'both include', needsRestart: [] })
  await fixture.change(wanted([], 'new'))
  assert.deepEqual(watched.status().agent, { problem: null, needsRestart: ['consumers'] })
  await fixture.change(wanted([collection('a')], 'new'))
  assert.deepEqual(asked, ['new', 'new', 'new'])
})

test('a directory that cannot be followed any more is told, and what was asked for goes on', async (context) => {
  const fixture = new Fixture()
  const watched = await fixture.open(context, wanted([collection('a')]))
  await fixture.fail('no idea')
  assert.deepEqual(fixture.logged, [
    'error /etc/sonde/agent is not followed any more, what it said last goes on: no idea',
  ])
  assert.equal(watched.status().collections[0]?.state, 'running')
})

test('a directory whose file system hangs does not hold up the end', async (context) => {
  const fixture = new Fixture()
  const watched = await fixture.open(context, wanted([collection('a')]))
  context.mock.timers.enable({ apis: ['setTimeout'] })
  fixture.closed = new Promise(() => undefined)
  const closed = watched.close()
  await settled()
  context.mock.timers.tick(1_000)
  await closed
  assert.deepEqual(fixture.logged, [
    'warn /etc/sonde/agent could not be closed: its file system does not answer',
  ])
  fixture.closed = Promise.resolve()
})
