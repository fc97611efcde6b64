// What the manifests of deploy/kubernetes become here: the same, with another image, a nearer endpoint and shorter waits.

import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'
import { stringify } from 'yaml'
import { profilesIn } from '../support/delivering-agent.ts'
import { readConfigMap } from '../support/manifests.ts'
import type { ReadProfile } from '../support/otlp-reader.ts'
import { temporaryDirectory } from '../support/sonde.ts'
import { IMAGE, kubectl, NAMESPACE } from './cluster.ts'
import type { Message } from './otlp-receiver.ts'

export const AGENT = 'agent.yaml'
export const PROFILES = 'profiles.yaml'

/** The shipped documents: the consumer in a comment is there, windows are 2 s, and files are closed after 5 s. */
export function documentsFor(endpoint: string): Readonly<Record<string, string>> {
  const { data } = readConfigMap()
  const agent = (data[AGENT] ?? '')
    .replaceAll(/^ {4}# (- type| {2})/gm, '    $1')
    .replace(/endpoint: \S+/, `endpoint: ${endpoint}`)
    .replace(/rotationInterval: \S+/, 'rotationInterval: 5s')
  const profiles = (data[PROFILES] ?? '').replace(/intervalSeconds: \d+/, 'intervalSeconds: 2')
  return { [AGENT]: agent, [PROFILES]: profiles }
}

/** The manifests, as text. */
export function rendered(t: TestContext, data: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory(t)
  cpSync(join(import.meta.dirname, '../../deploy/kubernetes'), join(directory, 'base'), { recursive: true })
  mkdirSync(join(directory, 'here'))
  const [newName, newTag] = IMAGE.split(/:(?=[^/:]*$)/)
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'agent-configs', namespace: NAMESPACE },
  }
  writeFileSync(
    join(directory, 'here/kustomization.yaml'),
    stringify({
      resources: ['../base'],
      images: [{ name: 'sonde', newName, newTag }],
      patches: [{ patch: stringify({ ...configMap, data }) }],
    }),
  )
  return kubectl('kustomize', join(directory, 'here'))
}

export interface Receiver {
  readonly url: string
  readonly profiles: () => readonly ReadProfile[]
}

/** Takes OTLP profiles over HTTP, for whoever reaches the address. */
export async function receiver(t: TestContext, address: string): Promise<Receiver> {
  const profiles: ReadProfile[] = []
  const worker = new Worker(new URL('./otlp-receiver.ts', import.meta.url), { workerData: address })
  t.after(() => worker.terminate())
  const port = await new Promise<number>((resolve, reject) => {
    worker.on('error', reject)
    worker.on('message', (message: Message) => {
      if ('port' in message) return resolve(message.port)
      const { headers, body } = message.taken
      profiles.push(...profilesIn([{ headers, body: Buffer.from(body) }]))
    })
  })
  return { url: `http://${address}:${port}`, profiles: () => profiles }
}
