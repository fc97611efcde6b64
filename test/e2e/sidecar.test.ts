// Beside one pod: no capability, no root.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { apply, IMAGE, kubectl, until } from './cluster.ts'

const NAMESPACE = 'sonde-sidecar'
const NAME = 'beside'
const SCRIPT =
  'function spinBesideTheAgent() { for (let i = 0; i < 1e7; i++) Math.sqrt(i) }; for (;;) spinBesideTheAgent()'

const confined = {
  image: IMAGE,
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
}
const podWith = (seccomp: 'RuntimeDefault' | 'Unconfined') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: NAME, namespace: NAMESPACE },
  spec: {
    shareProcessNamespace: true,
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: seccomp } },
    containers: [
      { ...confined, name: 'busy', command: ['/usr/local/bin/node', '-e', SCRIPT] },
      {
        ...confined,
        name: 'sonde',
        args: ['run', '--duration', '10s'],
        volumeMounts: [{ name: 'data', mountPath: '/var/lib/sonde' }],
      },
    ],
    volumes: [{ name: 'data', emptyDir: {} }],
  },
})

/** The agent's exit status and what it said. */
async function runBeside(t: TestContext, seccomp: 'RuntimeDefault' | 'Unconfined') {
  t.after(() => kubectl('delete', '--ignore-not-found', '--wait=true', 'namespace', NAMESPACE))
  apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }))
  kubectl('-n', NAMESPACE, 'wait', '--for=create', 'serviceaccount/default', '--timeout=30s')
  apply(JSON.stringify(podWith(seccomp)))
  const path = 'jsonpath={.status.containerStatuses[?(@.name=="sonde")].state.terminated.exitCode}'
  const exitCode = await until('the end of the agent', 90, () => {
    const code = kubectl('-n', NAMESPACE, 'get', 'pod', NAME, '-o', path)
    return code === '' ? undefined : Number(code)
  })
  return { exitCode, log: kubectl('-n', NAMESPACE, 'logs', NAME, '-c', 'sonde') }
}

test('in a pod of one user it profiles that user’s processes without any capability', async (t) => {
  const { exitCode, log } = await runBeside(t, 'Unconfined')
  assert.equal(exitCode, 0, log)
  assert.match(log, /spinBesideTheAgent/)
  assert.doesNotMatch(log, /\[kernel\.kallsyms\]/, 'user mode only')
})

test('where the seccomp profile lets nobody without capabilities open events, it says so', async (t) => {
  const { exitCode, log } = await runBeside(t, 'RuntimeDefault')
  assert.equal(exitCode, 1, log)
  assert.match(log, /A seccomp filter .* may refuse it.*sonde doctor/)
})
