// A Kubernetes cluster with one node, through kubectl.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import type { Status } from '../../src/core/status.ts'
import { metadataOf } from '../support/manifests.ts'
import { type Run, run } from '../support/sonde.ts'

export const NAMESPACE = metadataOf('Namespace').name

export const IMAGE = process.env.SONDE_E2E_IMAGE ?? ''

const tryKubectl = (args: readonly string[]): Run => run('kubectl', args)

/** What it prints. Throws with its words when it fails. */
export function kubectl(...args: readonly string[]): string {
  const { status, stdout, stderr } = tryKubectl(args)
  assert.equal(status, 0, `kubectl ${args.join(' ')}: ${stderr}`)
  return stdout
}

export function apply(text: string): void {
  const { status, stderr } = spawnSync('kubectl', ['apply', '--validate=strict', '-f', '-'], {
    input: text,
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  assert.doesNotMatch(stderr, /warning/i)
}

/** Asks until there is an answer. */
export async function until<T>(what: string, seconds: number, ask: () => T | undefined): Promise<T> {
  const end = performance.now() + seconds * 1_000
  for (;;) {
    const answer = ask()
    if (answer !== undefined) return answer
    if (performance.now() > end) throw new Error(`${what}: not within ${seconds} s`)
    await sleep(200)
  }
}

const podSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), uid: z.string(), creationTimestamp: z.string() }),
  spec: z.looseObject({ nodeName: z.string() }),
  status: z.looseObject({
    conditions: z
      .array(
        z.looseObject({ type: z.string(), status: z.string(), lastTransitionTime: z.string().nullable() }),
      )
      .default([]),
    containerStatuses: z
      .array(
        z.looseObject({
          containerID: z.string().default(''),
          restartCount: z.number(),
          state: z.looseObject({ terminated: z.looseObject({ exitCode: z.number() }).optional() }),
        }),
      )
      .default([]),
  }),
})
export type Pod = z.output<typeof podSchema>

export const podOf = (name: string): Pod =>
  podSchema.parse(JSON.parse(kubectl('-n', NAMESPACE, 'get', 'pod', name, '-o', 'json')))

export const readPod = (text: string): Pod => podSchema.parse(JSON.parse(text))

/** `containerd://0123…` without its scheme. */
export const containerIdOf = (pod: Pod): string =>
  (pod.status.containerStatuses[0]?.containerID ?? '').replace(/^.*:\/\//, '')

/** What a program in the pod prints, byte for byte. There is no shell in it. */
export function inPod(pod: string, ...command: readonly string[]): Buffer {
  const result = spawnSync('kubectl', ['-n', NAMESPACE, 'exec', pod, '--', ...command], {
    maxBuffer: 1 << 30,
  })
  assert.equal(result.status, 0, `${command.join(' ')}: ${result.stderr}`)
  return result.stdout
}

export const tryInPod = (pod: string, ...command: readonly string[]): Run =>
  tryKubectl(['-n', NAMESPACE, 'exec', pod, '--', ...command])

export const node = (pod: string, expression: string): string =>
  inPod(pod, 'node', '-p', expression).toString().trim()

export const statusOf = (pod: string): Status =>
  JSON.parse(inPod(pod, 'sonde', 'status', '--json').toString()) as Status

export interface Following {
  readonly text: () => string
  readonly ended: Promise<void>
}

/** What a kubectl that does not end by itself has printed until now. */
export function follow(t: TestContext, ...args: readonly string[]): Following {
  const child: ChildProcess = spawn('kubectl', ['-n', NAMESPACE, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  t.after(() => child.kill())
  let said = ''
  child.stdout?.on('data', (piece) => {
    said += String(piece)
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return { text: () => said, ended }
}

/** An address of this machine at which pods reach it. */
export function ownAddress(): string {
  const path = 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}'
  const route = run('ip', ['-o', 'route', 'get', kubectl('get', 'node', '-o', path)])
  const source = / src (\S+)/.exec(route.stdout)?.[1]
  assert.ok(source !== undefined, route.stderr)
  return source
}
