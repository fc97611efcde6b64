// deploy/Dockerfile and deploy/build-rootfs.sh: one root file system, begun by the launcher.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AGENT_USER } from '../../support/capabilities.ts'
import { imageConfig, readDockerfile } from '../../support/manifests.ts'

const root = join(import.meta.dirname, '../../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const stages = readDockerfile()
  .split(/^(?=FROM )/m)
  .slice(1)

test('the image is what build-rootfs.sh makes, and nothing else', () => {
  const instructions = (stages.at(-1) ?? '').split('\n').filter((line) => /^[A-Z]/.test(line))
  assert.deepEqual(
    instructions.filter((line) => /^(FROM|COPY|ADD|RUN)/.test(line)),
    ['FROM scratch', 'COPY --from=build /rootfs /'],
  )
  assert.match(stages[0] ?? '', /deploy\/build-rootfs\.sh \/rootfs$/m)
})

test('the launcher begins, with no shell before it, then Node with the flags that scripts/sonde gives it', () => {
  const { Entrypoint, Cmd, User } = imageConfig()
  const flags = /^SONDE_NODE_FLAGS='(.*)'$/m.exec(read('scripts/supported-node.sh'))?.[1]?.split(' ')
  assert.deepEqual(Entrypoint, [
    '/usr/local/bin/sonde-launcher',
    '/usr/local/bin/node',
    ...(flags ?? []),
    '/app/dist/sonde.mjs',
  ])
  assert.deepEqual(Cmd, ['run'])
  assert.equal(User, `${AGENT_USER}:${AGENT_USER}`)
})
