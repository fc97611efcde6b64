// deploy/systemd/sonde.service fits the agent.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '../../../src/cli/run.ts'
import { parseAgentConfig } from '../../../src/config/agent-config.ts'
import { readConfig } from '../../../src/config/config-file.ts'
import { loadConsumers } from '../../../src/consumers/catalog.ts'
import { CAPABILITY_PURPOSES } from '../../../src/sampler/capabilities.ts'
import { checkEventName } from '../../../src/sampler/events/choose.ts'

const root = join(import.meta.dirname, '../../..')
const unit = new Map(
  [...readFileSync(join(root, 'deploy/systemd/sonde.service'), 'utf8').matchAll(/^(\w+)=(.*)$/gm)].map(
    ([, key = '', value = '']) => [key, value],
  ),
)

test('the unit starts what a checkout has, with the four capabilities and no more', () => {
  const [program = '', command] = unit.get('ExecStart')?.split(' ') ?? []
  assert.ok(existsSync(join(root, program.slice('/opt/sonde/'.length))), program)
  assert.equal(command, run.name)
  const four = CAPABILITY_PURPOSES.map(({ name }) => name).sort()
  for (const key of ['AmbientCapabilities', 'CapabilityBoundingSet']) {
    assert.deepEqual(unit.get(key)?.split(' ').sort(), four, key)
  }
})

test('the unit waits for the drain', async () => {
  const { text, file } = readConfig()
  const catalog = { consumers: await loadConsumers(), checkEvent: checkEventName }
  const { shutdown } = parseAgentConfig(text, file, catalog)
  assert.ok(Number(unit.get('TimeoutStopSec')) * 1_000 > shutdown.deadline + 5_000)
})
