// The DaemonSet of deploy/kubernetes on a real Kubernetes, from `apply` to the end of its pod.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isMap, parseDocument } from 'yaml'
import { AGENT_USER, maskOf, SUBSETS, setsIn } from '../support/capabilities.ts'
import { otlpSamples } from '../support/delivering-agent.ts'
import { readDaemonSet } from '../support/manifests.ts'
import type { ReadProfile } from '../support/otlp-reader.ts'
import { isInstalled, readWithPerf, run, temporaryDirectory } from '../support/sonde.ts'
import {
  apply,
  containerIdOf,
  follow,
  IMAGE,
  inPod,
  kubectl,
  NAMESPACE,
  node,
  ownAddress,
  podOf,
  readPod,
  statusOf,
  tryInPod,
  until,
} from './cluster.ts'
import { documentsFor, PROFILES, type Receiver, receiver, rendered } from './setting.ts'

const FOUR = SUBSETS.at(-1) ?? []
const FIRST_PERIOD = 10_101_010n
const SECOND_PERIOD = 10_000_000n

/** Of a computing pod; its name is looked for in the profiles. */
const BUSY = 'busy'
const BUSY_SCRIPT =
  'function spinInTheBusyPod() { for (let i = 0; i < 1e7; i++) Math.sqrt(i) }; for (;;) spinInTheBusyPod()'

/** As its documentation has it; the period is not what it says there. */
const OF_THE_PREDECESSOR = [
  'type:',
  '  type: antimetal.agent.v1.ProfileCollectionConfig',
  'name: test-profiler',
  'version: "1"',
  'data: CgljcHUtY2xvY2sQgJTr4gQYCg==',
  '',
].join('\n')

interface Agent {
  readonly pod: string
  readonly receiver: Receiver
  readonly documents: Readonly<Record<string, string>>
}

/** Applies the manifests and waits until the agent is ready. */
async function deployed(t: TestContext): Promise<Agent> {
  const endpoint = await receiver(t, ownAddress())
  const documents = documentsFor(endpoint.url)
  const manifests = rendered(t, documents)
  t.after(() => kubectl('delete', '--ignore-not-found', '--wait=true', 'namespace', NAMESPACE))
  const started = performance.now()
  apply(manifests)
  kubectl('-n', NAMESPACE, 'rollout', 'status', 'daemonset/sonde', '--timeout=90s')
  t.diagnostic(`applied to ready: ${((performance.now() - started) / 1_000).toFixed(1)} s`)
  const pod = kubectl('-n', NAMESPACE, 'get', 'pod', '-l', 'app.kubernetes.io/name=sonde', '-o', 'name')
  assert.match(pod.trim(), /^pod\/\S+$/, 'one pod on the one node')
  return { pod: pod.trim().slice('pod/'.length), receiver: endpoint, documents }
}

function startBusyPod(): void {
  apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: BUSY, namespace: NAMESPACE },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: BUSY,
            image: IMAGE,
            command: ['/usr/local/bin/node', '-e', BUSY_SCRIPT],
            resources: { limits: { cpu: '300m' } },
          },
        ],
      },
    }),
  )
  kubectl('-n', NAMESPACE, 'wait', '--for=condition=Ready', `pod/${BUSY}`, '--timeout=60s')
}

/** Has the kubelet look at the pod now; it would see the ConfigMap within a minute or so. */
const poke = (pod: string): string =>
  kubectl('-n', NAMESPACE, 'annotate', '--overwrite', 'pod', pod, `sonde.test/poke=${Date.now()}`)

/** A key that is null goes. */
function editConfigMap(data: Readonly<Record<string, string | null>>): void {
  kubectl('-n', NAMESPACE, 'patch', 'configmap', 'agent-configs', '--patch', JSON.stringify({ data }))
}

/** The shipped document's next version, with so many nanoseconds between samples instead of their rate. */
function withPeriod(text: string, period: bigint): string {
  const document = parseDocument(text)
  const spec = document.get('spec')
  assert.ok(isMap(spec))
  spec.delete('sampleFrequencyHz')
  spec.set('samplePeriod', Number(period))
  document.setIn(['metadata', 'version'], '2')
  return document.toString()
}

const finishedFiles = (pod: string): readonly string[] =>
  JSON.parse(
    node(
      pod,
      "JSON.stringify(fs.readdirSync('/var/lib/sonde/profiles').filter((f) => f.endsWith('.data')).sort())",
    ),
  ) as string[]

/** Periods in a file of the pod, as perf reads them, after perf has read all else without a warning. */
function periodsOf(t: TestContext, pod: string, file: string): readonly bigint[] {
  const copy = join(temporaryDirectory(t), file)
  const script = `process.stdout.write(fs.readFileSync('/var/lib/sonde/profiles/${file}'))`
  writeFileSync(copy, inPod(pod, '/usr/local/bin/node', '-e', script))
  readWithPerf(copy)
  const { stdout } = run('perf', ['script', '-F', 'period', '-G', '-i', copy])
  return stdout.split('\n').flatMap((line) => (line.trim() === '' ? [] : BigInt(line.trim())))
}

const ofContainer = (profiles: readonly ReadProfile[], id: string): readonly ReadProfile[] =>
  profiles.filter(({ resource }) => resource['container.id'] === id)

const functionsIn = (profiles: readonly ReadProfile[]): ReadonlySet<string> =>
  new Set(
    profiles.flatMap(({ samples }) => samples.flatMap(({ stack }) => stack.flatMap((f) => f.functions))),
  )

test('a DaemonSet profiles its node, follows its ConfigMap, and drains', { timeout: 600_000 }, async (t) => {
  const agent = await deployed(t)
  const { pod } = agent
  startBusyPod()

  await t.test('it is no root, has the four capabilities, and can write to its volume only', (s) => {
    const { pid } = statusOf(pod)
    const proc = node(pod, `fs.readFileSync('/proc/${pid}/status', 'utf8')`)
    assert.deepEqual(/^Uid:\t(\d+)/m.exec(proc)?.[1], `${AGENT_USER}`)
    const sets = setsIn(proc)
    s.diagnostic(JSON.stringify(sets))
    assert.deepEqual([sets.Prm, sets.Eff, sets.Bnd], [maskOf(FOUR), maskOf(FOUR), maskOf(FOUR)])
    assert.deepEqual([sets.Inh, sets.Amb], [maskOf([]), maskOf([])], 'nothing for programs that it starts')
    assert.match(proc, /^NoNewPrivs:\t1$/m)
    assert.match(proc, /^Seccomp:\t2$/m)
    const write = (path: string): string =>
      node(pod, `try { fs.writeFileSync('${path}', ''); 'written' } catch (error) { error.code }`)
    assert.equal(write('/app/file'), 'EROFS')
    assert.equal(write('/sys/fs/cgroup/file'), 'EROFS')
    assert.equal(write('/var/lib/sonde/file'), 'written')
    s.diagnostic(
      `resident: ${/^VmRSS:\s*(.*)$/m.exec(proc)?.[1]}, at most ${/^VmHWM:\s*(.*)$/m.exec(proc)?.[1]}`,
    )
  })

  await t.test('doctor finds nothing to repair, started as the agent is', (s) => {
    const { Entrypoint } = JSON.parse(run(process.execPath, [imageConfigScript]).stdout) as {
      Entrypoint: readonly string[]
    }
    const said = inPod(pod, ...Entrypoint, 'doctor').toString()
    s.diagnostic(said)
    assert.match(said, /back-end +bpf$/m)
  })

  await t.test('it has nothing to complain of', () => {
    assert.deepEqual(tryInPod(pod, 'sonde', 'status', '--check'), { status: 0, stdout: '', stderr: '' })
  })

  await t.test('it samples by BPF what the ConfigMap says', () => {
    const { sampler, sessions } = statusOf(pod)
    assert.equal(sampler?.backEnd, 'bpf')
    assert.deepEqual(
      sessions.map(({ config, event, frequency }) => [config, event, frequency]),
      [[{ name: 'node-cpu', version: '1' }, 'cpu-clock', 99]],
    )
  })

  await t.test(
    'an OTLP receiver gets profiles of another pod, by container, with names and the node',
    async () => {
      const id = containerIdOf(podOf(BUSY))
      const { nodeName } = podOf(pod).spec
      const found = await until('a profile of the busy pod', 60, () => {
        const profiles = ofContainer(agent.receiver.profiles(), id)
        return functionsIn(profiles).has('spinInTheBusyPod') ? profiles : undefined
      })
      for (const { resource } of found) {
        assert.equal(resource['k8s.node.name'], nodeName)
        assert.equal(resource['host.name'], nodeName)
      }
    },
  )

  const needsPerf = isInstalled('perf') ? {} : { skip: 'perf is missing (Debian: linux-perf)' }
  await t.test('perf reads the files', needsPerf, async (s) => {
    const [file = ''] = await until('a finished file', 60, () => {
      const files = finishedFiles(pod)
      return files.length > 0 ? files : undefined
    })
    const periods = periodsOf(s, pod, file)
    assert.ok(periods.length > 0)
    assert.deepEqual([...new Set(periods)], [FIRST_PERIOD])
  })

  await t.test('an edit of the ConfigMap changes what is sampled, without a restart', async (s) => {
    const before = finishedFiles(pod)
    const edited = performance.now()
    editConfigMap({ [PROFILES]: withPeriod(agent.documents[PROFILES] ?? '', SECOND_PERIOD) })
    poke(pod)
    await until(
      'the new period',
      120,
      () => statusOf(pod).sessions.some(({ period }) => BigInt(period ?? 0) === SECOND_PERIOD) || undefined,
    )
    s.diagnostic(`edited to sampled: ${((performance.now() - edited) / 1_000).toFixed(1)} s`)
    assert.deepEqual(
      podOf(pod).status.containerStatuses.map(({ restartCount }) => restartCount),
      [0],
    )
    const files = await until('files of the new period', 60, () => {
      const after = finishedFiles(pod).filter((file) => !before.includes(file))
      return after.length > 2 ? after : undefined
    })
    const [newest = ''] = files.slice(-1)
    assert.deepEqual([...new Set(periodsOf(s, pod, newest))], [SECOND_PERIOD])
  })

  await t.test('a key that is added is sampled beside the others, and ends when it is removed', async () => {
    const sampled = () =>
      statusOf(pod).sessions.map(({ config, period }) => [config?.name, BigInt(period ?? 0)])
    const before = sampled()
    editConfigMap({ 'test-profiler.yaml': OF_THE_PREDECESSOR })
    poke(pod)
    const both = await until('the second one', 120, () => {
      const now = sampled()
      return now.length > before.length ? now : undefined
    })
    assert.deepEqual(both, [...before, ['test-profiler', 1_281_018_368n]])
    editConfigMap({ 'test-profiler.yaml': null })
    poke(pod)
    await until('its end', 120, () => sampled().length === before.length || undefined)
    assert.deepEqual(sampled(), before)
  })

  await t.test('an edit that is not valid changes nothing, and stands in the log', async (s) => {
    const valid = withPeriod(agent.documents[PROFILES] ?? '', SECOND_PERIOD)
    editConfigMap({ [PROFILES]: valid.replace('cpu-clock', 'cpu-clok') })
    poke(pod)
    const log = follow(s, 'logs', '-f', pod)
    await until('the complaint', 120, () => /profiles\.yaml:\d+:\d+: .*cpu-clok.*/.exec(log.text())?.[0])
    assert.deepEqual(
      statusOf(pod).sessions.map(({ period }) => BigInt(period ?? 0)),
      [SECOND_PERIOD],
    )
    const checked = tryInPod(pod, 'sonde', 'status', '--check')
    assert.equal(checked.status, 1)
    assert.match(checked.stderr, /profiles\.yaml:\d+:\d+: .*cpu-clok/)
  })

  await t.test('deleted, it delivers everything within the grace period, and ends with 0', async (s) => {
    const log = follow(s, 'logs', '-f', pod)
    const watch = follow(s, 'get', 'pod', pod, '-w', '-o', 'json', '--output-watch-events=false')
    const deleted = performance.now()
    kubectl('-n', NAMESPACE, 'delete', 'daemonset', 'sonde', '--wait=false')
    const exitCode = await until('the end of the pod', 60, () => exitCodeIn(watch.text()))
    const seconds = (performance.now() - deleted) / 1_000
    s.diagnostic(`deleted to ended: ${seconds.toFixed(1)} s`)
    assert.equal(exitCode, 0)
    assert.ok(seconds < readDaemonSet().spec.template.spec.terminationGracePeriodSeconds)
    await log.ended
    s.diagnostic(log.text().split('\n').slice(-12).join('\n'))
    const [, taken = '', written = ''] =
      /^samples: ([\d,]+) taken, ([\d,]+) written, /m.exec(log.text()) ?? []
    assert.equal(written, taken)
    assert.match(taken, /^[\d,]{5,}$/, 'thousands of samples')
    await until('everything that was taken', 10, () => {
      const received = otlpSamples(agent.receiver.profiles())
      return received === Number(taken.replaceAll(',', '')) || undefined
    })
  })
})

const imageConfigScript = join(import.meta.dirname, '../support/image-config.ts')

/** Of the last state that was told; objects follow each other, each from a brace at the line's begin to one. */
function exitCodeIn(watched: string): number | undefined {
  const objects = watched.split(/^(?=\{)/m).filter((text) => /^\}$/m.test(text))
  return objects
    .map((text) => readPod(text).status.containerStatuses[0]?.state.terminated?.exitCode)
    .findLast((code) => code !== undefined)
}
