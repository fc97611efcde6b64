// An agent that samples collections, and what it handed over, by collection and version.

import type { TestContext } from 'node:test'
import { type Agent, startAgent } from '../../src/agent.ts'
import type { BackEnd } from '../../src/core/back-end.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import type { ProfileCollection } from '../../src/core/profile-collection.ts'
import { EVERYTHING } from '../../src/core/sample-filter.ts'
import { DEFAULT_SERVICE_POLICY } from '../../src/core/service-policy.ts'
import { milliseconds } from '../../src/core/units.ts'
import { temporaryDirectory } from './sonde.ts'

export const collection = (
  name: string,
  changes: Partial<Omit<ProfileCollection, 'name' | 'contentHash'>> = {},
): ProfileCollection => {
  const content = {
    eventName: 'cpu-clock',
    rate: { by: 'period', period: 1_000_000n } as const,
    interval: milliseconds(100),
    maxStackDepth: undefined,
    filter: EVERYTHING,
    kernelStacks: true,
    userStacks: true,
    threadNames: true,
    consumers: undefined,
    ...changes,
  }
  const { version: _, ...hashed } = { version: '', ...content }
  const contentHash = JSON.stringify(hashed, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  return { type: 'sonde.v1.ProfileCollectionConfig', version: '1', ...content, name, contentHash }
}

/** `name@version`, as a batch carries it. */
export const labelOf = ({ session: { config } }: ProfileBatch): string => `${config?.name}@${config?.version}`

export async function collecting(
  context: TestContext,
  backEnd: BackEnd,
  collections: readonly ProfileCollection[],
  keep: 'all' | 'none' = 'all',
): Promise<{ readonly agent: Agent; readonly batches: readonly ProfileBatch[]; readonly logged: string[] }> {
  const batches: ProfileBatch[] = []
  const logged: string[] = []
  const agent = await startAgent({
    sampling: {
      backEnd,
      callGraph: { method: 'fp' },
      ringBytes: undefined,
      target: { kind: 'machine' },
      commandLine: [],
      filter: EVERYTHING,
      collections,
      consumerNames: [],
    },
    consumers: async () => [],
    symbols: undefined,
    environment: {},
    services: DEFAULT_SERVICE_POLICY,
    dataDirectory: temporaryDirectory(context),
    lockDirectory: false,
    children: 'commands',
    lockDown: false,
    observe: (batch) => {
      if (keep === 'all') batches.push(batch)
    },
    log: (_level, message) => void logged.push(message),
    version: 'test',
  })
  context.after(() => agent.stop())
  return { agent, batches, logged }
}
