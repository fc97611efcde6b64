// Stacks without the kernel's part or the user's, and samples that go by their processes' names, on the real kernel.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { BACK_ENDS, type BackEnd } from '../../src/core/back-end.ts'
import { CALL_GRAPH_METHODS, type CallGraph } from '../../src/core/call-graph.ts'
import { FRAME_KINDS, type ProfileBatch, STACK_STATES, type StackParts } from '../../src/core/profile.ts'
import { hertz } from '../../src/core/units.ts'
import { whyNot } from '../support/back-ends.ts'
import { type LiveRequest, liveSampler } from '../support/live-sampler.ts'
import { temporaryDirectory } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'

const wholeMachine = process.getuid?.() === 0 ? {} : { skip: 'sampling the whole machine needs root' }
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function started(context: TestContext, command: string, args: readonly string[]): number {
  const child = spawn(command, args, { stdio: 'ignore' })
  context.after(() => child.kill('SIGKILL'))
  assert.ok(child.pid !== undefined)
  return child.pid
}

interface Sample {
  /** Kinds of its frames, each once. */
  readonly kinds: string
  readonly state: string
  readonly comm: string
}

function samplesIn({ samples, stacks, strings }: ProfileBatch, pid: number): Sample[] {
  const kindsOf = (stack: number): string => {
    const frames = stacks.frameIndices.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])
    const kinds = Array.from(frames, (frame) => FRAME_KINDS[stacks.frames.kind[frame] ?? -1])
    return [...new Set(kinds)].toSorted().join()
  }
  return Array.from(samples.stack, (stack, index) => ({
    pid: samples.pid[index],
    kinds: kindsOf(stack),
    state: STACK_STATES[stacks.state[stack] ?? -1] ?? '',
    comm: strings.at(samples.comm[index] ?? 0),
  })).filter((sample) => sample.pid === pid)
}

/** At least 200 samples of the process. */
async function sampled(pid: number, request: Omit<LiveRequest, 'rate'>): Promise<readonly Sample[]> {
  const { sampler, batches } = liveSampler({
    rate: { by: 'frequency', hertz: hertz(499) },
    filter: { rules: [{ action: 'include', match: { by: 'pid', pid } }] },
    ...request,
  })
  await sampler.start()
  const seen = (): readonly Sample[] => batches.flatMap((batch) => samplesIn(batch, pid))
  while (seen().length < 200) await after(50)
  await sampler.stop()
  return seen()
}

const valuesOf = <Key extends keyof Sample>(samples: readonly Sample[], key: Key): ReadonlySet<Sample[Key]> =>
  new Set(samples.map((sample) => sample[key]))

function partsTest(
  name: string,
  stackParts: StackParts,
  body: (samples: readonly Sample[], method: CallGraph['method']) => void,
): void {
  for (const backEnd of BACK_ENDS) {
    for (const method of CALL_GRAPH_METHODS) {
      test(`${name} (${backEnd}, ${method})`, wholeMachine, async (context) => {
        const reason = whyNot(backEnd)
        if (reason !== undefined) return context.skip(reason)
        // Half in the kernel, half in the program.
        const pid = started(context, 'dd', ['if=/dev/zero', 'of=/dev/null', 'bs=4k'])
        const callGraph = method === 'fp' ? { method } : { method, stackBytes: undefined }
        body(await sampled(pid, { backEnd, callGraph, stackParts }), method)
      })
    }
  }
}

partsTest('stacks have both parts', { kernel: true, user: true }, (samples) => {
  const kinds = valuesOf(samples, 'kinds')
  assert.ok(
    [...kinds].some((each) => each.includes('kernel,native')),
    [...kinds].join(' '),
  )
})

partsTest(
  'without the kernel’s part stacks begin in the program',
  { kernel: false, user: true },
  (samples, method) => {
    const kinds = [...valuesOf(samples, 'kinds')]
    assert.ok(
      kinds.every((each) => !each.includes('kernel')),
      kinds.join(' '),
    )
    assert.ok(
      kinds.some((each) => each.includes('native')),
      kinds.join(' '),
    )
    assert.ok(valuesOf(samples, 'state').has(method === 'fp' ? 'unverified' : 'complete'))
  },
)

partsTest(
  'without the user’s part stacks have the kernel’s, or nothing',
  { kernel: true, user: false },
  (samples) => {
    assert.deepEqual(valuesOf(samples, 'kinds'), new Set(['kernel', '']))
    assert.deepEqual(valuesOf(samples, 'state'), new Set(['kernel']))
  },
)

partsTest('without both parts samples count all the same', { kernel: false, user: false }, (samples) => {
  assert.deepEqual(valuesOf(samples, 'kinds'), new Set(['']))
  assert.deepEqual(valuesOf(samples, 'state'), new Set(['kernel']))
})

const threadNamesOf = (pid: number): readonly string[] =>
  readdirSync(`/proc/${pid}/task`).map((tid) => readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').trim())

async function threadsOf(context: TestContext, backEnd: BackEnd, threadNames: boolean) {
  const program = join(temporaryDirectory(context), 'own-name')
  copyFileSync(workload('named_threads'), program)
  const pid = started(context, program, ['60', 'one', 'two'])
  // A thread has its process's name until it gives itself its own.
  while (!['one', 'two'].every((name) => threadNamesOf(pid).includes(name))) await after(20)
  return [...valuesOf(await sampled(pid, { backEnd, threadNames }), 'comm')].toSorted()
}

for (const backEnd of BACK_ENDS) {
  test(
    `samples go by their threads’ names, or by their processes’ (${backEnd})`,
    wholeMachine,
    async (context) => {
      const reason = whyNot(backEnd)
      if (reason !== undefined) return context.skip(reason)
      assert.deepEqual(await threadsOf(context, backEnd, true), ['one', 'two'])
      assert.deepEqual(await threadsOf(context, backEnd, false), ['own-name'])
    },
  )
}
