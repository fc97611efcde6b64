// deploy/kubernetes: what an API server accepts, and what fits Sonde.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as z from 'zod'
import { parseOptions } from '../../../src/cli/options.ts'
import { run } from '../../../src/cli/run.ts'
import { status } from '../../../src/cli/status.ts'
import { CONFIG_DIRECTORIES } from '../../../src/config/config-place.ts'
import { CAPABILITY_PURPOSES } from '../../../src/sampler/capabilities.ts'
import {
  imageConfig,
  manifestsIn,
  metadataOf,
  readDaemonSet,
  readKustomization,
  readManifests,
  schemaProblems,
} from '../../support/manifests.ts'

const manifests = readManifests()
const daemonSet = readDaemonSet()
const pod = daemonSet.spec.template.spec
const [container] = pod.containers
const optionsOf = (args: readonly string[]) => parseOptions(args.slice(1), run.options)

const mountOf = (name: string) => container.volumeMounts.find((mount) => mount.name === name)
const volumeOf = (name: string) => pod.volumes.find((volume) => volume.name === name)

test('every manifest is what an API server accepts', () => {
  assert.deepEqual(manifests.flatMap(schemaProblems), [])
})

test('the schema notices fields that do not exist, wrong types and what is missing', () => {
  const text = [
    'apiVersion: apps/v1',
    'kind: DaemonSet',
    'spec:',
    '  template:',
    '    spec:',
    '      hostPid: true',
    '      terminationGracePeriodSeconds: soon',
    '      containers: [{image: x, securityContext: {capabilities: {plus: [BPF]}}}]',
  ]
  const problems = manifestsIn(text.join('\n'), 'wrong.yaml').flatMap(schemaProblems).join('\n')
  for (const expected of [
    /spec\.selector: .*expected object/,
    /template\.spec: Unrecognized key: "hostPid"/,
    /terminationGracePeriodSeconds: .*expected (number|int)/,
    /containers\.0\.name: .*expected string/,
    /capabilities: Unrecognized key: "plus"/,
  ]) {
    assert.match(problems, expected)
  }
  const [unknown] = manifestsIn('{apiVersion: apps/v2, kind: DaemonSet}', 'unknown.yaml')
  assert.match(schemaProblems(unknown!).join(), /there is no schema of apps\/v2 DaemonSet/)
})

test('kustomize applies every file, and no other', () => {
  const { resources } = z.looseObject({ resources: z.array(z.string()) }).parse(readKustomization())
  const folder = join(import.meta.dirname, '../../../deploy/kubernetes')
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml')
  assert.deepEqual([...resources].sort(), files.sort())
})

test('names refer to what is there, in one namespace', () => {
  const namespace = metadataOf('Namespace').name
  for (const { object } of manifests) {
    const { metadata } = z
      .looseObject({ metadata: z.looseObject({ namespace: z.string().optional() }) })
      .parse(object)
    assert.ok([undefined, namespace].includes(metadata.namespace))
  }
  for (const kind of ['ServiceAccount', 'ConfigMap', 'DaemonSet']) {
    assert.equal(metadataOf(kind).namespace, namespace, kind)
  }
  assert.equal(pod.serviceAccountName, metadataOf('ServiceAccount').name)
  assert.equal(pod.priorityClassName, metadataOf('PriorityClass').name)
  assert.equal(volumeOf('agent-configs')?.configMap?.name, metadataOf('ConfigMap').name)
  const binding = z
    .looseObject({
      roleRef: z.looseObject({ name: z.string() }),
      subjects: z.array(z.looseObject({ name: z.string(), namespace: z.string() })),
    })
    .parse(manifests.find(({ kind }) => kind === 'ClusterRoleBinding')?.object)
  assert.equal(binding.roleRef.name, metadataOf('ClusterRole').name)
  assert.deepEqual(
    binding.subjects.map(({ name, namespace: of }) => [name, of]),
    [[pod.serviceAccountName, namespace]],
  )
})

test('the selector finds the pods', () => {
  const { labels } = daemonSet.spec.template.metadata
  const { matchLabels } = daemonSet.spec.selector
  assert.ok(Object.keys(matchLabels).length > 0)
  for (const [key, value] of Object.entries(matchLabels)) assert.equal(labels[key], value)
})

test('every volume is mounted once, every mount has its volume, and what is the node’s is read-only', () => {
  const names = pod.volumes.map(({ name }) => name).sort()
  assert.deepEqual(container.volumeMounts.map(({ name }) => name).sort(), names)
  const ofTheNode = pod.volumes.flatMap(({ name, hostPath }) =>
    hostPath === undefined ? [] : [{ name, hostPath }],
  )
  for (const { name, hostPath } of ofTheNode) {
    assert.equal(mountOf(name)?.readOnly, true, name)
    assert.equal(mountOf(name)?.mountPath, hostPath.path, 'the kernel’s own paths, which Sonde reads')
  }
  assert.deepEqual(
    ofTheNode.map(({ hostPath }) => hostPath.path),
    ['/sys/fs/cgroup', '/sys/kernel/tracing'],
  )
})

test('the configuration is mounted as a directory, where the arguments say that it is', () => {
  const mount = mountOf('agent-configs')
  assert.equal(mount?.subPath, undefined, 'a subPath is never updated')
  assert.equal(optionsOf(container.args).value('config-fs-path'), mount?.mountPath)
  assert.ok(CONFIG_DIRECTORIES.includes(mount?.mountPath ?? ''), 'so that other commands find it')
})

test('the arguments are some that sonde run has', () => {
  assert.equal(container.command, undefined, 'the image’s launcher comes first')
  assert.equal(container.args[0], run.name)
  assert.deepEqual(optionsOf(container.args).positionals, [])
})

test('what the agent writes lies in the writable volume, and nothing else is writable', () => {
  assert.equal(container.securityContext.readOnlyRootFilesystem, true)
  assert.equal(
    mountOf('data')?.mountPath,
    optionsOf(container.args).value('data-directory') ?? '/var/lib/sonde',
  )
  const writable = container.volumeMounts.filter(({ readOnly }) => !readOnly)
  assert.deepEqual(
    writable.map(({ name }) => name),
    ['data'],
  )
})

test('the agent is given the four capabilities, and no more', () => {
  const { privileged, allowPrivilegeEscalation, capabilities } = container.securityContext
  assert.deepEqual([privileged, allowPrivilegeEscalation], [false, false])
  assert.deepEqual(capabilities.drop, ['ALL'])
  const needed = CAPABILITY_PURPOSES.map(({ name }) => name.slice('CAP_'.length))
  assert.deepEqual([...capabilities.add].sort(), [...needed].sort())
})

test('it is the image’s user, sees every process, and runs on every node', () => {
  const { runAsNonRoot, runAsUser, runAsGroup, seccompProfile, appArmorProfile } = pod.securityContext
  assert.equal(runAsNonRoot, true)
  assert.equal(`${runAsUser}:${runAsGroup}`, imageConfig().User)
  assert.equal(pod.hostPID, true)
  assert.deepEqual(pod.tolerations, [{ operator: 'Exists' }])
  assert.deepEqual([seccompProfile.type, appArmorProfile.type], ['RuntimeDefault', 'Unconfined'])
})

test('probes ask sonde status, and wait until it gives up by itself', () => {
  for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
    const [command, name, ...args] = probe.exec.command
    assert.deepEqual([command, name], ['/usr/local/bin/sonde', status.name])
    assert.deepEqual(parseOptions(args, status.options).positionals, [])
    assert.ok(probe.timeoutSeconds > 5, 'sonde status waits 5 s for an answer')
  }
})

test('there is no port, no token and no right at the API server', () => {
  assert.deepEqual(container.ports, [])
  assert.equal(pod.automountServiceAccountToken, false)
  const role = manifests.find(({ kind }) => kind === 'ClusterRole')?.object
  assert.deepEqual(z.looseObject({ rules: z.array(z.unknown()) }).parse(role).rules, [])
})
