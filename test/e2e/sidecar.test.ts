// Beside one pod: no capability, no root, in a namespace that admits nothing else.

import assert from 'node:assert/strict'
import { test } from 'node:test'
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
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: NAME, namespace: NAMESPACE },
  spec: {
    shareProcessNamespace: true,
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
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
}

test('in a pod of one user it profiles that user’s processes without any capability', async (t) => {
  t.after(() => kubectl('delete', '--ignore-not-found', '--wait=true', 'namespace', NAMESPACE))
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
  apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } }))
  kubectl('-n', NAMESPACE, 'wait', '--for=create', 'serviceaccount/default', '--timeout=30s')
  apply(JSON.stringify(pod))
  const path = 'jsonpath={.status.containerStatuses[?(@.name=="sonde")].state.terminated.exitCode}'
  const exitCode = await until('the end of the agent', 90, () => {
    const code = kubectl('-n', NAMESPACE, 'get', 'pod', NAME, '-o', path)
    return code === '' ? undefined : code
  })
  const log = kubectl('-n', NAMESPACE, 'logs', NAME, '-c', 'sonde')
  t.diagnostic(log)
  assert.equal(exitCode, '0')
  assert.match(log, /spinBesideTheAgent/)
  assert.doesNotMatch(log, /\[kernel\.kallsyms\]/, 'user mode only')
})
